"""How deep the logic between registers is, in a netlist that Yosys mapped to a Xilinx family.

Every bit of the netlist gets a depth in *levels*: a look-up table is one level, a carry cell of
four bits half a level (so that 32 bits of carry are four), a multiplier without a register in it
five, and what is read from a memory without an output register begins at two (block) or three
(ultra) levels. That is a rough scale of about half a nanosecond a level with its wire on
UltraScale+, not timing analysis: it finds the paths that are out of line before any placer does.
Wide multiplexers behind look-up tables are free, reads of distributed memory and of shift registers
are look-up tables. Inverters count as look-up tables although most of them vanish.

Paths begin at registers, memories and input ports and end at registers, memories and output
ports. Ports count as registers: a path through a port is as long as what lies inside. The netlist
must be flat. A cell that is in no table is an error.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from .tools import ToolError

__all__ = ["LEVELS_SOURCE", "LogicLevels", "LogicPath", "logic_levels"]

LEVELS_SOURCE = (
    "levels: LUT 1, four carry bits 1/2, multiplier without register 5,"
    " block memory without output register 2, ultra memory 3"
)

Cell = Mapping[str, Any]
Bit = int | str

LUT = 1.0
CARRY_CELL_BITS = 4
CARRY = 0.5
MULTIPLIER = 5.0
BLOCK_MEMORY = 2.0
ULTRA_MEMORY = 3.0

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


@dataclass(frozen=True)
class _Arc:
    """Outputs that depend on inputs within a cycle."""

    inputs: tuple[Bit, ...]
    outputs: tuple[Bit, ...]
    weight: float
    kind: str


@dataclass(frozen=True)
class _Timing:
    """A cell: where paths go through, where they begin (with levels) and end (with levels more)."""

    arcs: tuple[_Arc, ...] = ()
    starts: tuple[tuple[Bit, float, str], ...] = ()
    ends: tuple[tuple[Bit, float, Bit | None], ...] = ()


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
    timings = {name: _timing(cell) for name, cell in module["cells"].items()}
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


def _arrivals(module: Mapping[str, Any], timings: Mapping[str, _Timing]) -> dict[Bit, _Arrival]:
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


def _bits(cell: Cell, *ports: str) -> tuple[Bit, ...]:
    return tuple(bit for port in ports for bit in cell["connections"].get(port, ()))


def _inputs(cell: Cell, without: tuple[str, ...] = ()) -> Iterator[str]:
    for port, direction in cell["port_directions"].items():
        if direction == "input" and port not in without:
            yield port


def _outputs(cell: Cell) -> Iterator[str]:
    for port, direction in cell["port_directions"].items():
        if direction == "output":
            yield port


def _parameter(cell: Cell, name: str) -> int:
    """A whole number: Yosys writes it in binary digits."""
    text = cell["parameters"].get(name, "0")
    return int(text, 2) if isinstance(text, str) and set(text) <= {"0", "1"} else 0


def _timing(cell: Cell) -> _Timing:
    for pattern, make in _KINDS:
        if re.fullmatch(pattern, cell["type"]):
            return make(cell)
    raise ToolError(f"Cells of a netlist must be mapped and known, not {cell['type']}")


def _through(weight: float, kind: str) -> Callable[[Cell], _Timing]:
    def make(cell: Cell) -> _Timing:
        inputs, outputs = _bits(cell, *_inputs(cell)), _bits(cell, *_outputs(cell))
        return _Timing((_Arc(inputs, outputs, weight, kind),))

    return make


def _carry(cell: Cell) -> _Timing:
    """Sum bit k depends on selects up to k and on the carry into the cell."""
    connections = cell["connections"]
    first = _bits(cell, "CI", "CYINIT", "CI_TOP")
    arcs = []
    for number, (total, carry) in enumerate(zip(connections["O"], connections["CO"])):
        selects, values = connections["S"][: number + 1], connections["DI"][:number]
        arcs.append(_Arc((*first, *selects, *values), (total,), CARRY, "carry"))
        values = connections["DI"][: number + 1]
        arcs.append(_Arc((*first, *selects, *values), (carry,), CARRY, "carry"))
    return _Timing(tuple(arcs))


def _register(cell: Cell) -> _Timing:
    (output,) = _bits(cell, "Q")
    ends = tuple((bit, 0.0, output) for bit in _bits(cell, *_inputs(cell, ("C",))))
    return _Timing(starts=((output, 0.0, ""),), ends=_real(ends))


def _shift_register(cell: Cell) -> _Timing:
    outputs = _bits(cell, "Q", "Q31")
    address = _bits(cell, "A", "A0", "A1", "A2", "A3")
    starts = tuple((bit, LUT, "lut") for bit in outputs)
    ends = tuple((bit, 0.0, outputs[0]) for bit in _bits(cell, "D", "CE"))
    return _Timing((_Arc(address, outputs, LUT, "lut"),), starts, _real(ends))


def _distributed(cell: Cell) -> _Timing:
    """A read is a look-up table from the address, or from what was written before."""
    connections, kind = cell["connections"], cell["type"]
    arcs, outputs = [], []
    read: dict[str, str] = {}
    if "SPO" in connections or kind.endswith("1S"):
        names = [name for name in connections if re.fullmatch(r"A\d*", name)]
        arcs.append(_Arc(_bits(cell, *names), _bits(cell, "SPO", "O"), LUT, "lut"))
        names = [name for name in connections if re.fullmatch(r"DPRA\d*", name)]
        arcs.append(_Arc(_bits(cell, *names), _bits(cell, "DPO"), LUT, "lut"))
    else:
        read = {f"DO{port}": f"ADDR{port}" for port in "ABCDEFGH"}
        for data, address in read.items():
            arcs.append(_Arc(_bits(cell, address), _bits(cell, data), LUT, "lut"))
    outputs = [bit for arc in arcs for bit in arc.outputs]
    starts = tuple((bit, LUT, "lut") for bit in outputs)
    written = [
        port for port in _inputs(cell, ("WCLK", *read.values())) if not port.startswith("DPRA")
    ]
    ends = tuple((bit, 0.0, None) for bit in _bits(cell, *written))
    return _Timing(tuple(arcs), starts, _real(ends))


def _memory(registers: tuple[str, ...], begins: float) -> Callable[[Cell], _Timing]:
    def make(cell: Cell) -> _Timing:
        levels = 0.0 if all(_is_on(cell, name) for name in registers) else begins
        starts = tuple((bit, levels, "") for bit in _bits(cell, *_outputs(cell)))
        ends = tuple((bit, 0.0, None) for bit in _bits(cell, *_inputs(cell)))
        return _Timing(starts=_real(starts), ends=_real(ends))

    return make


def _is_on(cell: Cell, name: str) -> bool:
    return cell["parameters"].get(name) == "TRUE" or _parameter(cell, name) > 0


def _multiplier(cell: Cell) -> _Timing:
    """A DSP block. With registers at both sides it is like one; what lies between is a level for
    an adder, five for a multiplier."""
    weight = 1.0 if cell["parameters"].get("USE_MULT") == "NONE" else MULTIPLIER
    before = _parameter(cell, "AREG") > 0 and _parameter(cell, "BREG") > 0
    after = _parameter(cell, "PREG") > 0
    inputs, outputs = _bits(cell, *_inputs(cell, ("CLK",))), _bits(cell, *_outputs(cell))
    if not before and not after:
        return _Timing((_Arc(inputs, outputs, weight, "multiplier"),))
    starts = tuple((bit, 0.0 if after else weight, "") for bit in outputs)
    ends = tuple((bit, 0.0 if before else weight, None) for bit in inputs)
    return _Timing(starts=_real(starts), ends=_real(ends))


def _real(places: tuple[tuple[Bit, float, Any], ...]) -> tuple[tuple[Bit, float, Any], ...]:
    """Without bits that are constant."""
    return tuple(place for place in places if isinstance(place[0], int))


_KINDS: tuple[tuple[str, Callable[[Cell], _Timing]], ...] = (
    (r"LUT[1-6]|INV", _through(LUT, "lut")),
    (r"MUXF[789]", _through(0.0, "")),
    (r"CARRY[48]", _carry),
    (r"FD[RSCP]E(_1)?", _register),
    (r"SRL16E|SRLC16E|SRLC32E", _shift_register),
    (r"RAM(32|64|128|256|512)[XM].*", _distributed),
    (r"RAMB(18|36)E[12]", _memory(("DOA_REG", "DOB_REG"), BLOCK_MEMORY)),
    (r"URAM288", _memory(("OREG_A", "OREG_B"), ULTRA_MEMORY)),
    (r"DSP48E[12]", _multiplier),
    (r"GND|VCC|\$scopeinfo", lambda cell: _Timing()),
)
