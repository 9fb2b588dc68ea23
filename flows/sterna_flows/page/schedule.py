"""A token of a decoder by unit and cycle: which unit works when, and on which instruction.

If the folder was simulated, the bars are those of the last token that the Verilog gave; without a
simulation they are the analytic model's. The pointer shows an instruction's name and cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sterna.decoder.estimate import DecoderEstimate

from ..decoder_schedule import UNITS, Timeline, estimated_timeline, read_schedule
from ..decoder_timeline import draw_memory, draw_units
from .content import Plot, Section, Table, as_time
from .facts import Facts
from .figures import new_figure, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Schedule", "schedule_section", "token_schedule"]


@dataclass(frozen=True)
class Schedule:
    """A token's bars, the estimate of the same, and what they are of."""

    shown: Timeline
    estimated: Timeline
    source: str
    position: int

    @property
    def cycles(self) -> int:
        return max(bar.end for bar in self.shown.bars)

    @property
    def shares(self) -> Mapping[str, float]:
        """Share of the token's cycles by unit."""
        return {unit: self.shown.busy(unit) / self.cycles for unit in UNITS}

    @property
    def bottleneck(self) -> str:
        return max(UNITS, key=self.shown.busy)


def token_schedule(facts: Facts) -> Schedule:
    """The folder's schedule."""
    design, cycles = facts.decoder, facts.report["cycles"]
    core = design.config.core
    kept = read_schedule(facts.directory)
    position = kept[1]["position"] if kept else cycles["prompt"] + max(cycles["tokens"] - 2, 0)
    position = min(position, design.model.shape.context - 1)
    model = DecoderEstimate(core, design.hardware.memory_timing)
    run = model.run(1, 2, position - 1) if position else model.run(1, 1)
    estimated = estimated_timeline(run.passes[-1], core)
    if kept is None:
        return Schedule(estimated, estimated, "estimated by the analytic model", position)
    source = f"simulated in Verilator, memory profile {kept[1]['memory']}"
    return Schedule(kept[0], estimated, source, position)


def schedule_section(facts: Facts, schedule: Schedule) -> Section:
    """The timeline, and cycles by unit."""
    total, shares = schedule.cycles, schedule.shares
    busiest = schedule.bottleneck
    lead = (
        f"A token at position {schedule.position} takes {total:,} cycles"
        f" ({as_time(total, facts.clock_mhz)} at {facts.clock_mhz:g} MHz); the unit that holds it"
        f" up most is the {busiest}, {shares[busiest]:.0%} of the time ({schedule.source})."
    )
    tips: dict[str, list[str]] = {}
    for place, unit in enumerate(UNITS):
        tips[f"unit{place}"] = [
            f"{bar.name}: {bar.end - bar.begin:,} cycles\n{unit}, from {bar.begin:,} to {bar.end:,}"
            for bar in schedule.shown.bars
            if bar.unit == unit and bar.begin < total
        ]
    plot = Plot(
        "schedule",
        _draw(schedule.shown),
        f"Each bar is an instruction, from the end of the one before to its own end;"
        f" {schedule.source}, position {schedule.position}. Point at a bar for its name.",
        lead,
        tips={name: texts for name, texts in tips.items() if texts},
    )
    is_simulated = schedule.shown is not schedule.estimated
    rows: list[list[Any]] = []
    for unit in UNITS:
        row: list[Any] = [unit, schedule.estimated.busy(unit)]
        row += [schedule.shown.busy(unit)] if is_simulated else []
        rows.append([*row, f"{shares[unit]:.1%}"])
    heads = ["unit", "estimated", *(["simulated"] if is_simulated else []), "of the token"]
    return Section(
        "schedule", "Schedule", lead, [plot, Table("Cycles of the token by unit", heads, rows)]
    )


def _draw(timeline: Timeline) -> Figure:
    end = max(bar.end for bar in timeline.bars)
    has_memory = bool(timeline.asked)
    figure = new_figure(1200, 400 if has_memory else 250)
    if has_memory:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1.3))
        draw_memory(below, timeline, end)
        quiet(below)
    else:
        above = below = figure.subplots()
    draw_units(above, timeline.bars, end)
    quiet(above)
    above.grid(False, axis="y")
    below.set_xlim(0, end)
    below.set_xlabel("cycle of the token")
    below.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure
