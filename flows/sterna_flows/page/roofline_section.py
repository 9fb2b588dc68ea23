"""The roofline as a plot: ceilings, the whole network or the phases of a decoder, and layers.

A point below both ceilings says what is missing. A layer's line joins what it does with what its
engine could do, so its length is idleness. Names that would run into one another are left to the
table beside the plot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .content import Plot, Section, Table
from .facts import Facts
from .figures import COLORS, INK, LIGHT, new_figure, plain_numbers, quiet
from .roofline import GIGA, Roofline, RooflinePoint, decoder_roofline, streaming_roofline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["roofline_section"]

_FAR = 0.62
"""Share of the plot's width from which a name stands to the left of its point."""

_LINE = 0.045
"""A line of small text, as a share of the plot's height."""


def roofline_section(facts: Facts) -> Section:
    """The plot and its points as a table."""
    line = decoder_roofline(facts) if facts.is_decoder else streaming_roofline(facts)
    whole = [point for point in line.points if point.peak is None]
    main = whole[-1]
    share = main.rate / line.ceiling(main.intensity)
    bound = "the engines" if line.ceiling(main.intensity) >= line.peak else line.feed
    lead = (
        f"{main.name.capitalize()} ({main.source}): {_giga(main.rate)} billion multiply-accumulates"
        f" a second, {share:.0%} of the ceiling, which here is set by {bound}."
    )
    clock = f"at {facts.clock_mhz:g} MHz ({facts.clock_source})"
    caption = (
        f"Rates {clock}. Slope: {line.feed}, {line.bytes_per_second / GIGA:.2f} GB/s; flat: all"
        f" engines without waiting, {_giga(line.peak)} GMAC/s. "
    )
    caption += (
        "Only multiply-accumulates of ternary matrices are counted; estimates are those of the"
        " analytic model."
        if facts.is_decoder
        else "Small marks are layers, by the bytes of their own streams: from what a layer does"
        " (dot) to what its engine could (bar)."
    )
    table = Table(
        "Points of the plot; the ceiling of a layer is its own engine"
        if not facts.is_decoder
        else "Points of the plot",
        ("what", "source", "MAC/byte", "GMAC/s", "ceiling", "reached"),
        [
            (
                point.name,
                point.source,
                round(point.intensity, 1),
                _giga(point.rate),
                _giga(point.peak or line.ceiling(point.intensity)),
                f"{point.rate / (point.peak or line.ceiling(point.intensity)):.1%}",
            )
            for point in line.points
        ],
    )
    plot = Plot(
        "roofline",
        _draw(line),
        caption,
        lead,
        tips={
            "whole": [_tip(point) for point in whole],
            "layers": [_tip(point) for point in line.points if point.peak is not None],
        },
        focused=("whole", "layers"),
        beside=table,
    )
    return Section("roofline", "Roofline", lead, [plot])


def _giga(rate: float) -> str:
    return f"{rate / GIGA:,.3g}" if rate < 1000 * GIGA else f"{rate / GIGA:,.0f}"


def _tip(point: RooflinePoint) -> str:
    lines = [
        f"{point.name} ({point.source})",
        f"{_giga(point.rate)} GMAC/s",
        f"{point.intensity:,.1f} MAC per byte",
    ]
    if point.peak is not None:
        lines.append(f"its engine: {_giga(point.peak)} GMAC/s, busy {point.rate / point.peak:.0%}")
    return "\n".join(lines)


