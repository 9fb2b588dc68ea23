"""Synthesis of a large design in pieces: each unit by itself, then what joins them.

Yosys flattens and maps a unit in a time that grows faster than its size, and a hierarchy faster
still, so a decoder as one piece takes hours. Here each unit (a module with all below it) is a flat
run of its own, the rest is one more in which units are boxes, and two runs go side by side. At the
end the mapped pieces are put together, flat, for whoever wants to look at the whole netlist: paths
from unit to unit are whole in it. Nothing is optimised across a unit's ports, so counts are those
of the pieces and a little above those of one flat run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sterna_hw.base import Device

from .tools import run_tool
from .yosys import AMOUNTS, CHECKS, Resources, count_cells, tool_version, yosys_command

__all__ = ["PiecesResult", "synthesise_pieces", "units_of"]

TOGETHER = 2
"""Runs side by side."""


@dataclass(frozen=True)
class PiecesResult:
    """Resources of the whole, and of each unit by its place (``core.vector``); ``rest`` is what
    joins them."""

    total: Resources
    units: dict[str, Resources]


def units_of(modules: Sequence[str], top: str) -> list[str]:
    """The units of a decoder among its modules: those below the core and those beside it. A
    module's name is its place in the hierarchy, since `sterna_hw.verilog` names them so."""
    units = []
    for module in modules:
        place = module.split("__")[1:] if module.startswith(f"{top}__") else []
        if len(place) == 2 and place[0] == "core" or len(place) == 1 and place[0] != "core":
            units.append(module)
    return units


def synthesise_pieces(
    folder: Path,
    sources: Sequence[str],
    top: str,
    device: Device,
    netlist: str,
    *,
    progress: Callable[[str], None] = lambda line: None,
    timeout_seconds: float = 4 * 3600,
) -> PiecesResult:
    """Synthesise Verilog files of ``folder``, which have a module's name each, for ``device``.

    Writes the whole mapped netlist, flat, to ``netlist``; leaves a script and a log of each run,
    those of the last one as ``yosys.ys`` and ``yosys.log``.

    Raises
    ------
    ToolError
        If Yosys is missing or fails, or a cell of the result is unknown.
    """
    units = units_of([Path(name).stem for name in sources], top)
    command = f"{device.yosys} -noiopad -noclkbuf -uram -flatten"
    # Largest first, by their text, so that no long run is left alone at the end.
    size = {
        unit: sum((folder / name).stat().st_size for name in sources if name.startswith(unit))
        for unit in units
    }

    def run(piece: str) -> Resources:
        boxes = units if piece == top else []
        script = [
            *(f"read_verilog -sv {name}" for name in _needed(piece, sources, units, top)),
            *(f"blackbox {unit}" for unit in boxes),
            f"hierarchy -check -top {piece}",
        ]
        script += CHECKS
        script += [
            f"{command} -top {piece}",
            f"tee -q -o {piece}.json stat -json",
            f"select {piece}",
        ]
        script += [f"write_rtlil -selected {piece}.il"]
        _yosys(folder, f"yosys_{piece}", script, timeout_seconds)
        statistics = json.loads((folder / f"{piece}.json").read_text())
        cells = statistics["modules"][f"\\{piece}"]["num_cells_by_type"]
        own = {kind: count for kind, count in cells.items() if kind.lstrip("\\") not in boxes}
        progress(f"Synthesised {piece}")
        return count_cells(own, device.family, f"{tool_version(statistics)}, {command}, in pieces")

    pieces = [top, *sorted(units, key=lambda unit: -size[unit])]
    with ThreadPoolExecutor(TOGETHER) as pool:
        found = dict(zip(pieces, pool.map(run, pieces)))
    join = [f"read_rtlil {piece}.il" for piece in pieces]
    join += ["read_verilog -lib +/xilinx/cells_sim.v", "read_verilog -lib +/xilinx/cells_xtra.v"]
    join += [f"hierarchy -check -top {top}", "flatten", f"select {top}"]
    join += [f"write_json -selected {netlist}"]
    _yosys(folder, "yosys", join, timeout_seconds)
    places = {piece: piece.removeprefix(f"{top}__").replace("__", ".") for piece in units}
    by_unit = {places[unit]: found[unit] for unit in sorted(units)} | {"rest": found[top]}
    total = {kind: sum(getattr(unit, kind) for unit in by_unit.values()) for kind in AMOUNTS}
    return PiecesResult(Resources(**total, source=found[top].source), by_unit)


def _needed(piece: str, sources: Sequence[str], units: Sequence[str], top: str) -> list[str]:
    """The files of a piece: of a unit those below it, of the rest all but those, and modules that
    have no place in the hierarchy."""

    def is_needed(module: str) -> bool:
        if not module.startswith(top):
            return True
        if piece != top:
            return module == piece or module.startswith(f"{piece}__")
        return not any(module.startswith(f"{unit}__") for unit in units)

    return [name for name in sources if is_needed(Path(name).stem)]


def _yosys(folder: Path, name: str, script: Sequence[str], timeout_seconds: float) -> None:
    (folder / f"{name}.ys").write_text("\n".join(script) + "\n")
    run_tool(yosys_command(f"{name}.ys"), folder, f"{name}.log", timeout_seconds=timeout_seconds)
