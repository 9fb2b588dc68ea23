"""Roofline: rates of multiply-accumulates against what the memory, the edges and the engines allow.

Over the bytes that must move for each multiply-accumulate stand two ceilings: what the edges (of a
streaming accelerator, its AXI4-Stream beats) or the memory (of a decoder) can feed, and what the
engines can do if they never wait. A point below both says what is missing. Of a streaming
accelerator the layers stand there too, by the bytes of their own streams: a line joins what a layer
does with what its engine could do, so its length is idleness. Only weights' multiply-accumulates
count, of decoders only those of the ternary matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sterna.ir import GroupMatMul, MatMul

from ..decoder_estimate import Workload, estimate_decoder
from .content import Plot, Section, Table
from .facts import Facts
from .figures import COLORS, INK, LIGHT, new_figure, plain_numbers, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Roofline",
    "RooflinePoint",
    "decoder_roofline",
    "roofline_section",
    "streaming_roofline",
]

GIGA = 1e9


@dataclass(frozen=True)
class RooflinePoint:
    """A rate: multiply-accumulates a byte, those a second, where it comes from; ``peak`` is what
    its own engine could do, for a layer."""

    name: str
    intensity: float
    rate: float
    source: str
    peak: float | None = None


@dataclass(frozen=True)
class Roofline:
    """Bytes a second, the engines' multiply-accumulates a second, and the points below them."""

    feed: str
    bytes_per_second: float
    peak: float
    points: tuple[RooflinePoint, ...]

    def ceiling(self, intensity: float) -> float:
        """The rate that nothing at this intensity can exceed."""
        return min(self.peak, self.bytes_per_second * intensity)


def streaming_roofline(facts: Facts) -> Roofline:
    """Of a streaming accelerator."""
    report, record, graph = facts.report, facts.design.record, facts.design.graph
    clock = facts.clock_mhz * 1e6
    intervals = {
        source: report["cycles"]["interval"][source]
        for source in ("predicted", "simulated")
        if source in report["cycles"]["interval"]
    }
    points, peak, total = [], 0.0, 0
    for layer in report["layers"]:
        op = next((op for op in graph.ops if op.name == layer["name"]), None)
        if not isinstance(op, MatMul | GroupMatMul):
            continue
        given, taken = graph.types[op.name], graph.types[op.inputs[0]]
        count = int(np.size(op.weights)) * given.vectors
        moved = sum(kind.size * kind.range.width / 8 for kind in (given, taken))
        own = count / layer["cycles"] * clock
        rate = count / intervals["predicted"] * clock
        points.append(RooflinePoint(layer["name"], count / moved, rate, "predicted", own))
        peak, total = peak + own, total + count
    edges = [record[side]["bytes"] * record[side]["beats"] for side in ("input", "output")]
    intensity = total / sum(edges)
    points += [
        RooflinePoint("whole network", intensity, total / cycles * clock, source)
        for source, cycles in intervals.items()
    ]
    # Both edges work at the same time: a frame takes as long as the one with more beats.
    beats = max(record[side]["beats"] for side in ("input", "output"))
    return Roofline("AXI4-Stream edges", sum(edges) / beats * clock, peak, tuple(points))


def decoder_roofline(facts: Facts) -> Roofline:
    """Of a decoder: the prompt's passes and a token behind it, estimated; simulated tokens."""
    design, report = facts.decoder, facts.report
    shape, hardware = design.model.shape, design.hardware
    clock = facts.clock_mhz * 1e6
    cycles = report["cycles"]
    record = estimate_decoder(
        facts.model,
        shape,
        facts.target,
        hardware,
        Workload(facts.clock_mhz, prompt=cycles["prompt"]),
    )
    per_token = shape.ternary_count
    points = [
        RooflinePoint(
            f"prompt of {phase['tokens']} tokens"
            if phase["name"] == "prefill"
            else f"token at position {phase['position']}",
            per_token * phase["tokens"] / phase["bytes"],
            per_token * phase["tokens"] * clock / phase["cycles"],
            "estimated",
        )
        for phase in record["phases"]
    ]
    simulated = cycles.get("interval", {}).get("simulated")
    if simulated is not None:
        middle = cycles["prompt"] + cycles["tokens"] // 2
        moved = design.layout.token_bytes(min(middle, shape.context - 1))
        name = f"{cycles['tokens'] - 1} tokens behind the prompt, mean"
        points.append(
            RooflinePoint(name, per_token / moved, per_token * clock / simulated, "simulated")
        )
    bandwidth = record["memory"]["gigabytes_per_second"] * GIGA
    core = design.config.core
    peak = core.lanes * core.tables * core.group * core.queries * clock
    where = "on the chip" if hardware.memory == "on-chip" else "behind the ports"
    return Roofline(f"memory {where}", bandwidth, peak, tuple(points))


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
    _layers(axes, [point for point in line.points if point.peak is not None])
    whole = [point for point in line.points if point.peak is None]
    axes.scatter(
        [point.intensity for point in whole],
        [point.rate / GIGA for point in whole],
        s=70, c=[COLORS[0] if point.source == "simulated" else COLORS[1] for point in whole],
        edgecolors="white", linewidths=0.8, zorder=4, gid="whole",
    )  # fmt: skip
    rates = [point.rate / GIGA for point in line.points]
    axes.set_ylim(min(rates) / 3, line.peak / GIGA * 3)
    axes.set_xlim(low, high)
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
    for point in points:
        axes.annotate(point.name, (point.intensity, point.rate / GIGA), (0, -11), fontsize=7.5,
                      textcoords="offset points", ha="center", color=LIGHT)  # fmt: skip


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
        # Names lie within the plot, and the highest above its point if there is room to the line.
        is_right = point.intensity > (low * high) ** 0.5
        is_above = not place and point.rate < line.ceiling(point.intensity) / 1.6
        axes.annotate(
            f"{point.name} ({', '.join(found.source for found in same)})",
            (point.intensity, point.rate / GIGA),
            (-9 if is_right else 9, 6 if is_above else -13 - 13 * max(0, place - 1)),
            ha="right" if is_right else "left",
            textcoords="offset points", fontsize=8.5, weight="bold",
        )  # fmt: skip
