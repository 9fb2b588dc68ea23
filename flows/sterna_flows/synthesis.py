"""`sterna synth`: resources of a built design by Yosys; with place and route, Fmax and a bitstream.

Works in the folder ``synth`` of the build, on copies of its Verilog and memory files. The bare
accelerator is synthesised for its resources. For place and route its ports are too many for a
package, so a second run puts the pin harness around it, or the top of the board that the build is
for (`surroundings`), whose logic is in the bitstream and in nextpnr's ``used`` but not in
``resources``; the two runs go side by side. For
Xilinx devices, which nothing here places, the levels of logic between registers are measured in the
mapped netlist instead (`logic_levels`). Decoders are synthesised in pieces (`unit_synthesis`), so
each of their units has its own count. All results extend the build's report.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sterna.decoder.design import DECODER_FILE, DecoderDesign
from sterna.design import Design
from sterna.output_folder import fresh_folder
from sterna_hw.add_subtract import FAMILY_FILES
from sterna_hw.base import Device, find_device
from sterna_hw.pin_harness import PinHarnessConfig

from .logic_levels import LogicLevels, logic_levels
from .nextpnr import PlacedDesign, place_and_route
from .report_file import check_files, extend_report, read_report
from .surroundings import Surroundings, harness_around, read_board
from .tools import ToolError
from .unit_synthesis import PiecesResult, synthesise_pieces
from .yosys import AMOUNTS, synthesise

__all__ = ["FREQUENCY_MHZ", "copy_sources", "harness_of", "synthesise_design"]

NETLIST = "netlist.json"

FREQUENCY_MHZ = 200.0
"""What the placer strives for unless told otherwise."""


def synthesise_design(
    design: Design | Path,
    pnr: bool = False,
    *,
    frequency_mhz: float = FREQUENCY_MHZ,
    seed: int = 1,
    seeds: int = 1,
    pins: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Synthesise a design, or what `sterna build` left in a folder; gives the extended report.

    ``seeds`` placements are made, from ``seed`` upwards, and the fastest is kept; the report has
    the clocks of all. ``pins`` is an LPF file with pin locations for the harness's ports; without
    it nextpnr places them freely. A build for a board has its pins, and its oscillator's clock is
    what the placer strives for. ``progress`` is told what is going on.

    Raises
    ------
    ValueError
        If the folder is not a build, place and route is asked for a device without it or a design
        with memory ports, contents of memory are not those that were built, or an option means
        nothing.
    ToolError
        If a tool is missing or fails.
    """
    directory = design.directory if isinstance(design, Design) else Path(design)
    report = read_report(directory)
    check_files(directory, report)
    device = find_device(report["target"])
    if pnr and device.nextpnr is None:
        raise ValueError(
            f"Target of place and route must be one of the ECP5 devices, not {device.name}; "
            "synthesise without --pnr, or use the Vivado script of the build"
        )
    if not 0 < frequency_mhz < math.inf:
        raise ValueError(f"Frequency must be above 0 MHz, not {frequency_mhz!r}")
    if pins is not None and not pins.is_file():
        raise ValueError(f"Pins must be an existing LPF file, not {str(pins)!r}")
    if seeds < 1:
        raise ValueError(f"Seeds must be 1 or more, not {seeds!r}")
    if DECODER_FILE in report["files"]:
        decoder = DecoderDesign(directory)
        if decoder.hardware.memory == "on-chip":
            decoder.check_image()
    say = progress or (lambda line: None)
    top = report["top"]
    around = _surroundings(directory, top, device, frequency_mhz, pins) if pnr else None
    with fresh_folder(directory / "synth", mark="yosys.log") as work:
        sources = copy_sources(directory, report["files"], work, device)
        try:
            with ThreadPoolExecutor(2) as pool:
                counting = pool.submit(_count, work, sources, top, device, _is_decoder(report), say)
                say(f"Synthesis for {device.name}")
                placing = None
                if around is not None:
                    options = (around, range(seed, seed + seeds), say)
                    placing = pool.submit(_place, work, sources, top, *options)
                counted, levels = counting.result()
                placed = placing.result() if placing is not None else []
        except ToolError as error:
            raise _with_logs(error, work, directory) from None
        _tidy(work, top, around)
    parts = _parts(directory, report, counted, placed, around)
    if levels is not None:
        parts["logic_levels"] = levels.as_dict()
    stale = ("resources", "logic_levels", "fmax_mhz", "place_and_route")
    return extend_report(directory, parts, drop=stale)


