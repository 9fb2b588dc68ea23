"""What a multiply-accumulate costs: the tables of the engines' own comparisons, in short.

Nothing is synthesised here, since that takes hours: rows are those that `sterna bench engines`,
`decoder-engine` and `unrolled` keep beside their pages. Each row can be checked in seconds: its
Verilog is written anew, and has the digest of the Verilog that was measured, or the row is stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import decoder_engine, engines, unrolled_bench
from ..engine_rows import TARGETS, EngineRow, read_rows
from ..unrolled_bench import Comparison

__all__ = ["EngineFigure", "EngineTables", "read_engine_tables"]


@dataclass(frozen=True)
class EngineFigure:
    """An engine beside its baseline, as LUT for each multiply-accumulate that it sustains a cycle.

    ``case`` says what they have in common; ``is_current`` whether all of it is still the same
    Verilog, None if that was not looked at. ``mhz`` is nextpnr's figure where there is one.
    """

    case: str
    engine: str
    cost: float
    baseline_cost: float
    is_current: bool | None
    source: str
    mhz: float | None = None

    @property
    def ratio(self) -> float:
        """Costs of the engine over those of the baseline."""
        return self.cost / self.baseline_cost


@dataclass(frozen=True)
class EngineTables:
    """The rows by what they are compared with, and what commands make them again."""

    streaming: tuple[EngineFigure, ...]
    decoder: tuple[EngineFigure, ...]
    unrolled: tuple[EngineFigure, ...]


def read_engine_tables(
    folder: Path, most_checked: int | None, tell: Callable[[str], None] = lambda line: None
) -> EngineTables:
    """All rows from the files in ``folder``; of each table so many are checked, all if None.

    Raises
    ------
    ValueError
        If a file is missing.
    """
    for name in ("engines", "decoder-engine", "unrolled"):
        if not (folder / f"{name}.json").is_file():
            raise ValueError(f"Folder {folder} must hold {name}.json, by `sterna bench {name}`")
    tell("Checking the digests of engines")
    check = _Check(most_checked)
    streaming = tuple(_streaming(read_rows(folder / "engines.json"), check))
    check = _Check(most_checked)
    decoder = tuple(_decoder(folder / "decoder-engine.json", check))
    check = _Check(most_checked)
    rows = unrolled_bench.read_comparisons(folder / "unrolled.json")
    return EngineTables(streaming, decoder, tuple(_unrolled(rows, check)))


class _Check:
    """Whether rows are still of the same Verilog, for the first so many questions."""

    def __init__(self, most: int | None) -> None:
        self.left = most

    def __call__(self, question: Callable[[Any], bool], rows: Iterable[Any]) -> bool | None:
        if self.left is not None:
            if not self.left:
                return None
            self.left -= 1
        return all(question(row) for row in rows)


def _streaming(rows: Sequence[EngineRow], check: _Check) -> Iterable[EngineFigure]:
    """The table engine with the fewest LUT for each device and width, by select-and-add."""
    for family, target in TARGETS.items():
        for bits in sorted({row.bits for row in rows}):
            same = [row for row in rows if (row.family, row.bits) == (family, bits)]
            (base,) = (row for row in same if row.engine == "select")
            tables = (row for row in same if row.engine == "table")
            best = min(tables, key=lambda row: row.lut_per_mac)
            yield EngineFigure(
                f"{target}, {bits}-bit activations",
                best.name,
                best.lut_per_mac,
                base.lut_per_mac,
                check(engines.is_current, (best, base)),
                best.source,
                best.fmax_mhz,
            )


def _decoder(store: Path, check: _Check) -> Iterable[EngineFigure]:
    """Every engine of as many lanes as a measured baseline has."""
    rows = decoder_engine.read_engines(store)
    baseline = decoder_engine.NAMES["select"]
    for base in (row for row in rows if row.name == baseline):
        for row in rows:
            if row.lanes == base.lanes and row.name != baseline:
                yield EngineFigure(
                    f"{decoder_engine.TARGET}, token lanes: {row.lanes}",
                    f"{row.name}, {row.dsp_per_mac:.3f} DSP per MAC",
                    row.lut_per_mac,
                    base.lut_per_mac,
                    check(decoder_engine.is_current, (row, base)),
                    row.source,
                )


def _unrolled(rows: Sequence[Comparison], check: _Check) -> Iterable[EngineFigure]:
    """Matrices fixed in logic, as many multiply-accumulates a cycle as there are weights."""
    for row in rows:
        weights = row.inputs * unrolled_bench.OUTPUTS
        yield EngineFigure(
            f"{unrolled_bench.TARGET}, {row.inputs} x {unrolled_bench.OUTPUTS}, {row.zeros} zeros,"
            f" {row.latency} cycles",
            "unrolled, adders alone",
            row.adders.lut / weights,
            row.theirs.lut / weights,
            check(unrolled_bench.is_current, (row,)),
            row.adders.source,
        )