def _draw(line: Roofline) -> Figure:
    figure = new_figure(660, 430)
    axes = figure.subplots()
    quiet(axes)
    ridge = line.peak / line.bytes_per_second
    intensities = [point.intensity for point in line.points]
    low, high = min([ridge, *intensities]) / 4, max([ridge, *intensities]) * 5
    ends = [low, ridge, high]
    axes.plot(ends, [line.ceiling(x) / GIGA for x in ends], color=INK, linewidth=1.8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    whole = [point for point in line.points if point.peak is None]
    axes.scatter(
        [point.intensity for point in whole],
        [point.rate / GIGA for point in whole],
        s=70, c=[COLORS[0] if point.source == "simulated" else COLORS[1] for point in whole],
        edgecolors="white", linewidths=0.8, zorder=4, gid="whole",
    )  # fmt: skip
    rates = [point.rate / GIGA for point in line.points]
    axes.set_ylim(min(rates) / 3, line.peak / GIGA * 5)
    axes.set_xlim(low, high)
    _layers(axes, [point for point in line.points if point.peak is not None])
    _names(axes, line, whole)
    ceilings = (
        f"slope: {line.feed}, {line.bytes_per_second / GIGA:.2f} GB/s\n"
        f"flat: engines that never wait, {_giga(line.peak)} GMAC/s"
    )
    axes.text(0.02, 0.97, ceilings, transform=axes.transAxes, fontsize=8, va="top")
    axes.set_xlabel("multiply-accumulates per byte moved")
    axes.set_ylabel("billion multiply-accumulates a second")
    plain_numbers(axes)
    return figure


def _layers(axes: Axes, points: Sequence[RooflinePoint]) -> None:
    if not points:
        return
    x = [point.intensity for point in points]
    rates = [point.rate / GIGA for point in points]
    peaks = [(point.peak or 0) / GIGA for point in points]
    axes.vlines(x, rates, peaks, color=LIGHT, linewidth=1)
    axes.plot(x, peaks, "_", color=LIGHT, markersize=9, markeredgewidth=1.6)
    axes.scatter(x, rates, s=26, color=LIGHT, zorder=3, gid="layers")
    for point in _apart(axes, points):
        axes.annotate(point.name, (point.intensity, point.rate / GIGA), (0, -11), fontsize=7.5,
                      textcoords="offset points", ha="center", color=LIGHT)  # fmt: skip


def _apart(axes: Axes, points: Sequence[RooflinePoint]) -> list[RooflinePoint]:
    """Those whose names do not run into one another, in shares of the plot; the table has all."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    kept: list[tuple[float, float, float]] = []
    found = []
    for point in sorted(points, key=lambda point: -point.rate):
        x = math.log(point.intensity / left) / math.log(right / left)
        y = math.log(point.rate / GIGA / bottom) / math.log(top / bottom)
        wide = 0.006 * len(point.name)
        if all(abs(x - a) > wide + b or abs(y - c) > _LINE for a, b, c in kept):
            kept.append((x, wide, y))
            found.append(point)
    return found


def _names(axes: Axes, line: Roofline, points: Sequence[RooflinePoint]) -> None:
    """Names of the points; one name where an estimate and a simulation are the same."""
    groups: dict[tuple[str, str, str], list[RooflinePoint]] = {}
    for point in points:
        key = (point.name, f"{point.intensity:.2g}", f"{point.rate:.2g}")
        groups.setdefault(key, []).append(point)
    low, high = axes.get_xlim()
    ordered = sorted(groups.values(), key=lambda same: -same[0].rate)
    for place, same in enumerate(ordered):
        point = same[0]
        # Names lie within the plot, clear of the ceilings: above a flat one that is near.
        is_right = math.log(point.intensity / low) > _FAR * math.log(high / low)
        is_near = point.rate > line.ceiling(point.intensity) / 1.6
        is_flat = point.intensity * line.bytes_per_second > line.peak
        is_above = not place and (is_flat if is_near else not is_right)
        rise = (12 if is_near else 6) if is_above else -13 - 13 * max(0, place - 1)
        axes.annotate(
            f"{point.name} ({', '.join(found.source for found in same)})",
            (point.intensity, point.rate / GIGA),
            (-9 if is_right else 9, rise),
            ha="right" if is_right else "left",
            textcoords="offset points", fontsize=8.5, weight="bold",
        )  # fmt: skip