def _is_decoder(report: Mapping[str, Any]) -> bool:
    return report.get("kind") == "decoder"


def _count(
    work: Path,
    sources: Sequence[str],
    top: str,
    device: Device,
    is_decoder: bool,
    say: Callable[[str], None],
) -> tuple[PiecesResult, LogicLevels | None]:
    """Resources, and for Xilinx devices the depth of the logic."""
    if device.family == "ecp5":
        return PiecesResult(synthesise(work, sources, top, device), {}), None
    if is_decoder:
        found = synthesise_pieces(work, sources, top, device, NETLIST, progress=say)
    else:
        resources = synthesise(work, sources, top, device, netlist=NETLIST)
        found = PiecesResult(resources, {})
    return found, logic_levels(json.loads((work / NETLIST).read_text()), top)


def copy_sources(directory: Path, files: Sequence[str], work: Path, device: Device) -> list[str]:
    """Copies Verilog and memory contents side by side; gives the Verilog files in their order:
    first what makes the design use the device family's own cells, if there is such a file. What is
    Verilog and not in ``sources.f``, such as the memory of a regression, is no part of the design.
    """
    sources = (directory / "sources.f").read_text().split()
    contents = [name for name in files if "/" not in name and name.endswith(".hex")]
    for name in sources + contents:
        shutil.copyfile(directory / name, work / name)
    if device.family not in FAMILY_FILES:
        return sources
    (work / "family.v").write_text(FAMILY_FILES[device.family])
    return ["family.v", *sources]


def harness_of(verilog: str) -> PinHarnessConfig:
    """Sizes of an accelerator's buses, read from its top module's ports.

    Raises
    ------
    ValueError
        If a port is not there, or there are memory ports.
    """
    ports = {
        name: int(high or 0) + 1
        for high, name in re.findall(
            r"^\s*(?:in|out)put\s+(?:wire\s+)?(?:\[(\d+):0\]\s+)?(\w+);", verilog, re.M
        )
    }

    def width(port: str) -> int:
        if port not in ports:
            raise ValueError(f"Ports of the top module must hold {port}")
        return ports[port]

    if any(port.startswith("m_axi0_") for port in ports):
        raise ValueError(
            "Memory of a design to place must be on the chip, since a package has not the pins of "
            "memory ports: build it with --memory on-chip"
        )
    has_streams = any(port.startswith(("s_axis_", "m_axis_")) for port in ports)
    return PinHarnessConfig(
        input_bytes=width("s_axis_tdata") // 8 if has_streams else 0,
        output_bytes=width("m_axis_tdata") // 8 if has_streams else 0,
        address_width=width("s_axil_awaddr"),
    )


def _surroundings(
    directory: Path, top: str, device: Device, frequency_mhz: float, pins: Path | None
) -> Surroundings:
    """The board that the build is for, or the harness."""
    board = read_board(directory, device)
    if board is None:
        harness = harness_of((directory / f"{top}.v").read_text())
        return harness_around(top, harness, device, frequency_mhz, pins)
    if pins is not None:
        raise ValueError(f"Pins must not be given for a build that has those of {board.board}")
    return board


