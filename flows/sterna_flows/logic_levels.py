"""How deep the logic between registers is, in a netlist that Yosys mapped to a Xilinx family.

Every bit of the netlist gets a depth in *levels*, a rough scale of `logic_cells`: a look-up
table is one level. That is not timing analysis: it finds the paths that are out of line before any
placer does.

Paths begin at registers, memories and input ports and end at registers, memories and output
ports. Ports count as registers: a path through a port is as long as what lies inside. The netlist
must be flat.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from .logic_cells import CARRY_CELL_BITS, LEVELS_SOURCE, Bit, CellPaths, cell_paths
from .tools import ToolError

__all__ = ["LogicLevels", "LogicPath", "logic_levels"]

PATHS_KEPT = 10


@dataclass(frozen=True)
class LogicPath:
    """One path: ``levels`` in all, of these so many look-up tables, carry cells and multipliers;
    ``start`` and ``end`` name registers, memories or ports."""

    levels: float
    luts: int
    carries: int
    multipliers: int
    start: str
    end: str

    @property
    def line(self) -> str:
        parts = [f"{self.luts} LUT"]
        parts += [f"{CARRY_CELL_BITS * self.carries} carry bits"] if self.carries else []
        parts += [f"{self.multipliers} multiplier"] if self.multipliers else []
        return f"{self.levels:g} levels ({', '.join(parts)}) from {self.start} to {self.end}"


@dataclass(frozen=True)
class LogicLevels:
    """The deepest path, the worst ones (each pair of names once), and how many ends are how deep
    (levels rounded up)."""

    deepest: float
    paths: tuple[LogicPath, ...]
    histogram: dict[int, int]
    by_unit: dict[str, LogicPath]

    def as_dict(self) -> dict[str, Any]:
        return {
            "deepest": self.deepest,
            "paths": [asdict(path) for path in self.paths],
            "histogram": {str(levels): count for levels, count in sorted(self.histogram.items())},
            "by_unit": {unit: path.levels for unit, path in sorted(self.by_unit.items())},
            "source": LEVELS_SOURCE,
        }


def logic_levels(netlist: Mapping[str, Any], top: str, *, depth: int = 2) -> LogicLevels:
    """The depths of the flat module ``top`` of a netlist (Yosys' JSON).

    ``by_unit`` groups ends by the first ``depth`` names of the modules that they were in, as far
    as these were kept apart until they were mapped.

    Raises
    ------
    ToolError
        If a cell is of a kind that is in no table, or there is a loop of logic.
    """
    module = netlist["modules"][top]
    timings = {name: cell_paths(cell) for name, cell in module["cells"].items()}
    arrival = _arrivals(module, timings)
    names = _Names(module)
    ends: list[tuple[float, Bit, float, str, str]] = []
    for name, timing in timings.items():
        unit = ".".join(_scope(name)[0][:depth]) or top
        ends += [
            (arrival[bit].levels + extra, bit, extra, names.of(name, where), unit)
            for bit, extra, where in timing.ends
            if bit in arrival
        ]
    for name, port in module["ports"].items():
        if port["direction"] == "output":
            ends += [
                (arrival[bit].levels, bit, 0.0, f"port {name}", top)
                for bit in port["bits"]
                if bit in arrival
            ]
    ends.sort(key=lambda end: (-end[0], end[3]))
    paths: dict[tuple[str, str], LogicPath] = {}
    units: dict[str, LogicPath] = {}
    for _, bit, extra, place, unit in ends:
        if unit in units and len(paths) >= PATHS_KEPT:
            continue
        path = _trace(arrival, names, bit, extra, place)
        units.setdefault(unit, path)
        if len(paths) < PATHS_KEPT:
            paths.setdefault((path.start, path.end), path)
    return LogicLevels(
        deepest=ends[0][0] if ends else 0.0,
        paths=tuple(paths.values()),
        histogram=dict(Counter(ceil(levels) for levels, *_ in ends)),
        by_unit=units,
    )


@dataclass
class _Arrival:
    """The deepest way to a bit: what it came through, from which bit, or where it began."""

    levels: float
    kind: str = ""
    before: Bit | None = None
    start: str = ""


def _arrivals(module: Mapping[str, Any], timings: Mapping[str, CellPaths]) -> dict[Bit, _Arrival]:
    arrival: dict[Bit, _Arrival] = {}
    for name, port in module["ports"].items():
        if port["direction"] == "input":
            arrival |= {bit: _Arrival(0.0, start=f"port {name}") for bit in port["bits"]}
    for name, timing in timings.items():
        for bit, levels, kind in timing.starts:
            known = arrival.get(bit)
            if known is None or known.levels < levels:
                arrival[bit] = _Arrival(levels, kind, start=name)
    arcs = [arc for timing in timings.values() for arc in timing.arcs]
    readers: dict[Bit, list[int]] = defaultdict(list)
    makers: Counter[Bit] = Counter()
    for number, arc in enumerate(arcs):
        for bit in arc.inputs:
            readers[bit].append(number)
        makers.update(arc.outputs)
    # A bit is done when all arcs that lead to it are; an arc when all its inputs are.
    waits = [0] * len(arcs)
    for bit, numbers in readers.items():
        if makers[bit]:
            for number in numbers:
                waits[number] += 1
    ready = [number for number, count in enumerate(waits) if not count]
    done = 0
    while ready:
        arc = arcs[ready.pop()]
        done += 1
        known = [bit for bit in arc.inputs if bit in arrival]
        latest = max(known, key=lambda bit: arrival[bit].levels, default=None)
        for bit in arc.outputs:
            if latest is not None:
                levels = arrival[latest].levels + arc.weight
                if bit not in arrival or arrival[bit].levels < levels:
                    arrival[bit] = _Arrival(levels, arc.kind, latest)
            makers[bit] -= 1
            if not makers[bit]:
                for number in readers[bit]:
                    waits[number] -= 1
                    if not waits[number]:
                        ready.append(number)
    if done != len(arcs):
        raise ToolError("Netlist must be free of loops of logic")
    return arrival


def _trace(
    arrival: Mapping[Bit, _Arrival], names: _Names, bit: Bit, extra: float, end: str
) -> LogicPath:
    kinds: Counter[str] = Counter()
    levels = arrival[bit].levels + extra
    if extra:
        kinds["multiplier"] += 1
    while True:
        step = arrival[bit]
        kinds[step.kind] += 1
        if step.before is None:
            break
        bit = step.before
    start = step.start if step.start.startswith("port ") else names.of(step.start, bit)
    return LogicPath(levels, kinds["lut"], kinds["carry"], kinds["multiplier"], start, end)


class _Names:
    """Names of registers, memories and DSP blocks as people know them."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self._of_bit: dict[Bit, list[str]] = defaultdict(list)
        for name, net in module["netnames"].items():
            if not net.get("hide_name"):
                for bit in net["bits"]:
                    self._of_bit[bit].append(name)

    def of(self, cell: str, output: Bit | None) -> str:
        """A register's name is the shortest that its output has in its own module or below it,
        without the number of the bit; without an output, or if it has no name, that of the cell,
        without what the tools put around it."""
        parts, rest = _scope(cell)
        known = [] if output is None else self._of_bit.get(output, [])
        own = [name for name in known if name.split(".")[: len(parts)] == parts]
        name = min(own or known, default=None, key=lambda name: (len(name), name))
        return name or ".".join([*parts, re.sub(r"^[$\\]+", "", rest)])


def _scope(cell: str) -> tuple[list[str], str]:
    """The module that a flattened cell came from, and its name there."""
    parts = []
    while match := re.match(r"(?:\$flatten)?\\([^.]+)\.", cell):
        parts.append(match.group(1))
        cell = cell[match.end() :]
    *outer, cell = [cell] if cell.startswith("$") else cell.split(".")
    return [*parts, *outer], cell
