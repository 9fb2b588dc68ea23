"""Counted resources of one configuration on one device family, kept as JSON.

A row says which configuration it is (the kind of part and the number that it is drawn by, and its
fields for the reader), what Yosys counted, and a digest of the Verilog that was counted. The last
numbers of each kind are held out (see `numbers`): they were measured after the formulas were
settled, the fit never sees them, and errors are told of them alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from sterna_hw.base import Device, find_device

from .draws import Draw, Part
from .engine_parts import ENGINES
from .stream_parts import STREAM_PARTS

__all__ = [
    "FITTED",
    "HELD_OUT",
    "KINDS",
    "MENDED",
    "TARGETS",
    "CostRow",
    "DesignRow",
    "configuration",
    "numbers",
    "read_designs",
    "read_rows",
    "write_rows",
]

TARGETS = {"ecp5": "ecp5-85k", "xcup": "xck26"}
"""The device that stands for a family."""

KINDS = {**STREAM_PARTS, **ENGINES}

FITTED, HELD_OUT = 19, 2
"""Of each kind numbers 0 to 18 are fitted to; the next 2 are held out."""

MENDED = {"concat_streams": (29, 4)}
"""Kinds whose formula was changed when the rows that were held out before had been looked at: these
are fitted to now, with further ones, and as many of higher numbers are held out."""


def numbers(kind: str) -> tuple[range, range]:
    """The numbers of a kind's configurations that are fitted to, and those that are held out."""
    fitted, held_out = MENDED.get(kind, (FITTED, HELD_OUT))
    return range(fitted), range(fitted, fitted + held_out)


@dataclass(frozen=True)
class CostRow:
    """What one configuration takes; ``text`` is its fields."""

    family: str
    kind: str
    number: int
    lut: int
    ff: int
    bram: float
    uram: int
    dsp: int
    digest: str
    source: str
    text: str

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.family, self.kind, self.number)

    @property
    def is_held_out(self) -> bool:
        return self.number in numbers(self.kind)[1]

    @property
    def device(self) -> Device:
        return find_device(TARGETS[self.family])

    @property
    def part(self) -> Part:
        """The configuration."""
        return configuration(self.family, self.kind, self.number)


def configuration(family: str, kind: str, number: int) -> Part:
    """The configuration of that number for a device of the family."""
    return cast(Part, KINDS[kind](Draw(kind, number), find_device(TARGETS[family])))


@dataclass(frozen=True)
class DesignRow:
    """One whole design: what its parts estimate together, and what was counted; ``digest`` is that
    of the Verilog which was counted."""

    model: str
    target: str
    interval: int
    estimated: dict[str, float]
    counted: dict[str, float]
    digest: str
    source: str

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.model, self.target, self.interval)


def read_rows(path: Path) -> list[CostRow]:
    """The rows of a file that `write_rows` wrote; none if there is no file."""
    record = _read(path)
    return [CostRow(source=record["sources"][row.pop("source")], **row) for row in record["rows"]]


def read_designs(path: Path) -> list[DesignRow]:
    """The designs of such a file."""
    return [DesignRow(**row) for row in _read(path)["designs"]]


def write_rows(path: Path, rows: Sequence[CostRow], designs: Sequence[DesignRow]) -> None:
    """Keeps rows as JSON, one a line."""
    sources = sorted({row.source for row in rows})
    ordered = sorted(rows, key=lambda row: row.key)
    records = [json.dumps(asdict(row) | {"source": sources.index(row.source)}) for row in ordered]
    lines = [
        '{"version": 1,',
        f'"sources": {json.dumps(sources)},',
        '"rows": [',
        ",\n".join(records),
        "],",
        '"designs": [',
        ",\n".join(json.dumps(asdict(row)) for row in designs),
        "]}",
    ]
    path.write_text("\n".join(lines) + "\n")


def _read(path: Path) -> dict[str, Any]:
    empty: dict[str, Any] = {"sources": [], "rows": [], "designs": []}
    return json.loads(path.read_text()) if path.is_file() else empty
