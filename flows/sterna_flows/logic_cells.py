"""What a mapped Xilinx cell is to a path of logic: passed through, begun or ended at.

The scale is *levels*: a look-up table is one, a carry cell of four bits half a level (so that 32
bits of carry are four), a multiplier without a register in it five, and what is read from a memory
without an output register begins at two (block) or three (ultra) levels. That is a rough scale of
about half a nanosecond a level with its wire on UltraScale+. Wide multiplexers behind look-up
tables are free, reads of distributed memory and of shift registers are look-up tables. Inverters
count as look-up tables although most of them vanish. A cell that is in no table is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .tools import ToolError

__all__ = ["CARRY_CELL_BITS", "LEVELS_SOURCE", "Arc", "Bit", "CellPaths", "cell_paths"]

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


@dataclass(frozen=True)
class Arc:
    """Outputs that depend on inputs within a cycle."""

    inputs: tuple[Bit, ...]
    outputs: tuple[Bit, ...]
    weight: float
    kind: str


@dataclass(frozen=True)
class CellPaths:
    """A cell: where paths go through, where they begin (with levels) and end (with levels more)."""

    arcs: tuple[Arc, ...] = ()
    starts: tuple[tuple[Bit, float, str], ...] = ()
    ends: tuple[tuple[Bit, float, Bit | None], ...] = ()


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


def cell_paths(cell: Cell) -> CellPaths:
    """The paths of a cell of Yosys' JSON.

    Raises
    ------
    ToolError
        If its kind is in no table.
    """
    for pattern, make in _KINDS:
        if re.fullmatch(pattern, cell["type"]):
            return make(cell)
    raise ToolError(f"Cells of a netlist must be mapped and known, not {cell['type']}")


def _through(weight: float, kind: str) -> Callable[[Cell], CellPaths]:
    def make(cell: Cell) -> CellPaths:
        inputs, outputs = _bits(cell, *_inputs(cell)), _bits(cell, *_outputs(cell))
        return CellPaths((Arc(inputs, outputs, weight, kind),))

    return make


def _two_tables(cell: Cell) -> CellPaths:
    """A table with two outputs: O5 depends only on those of the first five inputs by which its
    half of the contents differs (a majority does not wait for the one of the bit below)."""
    half = _parameter(cell, "INIT") & ((1 << 32) - 1)
    arcs = [Arc(_bits(cell, *_inputs(cell)), _bits(cell, "O6"), LUT, "lut")]
    used = [
        f"I{place}"
        for place in range(5)
        if any((half >> row ^ half >> (row ^ 1 << place)) & 1 for row in range(32))
    ]
    arcs.append(Arc(_bits(cell, *used), _bits(cell, "O5"), LUT, "lut"))
    return CellPaths(tuple(arcs))


def _carry(cell: Cell) -> CellPaths:
    """Sum bit k depends on selects up to k and on the carry into the cell."""
    connections = cell["connections"]
    first = _bits(cell, "CI", "CYINIT", "CI_TOP")
    arcs = []
    for number, (total, carry) in enumerate(zip(connections["O"], connections["CO"])):
        selects, values = connections["S"][: number + 1], connections["DI"][:number]
        arcs.append(Arc((*first, *selects, *values), (total,), CARRY, "carry"))
        values = connections["DI"][: number + 1]
        arcs.append(Arc((*first, *selects, *values), (carry,), CARRY, "carry"))
    return CellPaths(tuple(arcs))


def _register(cell: Cell) -> CellPaths:
    (output,) = _bits(cell, "Q")
    ends = tuple((bit, 0.0, output) for bit in _bits(cell, *_inputs(cell, ("C",))))
    return CellPaths(starts=((output, 0.0, ""),), ends=_real(ends))


def _shift_register(cell: Cell) -> CellPaths:
    outputs = _bits(cell, "Q", "Q31")
    address = _bits(cell, "A", "A0", "A1", "A2", "A3")
    starts = tuple((bit, LUT, "lut") for bit in outputs)
    ends = tuple((bit, 0.0, outputs[0]) for bit in _bits(cell, "D", "CE"))
    return CellPaths((Arc(address, outputs, LUT, "lut"),), starts, _real(ends))


def _distributed(cell: Cell) -> CellPaths:
    """A read is a look-up table from the address, or from what was written before."""
    connections, kind = cell["connections"], cell["type"]
    arcs, outputs = [], []
    read: dict[str, str] = {}
    if "SPO" in connections or kind.endswith("1S"):
        names = [name for name in connections if re.fullmatch(r"A\d*", name)]
        arcs.append(Arc(_bits(cell, *names), _bits(cell, "SPO", "O"), LUT, "lut"))
        names = [name for name in connections if re.fullmatch(r"DPRA\d*", name)]
        arcs.append(Arc(_bits(cell, *names), _bits(cell, "DPO"), LUT, "lut"))
    else:
        read = {f"DO{port}": f"ADDR{port}" for port in "ABCDEFGH"}
        for data, address in read.items():
            arcs.append(Arc(_bits(cell, address), _bits(cell, data), LUT, "lut"))
    outputs = [bit for arc in arcs for bit in arc.outputs]
    starts = tuple((bit, LUT, "lut") for bit in outputs)
    written = [
        port for port in _inputs(cell, ("WCLK", *read.values())) if not port.startswith("DPRA")
    ]
    ends = tuple((bit, 0.0, None) for bit in _bits(cell, *written))
    return CellPaths(tuple(arcs), starts, _real(ends))


def _memory(registers: tuple[str, ...], begins: float) -> Callable[[Cell], CellPaths]:
    def make(cell: Cell) -> CellPaths:
        levels = 0.0 if all(_is_on(cell, name) for name in registers) else begins
        starts = tuple((bit, levels, "") for bit in _bits(cell, *_outputs(cell)))
        ends = tuple((bit, 0.0, None) for bit in _bits(cell, *_inputs(cell)))
        return CellPaths(starts=_real(starts), ends=_real(ends))

    return make


def _is_on(cell: Cell, name: str) -> bool:
    return cell["parameters"].get(name) == "TRUE" or _parameter(cell, name) > 0


def _multiplier(cell: Cell) -> CellPaths:
    """A DSP block. With registers at both sides it is like one; what lies between is a level for
    an adder, five for a multiplier."""
    weight = 1.0 if cell["parameters"].get("USE_MULT") == "NONE" else MULTIPLIER
    before = _parameter(cell, "AREG") > 0 and _parameter(cell, "BREG") > 0
    after = _parameter(cell, "PREG") > 0
    inputs, outputs = _bits(cell, *_inputs(cell, ("CLK",))), _bits(cell, *_outputs(cell))
    if not before and not after:
        return CellPaths((Arc(inputs, outputs, weight, "multiplier"),))
    starts = tuple((bit, 0.0 if after else weight, "") for bit in outputs)
    ends = tuple((bit, 0.0 if before else weight, None) for bit in inputs)
    return CellPaths(starts=_real(starts), ends=_real(ends))


def _real(places: tuple[tuple[Bit, float, Any], ...]) -> tuple[tuple[Bit, float, Any], ...]:
    """Without bits that are constant."""
    return tuple(place for place in places if isinstance(place[0], int))


_KINDS: tuple[tuple[str, Callable[[Cell], CellPaths]], ...] = (
    (r"LUT[1-6]|INV", _through(LUT, "lut")),
    (r"LUT6_2", _two_tables),
    (r"MUXF[789]", _through(0.0, "")),
    (r"CARRY[48]", _carry),
    (r"FD[RSCP]E(_1)?", _register),
    (r"SRL16E|SRLC16E|SRLC32E", _shift_register),
    (r"RAM(32|64|128|256|512)[XM].*", _distributed),
    (r"RAMB(18|36)E[12]", _memory(("DOA_REG", "DOB_REG"), BLOCK_MEMORY)),
    (r"URAM288", _memory(("OREG_A", "OREG_B"), ULTRA_MEMORY)),
    (r"DSP48E[12]", _multiplier),
    (r"GND|VCC|\$scopeinfo", lambda cell: CellPaths()),
)
