"""A decoder's units as a drawing: the way of weights and activations, and how busy each unit is.

Words come from memory through the read group: trits on to the engine, keys, values and the head to
the attention unit. Sums go to the vector unit, its codes back to the engine, to attention or by the
cache writer to memory. The sequencer drives all of them. In each unit that carries instructions out
stands its share of a token's cycles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..decoder_estimate import Workload, estimate_decoder
from .content import Plot, Section, Table
from .facts import Facts
from .figures import COLORS, INK, LIGHT, PALE, bare_axes, fitting
from .schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["units_section"]

WIDTH, HEIGHT = 1200, 412
_BAR = 12


@dataclass(frozen=True)
class Unit:
    """A box: where it is, what it says, and its bars by name and share."""

    name: str
    x: int
    y: int
    width: int
    height: int
    lines: Sequence[str] = ()
    bars: Sequence[tuple[str, float]] = ()
    is_bottleneck: bool = False


def units_section(facts: Facts, schedule: Schedule) -> Section:
    """The drawing, and the layers as a table."""
    shares = schedule.shares
    record = estimate_decoder(
        facts.model,
        facts.decoder.model.shape,
        facts.target,
        facts.decoder.hardware,
        Workload(facts.clock_mhz, position=schedule.position),
    )
    decode = record["phases"][1]
    lead = (
        "One engine is shared by all layers; the sequencer takes each token through them."
        f" The bottleneck is the {schedule.bottleneck}: {shares[schedule.bottleneck]:.0%} of a"
        f" token's {schedule.cycles:,} cycles. Memory moves bytes in {decode['roofline_share']:.0%}"
        " of them."
    )
    plot = Plot(
        "pipeline",
        _draw(facts, shares, schedule.bottleneck, decode["roofline_share"]),
        f"Shares are of the cycles of a token at position {schedule.position}"
        f" ({schedule.source}; memory's share is estimated). Resources are the units' estimates.",
        lead,
    )
    total = sum(layer["cycles"] for layer in facts.report["layers"])
    rows = [
        (layer["name"], layer["cycles"], f"{layer['cycles'] / total:.1%}")
        for layer in facts.report["layers"]
    ]
    caption = "Cycles of one token's pass by layer, by the analytic model"
    heads = ("layer", "cycles", "of the pass")
    return Section("pipeline", "Pipeline", lead, [plot, Table(caption, heads, rows, folded=True)])


def _draw(facts: Facts, shares: Mapping[str, float], bottleneck: str, memory: float) -> Figure:
    core, hardware = facts.decoder.config.core, facts.decoder.hardware
    shape = facts.decoder.model.shape
    costs = {unit["name"]: unit["estimated"] for unit in facts.report["units"]}
    outside = hardware.memory == "external"
    images = facts.decoder.layout.image_bytes * hardware.ports / 1e6
    where = "memory outside" if outside else "memory on the chip"
    inside = [_cost(costs[name]) for name in costs if name.startswith("memory")]

    def unit(name: str, title: str, box: tuple[int, int, int, int], *lines: str,
             bars: Sequence[str] = ()) -> Unit:  # fmt: skip
        shown = [(bar, shares[bar]) for bar in bars]
        return Unit(title, *box, (*lines, _cost(costs[name])), shown, bottleneck in bars)

    boxes = [
        Unit(where, 0, 96, 172, 290,
             (f"{images:.2f} MB of weights", f"{hardware.ports} × 128 bit", *inside[:1]),
             [("bytes move", memory)]),
        unit("reads", "read group", (225, 96, 150, 62)),
        unit("trits", "trit decoder", (430, 96, 150, 62)),
        unit("matmul", "table engine", (622, 96, 250, 132), f"{core.tables} tables of {core.group}",
             f"× {core.queries} look-ups × {_lanes(core.lanes)}", bars=["engine"]),
        unit("vector", "vector unit", (950, 96, 248, 132), f"{shape.hidden} wide, norms,",
             "rotations, activations", bars=["vector unit"]),
        unit("attention", "attention and head", (622, 248, 250, 138),
             f"{shape.heads} heads, context {shape.context}", bars=["attention", "head"]),
        unit("cache", "cache writer", (950, 324, 248, 62)),
        unit("sequencer", "sequencer", (225, 8, 973, 40), f"{len(core.program)} instructions"),
        unit("writes", "write group", (225, 324, 150, 62)),
    ]  # fmt: skip
    figure, axes = bare_axes(WIDTH, HEIGHT)
    ways: list[tuple[Sequence[tuple[int, int]], str]] = [
        ([(172, 127), (225, 127)], ""),
        ([(375, 127), (430, 127)], "words"),
        ([(580, 127), (622, 127)], "trits"),
        ([(872, 125), (950, 125)], "sums"),
        ([(950, 195), (872, 195)], "codes"),
        ([(980, 228), (980, 276), (872, 276)], "query"),
        ([(872, 300), (1010, 300), (1010, 228)], "results"),
        ([(400, 127), (400, 276), (622, 276)], "keys, values, head"),
        ([(1100, 228), (1100, 324)], "keys, values"),
        ([(1075, 386), (1075, 403), (400, 403), (400, 355), (375, 355)], "keys, values"),
        ([(225, 355), (172, 355)], ""),
    ]  # fmt: skip
    for points, text in ways:
        _way(axes, points, text)
    for x in (300, 505, 745, 1075):
        axes.plot([x, x], [48, 92], color=LIGHT, linewidth=1, linestyle=(0, (2, 2)))
        axes.fill([x - 3, x + 3, x], [90, 90, 96], color=LIGHT, linewidth=0)
    axes.text(310, 72, "commands", fontsize=8, color=LIGHT, va="center")
    for box in boxes:
        _box(axes, box)
    return figure


def _lanes(count: int) -> str:
    return f"{count} lane{'' if count == 1 else 's'}"


def _cost(cost: Mapping[str, float]) -> str:
    names = {"lut": "LUT", "bram": "BRAM", "uram": "URAM", "dsp": "DSP"}
    return ", ".join(f"{cost[kind]:,g} {name}" for kind, name in names.items() if cost[kind])


def _way(axes: Axes, points: Sequence[tuple[int, int]], text: str) -> None:
    axes.plot(*zip(*points), color=LIGHT, linewidth=1.3)
    (from_x, from_y), (x, y) = points[-2:]
    along, down = (x > from_x) - (x < from_x), (y > from_y) - (y < from_y)
    tip = [(x, y), (x - 7 * along - 4 * down, y - 7 * down - 4 * along),
           (x - 7 * along + 4 * down, y - 7 * down + 4 * along)]  # fmt: skip
    axes.fill(*zip(*tip), color=LIGHT, linewidth=0)
    if not text:
        return
    (first_x, first_y), (next_x, next_y) = max(
        zip(points, points[1:]), key=lambda ends: abs(ends[0][0] - ends[1][0])
    )
    if first_y == next_y:
        axes.text((first_x + next_x) / 2, first_y - 5, text, ha="center", fontsize=8, color=LIGHT)
    else:
        axes.text(first_x + 7, (first_y + next_y) / 2, text, va="center", fontsize=8, color=LIGHT)


def _box(axes: Axes, unit: Unit) -> None:
    from matplotlib.patches import FancyBboxPatch

    works = bool(unit.bars)
    edge = COLORS[3] if unit.is_bottleneck else (COLORS[0] if works else LIGHT)
    face = "#fbeef1" if unit.is_bottleneck else ("#eaf3fa" if works else "#f6f8f9")
    axes.add_patch(
        FancyBboxPatch(
            (unit.x + 1, unit.y), unit.width - 2, unit.height,
            boxstyle="round,pad=0,rounding_size=6", facecolor=face, edgecolor=edge,
            linewidth=1.8 if unit.is_bottleneck else 1.1,
        )
    )  # fmt: skip
    x, y = unit.x + 11, unit.y + 20
    axes.text(x, y, unit.name, fontsize=9.5, weight="bold", va="baseline")
    is_flat = unit.height < 50
    for line in unit.lines:
        if is_flat:
            x += 110
        else:
            y += 17
        shown = fitting(line, unit.x + unit.width - x - 4, 8)
        axes.text(x, y, shown, fontsize=8, color=INK, va="baseline")
    for name, share in unit.bars:
        y += 12
        width = unit.width - 22
        axes.barh(y + _BAR / 2, width, _BAR, x, color=PALE, linewidth=0)
        color = COLORS[3] if unit.is_bottleneck else COLORS[0]
        axes.barh(y + _BAR / 2, max(1, width * min(share, 1)), _BAR, x, color=color, linewidth=0)
        y += _BAR + 11
        bottleneck = ", bottleneck" if unit.is_bottleneck and name == unit.bars[0][0] else ""
        axes.text(x, y, f"{name} {share:.0%}{bottleneck}", fontsize=8, color=INK)
