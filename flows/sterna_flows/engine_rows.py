"""Rows of the comparison of engines: one engine on one device, kept as JSON, and what they say.

A row holds what was counted and what it was measured on (`sterna_flows.engines` measures). From all
rows together follow the engine that a device family gets by default, and which rows are worth
timing. Nothing here runs a tool.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["TARGETS", "EngineRow", "best_buffers", "defaults", "read_rows", "write_rows"]

TARGETS = {"ecp5": "ecp5-85k", "xcup": "xck26"}


@dataclass(frozen=True)
class EngineRow:
    """One engine on one device.

    ``macs`` is what it sustains a cycle, ``lut`` and ``ff`` what Yosys counts, ``estimated_lut``
    what the part's own `cost` says, ``fmax_mhz`` nextpnr's figure where it was asked.
    """

    family: str
    engine: str
    bits: int
    group: int
    sign_fold: bool
    buffers: int
    macs: float
    lut: int
    ff: int
    estimated_lut: int
    estimated_ff: int
    fmax_mhz: float | None
    digest: str
    source: str
    timing_source: str | None = None

    @property
    def lut_per_mac(self) -> float:
        return self.lut / self.macs

    @property
    def ff_per_mac(self) -> float:
        return self.ff / self.macs

    @property
    def name(self) -> str:
        if self.engine == "select":
            return "select-and-add"
        return (
            f"table G={self.group}{' folded' if self.sign_fold else ''}, {self.buffers} buffer"
            + ("s" if self.buffers == 2 else "")
        )

    @property
    def key(self) -> tuple:
        return (self.family, self.engine, self.bits, self.group, self.sign_fold, self.buffers)


def defaults(rows: Sequence[EngineRow]) -> dict[str, dict]:
    """By family: the engine with the fewest LUTs for a sustained multiply-accumulate, on average
    over the activation widths, and likewise the style of table engine. Styles that were left out at
    a width, since they lose there by estimate, do not take part."""
    chosen: dict[str, dict] = {}
    for family in sorted({row.family for row in rows}):
        scores: dict[tuple, list[float]] = {}
        for row in rows:
            if row.family == family:
                best = min(other.lut_per_mac for other in rows if _same_problem(other, row))
                style = (row.engine, row.group, row.sign_fold, row.buffers)
                scores.setdefault(style, []).append(row.lut_per_mac / best)
        widths = len({row.bits for row in rows if row.family == family})
        complete = {style: sum(each) for style, each in scores.items() if len(each) == widths}
        ranking = sorted(complete, key=lambda style: complete[style])
        _, group, sign_fold, buffers = next(style for style in ranking if style[0] == "table")
        table = {"group": group, "sign_fold": sign_fold, "buffers": buffers}
        chosen[family] = {"engine": ranking[0][0], "table": table}
    return chosen


def best_buffers(rows: Sequence[EngineRow], bits: int) -> list[EngineRow]:
    """Of each style on ECP5, the one with the better choice of buffers: those that are timed."""
    best: dict[tuple, EngineRow] = {}
    for row in rows:
        style = row.key[:-1]
        if (row.family, row.bits) != ("ecp5", bits):
            continue
        if style not in best or row.lut_per_mac < best[style].lut_per_mac:
            best[style] = row
    return list(best.values())


def read_rows(path: Path) -> list[EngineRow]:
    """The rows of a file that `write_rows` wrote; none if there is no file."""
    if not path.is_file():
        return []
    return [EngineRow(**row) for row in json.loads(path.read_text())["rows"]]


def write_rows(path: Path, rows: Sequence[EngineRow]) -> None:
    """Keeps rows as JSON."""
    record = {"version": 1, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(record, indent=1) + "\n")


def _same_problem(one: EngineRow, other: EngineRow) -> bool:
    return (one.family, one.bits) == (other.family, other.bits)