def _place(
    work: Path,
    sources: Sequence[str],
    top: str,
    around: Surroundings,
    seeds: Sequence[int],
    say: Callable[[str], None],
) -> list[PlacedDesign]:
    """Synthesis of the accelerator and what is around it, place and route, bitstream, in a folder
    of its own; one result a seed. The files of the fastest stay."""
    folder = work / "placed"
    folder.mkdir()
    for path in [*work.glob("*.v"), *work.glob("*.sv"), *work.glob("*.hex")]:
        shutil.copyfile(path, folder / path.name)
    for name, text in around.files.items():
        (folder / name).write_text(text)
    (folder / "pins.lpf").write_text(around.constraints)
    device, frequency_mhz = around.device, around.frequency_mhz
    own = [name for name in around.files if name.endswith(".v") and name not in sources]
    synthesise(folder, [*sources, *own], around.top, device, netlist="netlist.json")
    netlist = (folder / "netlist.json").read_text()
    placements: list[PlacedDesign] = []
    for number, seed in enumerate(seeds, start=1):
        count = f", seed {seed}, {number} of {len(seeds)}" if len(seeds) > 1 else ""
        say(f"Place and route for {device.name}{count}")
        trial = folder / f"seed{seed}"
        trial.mkdir()
        (trial / "netlist.json").write_text(netlist)
        (trial / "pins.lpf").write_text(around.constraints)
        placed = place_and_route(
            trial,
            "netlist.json",
            top,
            device,
            frequency_mhz=frequency_mhz,
            seed=seed,
            constraints="pins.lpf",
        )
        if placed.fmax_mhz > max((other.fmax_mhz for other in placements), default=0):
            for name in (f"{top}.bit", "nextpnr.log", "ecppack.log"):
                shutil.copyfile(trial / name, folder / name)
        placements.append(placed)
        shutil.rmtree(trial)
    (folder / "netlist.json").unlink()
    return placements


def _with_logs(error: ToolError, work: Path, directory: Path) -> ToolError:
    """The same error, once the tools' logs are where they outlive the temporary folder."""
    kept = directory / "synth-failed.log"
    logs = sorted(work.rglob("*.log"))
    kept.write_text("\n".join(f"== {path.name}\n{path.read_text()}" for path in logs))
    return ToolError(f"{error}; the log is {kept}")


def _tidy(work: Path, top: str, around: Surroundings | None) -> None:
    """Keeps what a reader may want: scripts, logs, the harness, constraints and the bitstream."""
    for path in list(work.iterdir()):
        if path.is_file() and path.suffix != ".ys" and path.name != "yosys.log":
            path.unlink()
    placed = work / "placed"
    if around is not None:
        for name in (f"{top}.bit", f"{around.top}.v", "pins.lpf", "nextpnr.log", "ecppack.log"):
            (placed / name).rename(work / name)
        shutil.rmtree(placed)


def _parts(
    directory: Path,
    report: dict[str, Any],
    counted: PiecesResult,
    placements: list[PlacedDesign],
    around: Surroundings | None,
) -> dict[str, Any]:
    """What synthesis adds to the report."""
    made = sorted(f"synth/{path.name}" for path in (directory / "synth").iterdir())
    others = [name for name in report["files"] if not name.startswith("synth/")]
    resources: dict[str, Any] = counted.total.as_dict()
    if counted.units:
        resources["units"] = {
            name: {kind: getattr(unit, kind) for kind in AMOUNTS}
            for name, unit in counted.units.items()
        }
    parts: dict[str, Any] = {"resources": resources, "files": [*others, *made]}
    if placements:
        placed = max(placements, key=lambda design: design.fmax_mhz)
        details = placed.as_dict()
        if len(placements) > 1:
            details["source"] += f", the best of {len(placements)} seeds"
        details["seeds_mhz"] = {str(each.seed): each.fmax_mhz for each in placements}
        parts["fmax_mhz"] = details.pop("fmax_mhz")
        details["critical_path"] = list(details["critical_path"])
        if placed.bitstream is not None:
            details["bitstream"] = f"synth/{placed.bitstream}"
        if around is not None and around.board is not None:
            details["board"] = around.board
        parts["place_and_route"] = details
    return parts
