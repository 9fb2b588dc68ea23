"""The pipeline of a streaming accelerator as a drawing: parts, streams, and how busy each part is.

A row is a part, in the order of the data; branches run side by side. Beside each part stand its
folding, the share of the interval in which it works, and what it is estimated to take. The part
that works longest sets the pace and is marked as the bottleneck, in words too. All of it is from
the cycle model and the parts' own estimates; the same rows follow as a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..tables import as_cell
from .content import Cell, Plot, Section, Table
from .facts import Facts
from .figures import COLORS, INK, LIGHT, PALE, bare_axes, fitting
from .lanes import Lanes, place_in_lanes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "PLUMBING",
    "Row",
    "engine_name",
    "folding_text",
    "pipeline_rows",
    "pipeline_section",
    "two_lines",
]

PLUMBING = ("Gearbox", "Reframe", "FrameQueue", "Fork", "StreamBuffer")
"""Parts that only hand on: drawn small."""

FLAGS = {"sign_fold": "signs folded", "external": "external weights"}
"""What a parameter that is true or false says if it is true."""

WIDTH = 1200
_TOP, _LAYER, _SMALL, _GAP = 46, 38, 23, 13
_BUSY, _BUSY_WIDTH = 560, 190
_COLUMNS = {"cycles": 850, "lut": 915, "ff": 975, "bram": 1030, "dsp": 1075, "stream": 1198}


@dataclass(frozen=True)
class Row:
    """A part in the drawing: what stands beside it, and the share of the interval in which it
    works; ``stream`` is what it gives a beat."""

    name: str
    engine: str
    folding: str
    cycles: int | None
    share: float | None
    estimated: Mapping[str, float]
    stream: str
    is_small: bool
    is_bottleneck: bool = False


def engine_name(engine: str) -> str:
    """``SlidingWindow`` as people read it: ``sliding window``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", engine).lower()


def pipeline_rows(facts: Facts) -> list[Row]:
    """The parts from edge to edge."""
    report, record = facts.report, facts.design.record
    interval = report["cycles"]["interval"]["predicted"]
    most = max((layer["cycles"] for layer in report["layers"]), default=0)
    rows = [_edge("input", record["input"])]
    for layer, stage in zip(report["layers"], record["stages"]):
        rows.append(
            Row(
                layer["name"],
                engine_name(layer["engine"]) + _weights(layer),
                folding_text(layer["parallelism"]),
                layer["cycles"],
                layer["cycles"] / interval,
                layer["estimated"],
                _stream(stage["count"], stage["range"]),
                layer["engine"] in PLUMBING,
                layer["cycles"] == most,
            )
        )
    rows.append(_edge("output", record["output"]))
    return rows


def folding_text(parallelism: Mapping[str, int]) -> str:
    """Parameters by name; a part that only has a count takes so many elements a beat."""
    if set(parallelism) == {"count"}:
        count = parallelism["count"]
        return f"{count:,} element{'' if count == 1 else 's'} a beat"
    return ", ".join(
        FLAGS.get(key, f"{key.replace('_', ' ')} {value}")
        for key, value in parallelism.items()
        if value or key not in FLAGS
    )


def two_lines(text: str, width: float, size: float) -> str:
    """A list with commas, in one line where it fits, or in two."""
    if fitting(text, width, size) == text:
        return text
    parts = text.split(", ")
    count = len(parts) - 1
    while count > 1 and (first := ", ".join(parts[:count]) + ",") != fitting(first, width, size):
        count -= 1
    lines = (", ".join(parts[:count]) + ",", ", ".join(parts[count:]))
    return "\n".join(fitting(line, width, size) for line in lines)


def _weights(layer: Mapping[str, Any]) -> str:
    weights = layer.get("weights")
    return (
        f", {weights['count']:,} {weights['alphabet'].replace('_', ' ')} weights" if weights else ""
    )


def _edge(side: str, edge: Mapping[str, Any]) -> Row:
    beats = f"{edge['bytes']} bytes a beat, {edge['beats']} beats a frame"
    stream = _stream(edge["count"], edge["range"])
    return Row(side, "AXI4-Stream", beats, None, None, {}, stream, is_small=True)


def _stream(count: int, limits: Sequence[int]) -> str:
    low, high = limits
    width = max((-low - 1).bit_length() + 1 if low < 0 else 0, high.bit_length() + (low < 0), 1)
    return f"{count} × {width} bit"


def pipeline_section(facts: Facts) -> Section:
    """The drawing, and its rows as a table."""
    rows = pipeline_rows(facts)
    record = facts.design.record
    names = ["input_edge", *(stage["name"] for stage in record["stages"]), "output_edge"]
    links = [
        (names.index(producer), names.index(consumer))
        for producer, consumer in record.get("links", list(zip(names, names[1:])))
    ]
    interval = facts.report["cycles"]["interval"]["predicted"]
    slowest = [row for row in rows if row.is_bottleneck]
    lead = (
        "Data flows from top to bottom; every part works at the same time on another piece of it."
    )
    if slowest:
        said = f"The bottleneck is {slowest[0].name} ({slowest[0].engine}): it works"
        if slowest[1:]:
            *others, last = (row.name for row in slowest)
            said = f"The bottlenecks are {', '.join(others)} and {last}: each works"
        lead += f" {said} {slowest[0].cycles:,} of the {interval:,} cycles between frames."
    kinds = ("lut", "ff", "bram", "uram", "dsp")
    table = Table(
        "The same as a table (cycles by the cycle model, resources estimated)",
        ("part", "engine", "parallelism", "busy cycles a frame", "utilisation", "LUT", "FF",
         "BRAM", "URAM", "DSP", "stream out"),
        [
            (
                Cell(row.name + (" (bottleneck)" if row.is_bottleneck else "")),
                row.engine,
                row.folding or None,
                row.cycles,
                None if row.share is None else f"{row.share:.1%}",
                *(row.estimated.get(kind) for kind in kinds),
                row.stream,
            )
            for row in rows
        ],
        folded=True,
    )  # fmt: skip
    plot = Plot(
        "pipeline",
        _draw(rows, place_in_lanes(len(rows), links)),
        "Predicted by the exact cycle model: cycles in which a frame keeps a part busy, as a share"
        f" of the interval of {interval:,} cycles. Resources are the parts' estimates. A stream is"
        " elements a beat by bits of an element.",
        f"{len(rows)} parts in a pipeline. {lead} The table below has all figures.",
    )
    return Section("pipeline", "Pipeline", lead, [plot, table])


def _draw(rows: Sequence[Row], lanes: Lanes) -> Figure:
    tops, y = [], _TOP
    for row in rows:
        tops.append(y)
        y += _height(row) + _GAP
    figure, axes = bare_axes(WIDTH, y + 2)
    step = min(290, 540 // lanes.count)
    width = step - 16
    _heads(axes)
    for route in lanes.routes:
        _arrow(axes, tops, rows, lanes, route.begin, route.end, route.lane * step + width / 2, step)
    for row, top, lane in zip(rows, tops, lanes.parts):
        _box(axes, row, top, lane * step + 1, width)
        _beside(axes, row, top + _height(row) / 2, is_chain=lanes.count == 1)
    return figure


def _height(row: Row) -> int:
    return _SMALL if row.is_small else _LAYER


def _heads(axes: Axes) -> None:
    y = 22
    options: dict[str, Any] = {"fontsize": 8, "color": LIGHT, "va": "center"}
    axes.text(1, y, "part and engine", **options)
    axes.text(_BUSY, y, "utilisation (share of the interval)", **options)
    names = {"lut": "LUT", "ff": "FF", "bram": "BRAM", "dsp": "DSP", "stream": "stream out",
             "cycles": "busy cycles"}  # fmt: skip
    for name, x in _COLUMNS.items():
        axes.text(x, y, names[name], ha="right", **options)
    axes.plot([0, WIDTH], [36, 36], color=PALE, linewidth=1)


def _arrow(
    axes: Axes,
    tops: Sequence[int],
    rows: Sequence[Row],
    lanes: Lanes,
    begin: int,
    end: int,
    x: float,
    step: int,
) -> None:
    """From the lower edge of a part, in the link's lane, to the upper edge of the next one."""
    start, stop = tops[begin] + _height(rows[begin]), tops[end]
    from_x = lanes.parts[begin] * step + (step - 16) / 2
    to_x = lanes.parts[end] * step + (step - 16) / 2
    bend = 5
    points = [(from_x, start)]
    if from_x != x:
        points += [(from_x, start + bend), (x, start + bend)]
    if to_x != x:
        points += [(x, stop - bend - 2), (to_x, stop - bend - 2)]
    axes.plot(*zip(*points, (to_x, stop - 4)), color=LIGHT, linewidth=1.2)
    axes.fill([to_x - 4, to_x + 4, to_x], [stop - 6, stop - 6, stop], color=LIGHT, linewidth=0)


def _box(axes: Axes, row: Row, top: int, x: float, width: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    height = _height(row)
    edge = COLORS[3] if row.is_bottleneck else (PALE if row.is_small else COLORS[0])
    face = "#fbeef1" if row.is_bottleneck else ("#f6f8f9" if row.is_small else "#eaf3fa")
    axes.add_patch(
        FancyBboxPatch(
            (x, top), width, height, boxstyle="round,pad=0,rounding_size=5", facecolor=face,
            edgecolor=edge, linewidth=1.8 if row.is_bottleneck else 1.1,
        )
    )  # fmt: skip
    options: dict[str, Any] = {"va": "center_baseline", "clip_on": True}
    if row.is_small:
        text = fitting(f"{row.name}: {row.engine}", width - 16, 8)
        axes.text(x + 9, top + height / 2, text, fontsize=8, color=LIGHT, **options)
        return
    name = fitting(row.name, width - 16, 9.5, is_bold=True)
    axes.text(x + 9, top + 12.5, name, fontsize=9.5, weight="bold", **options)
    engine = fitting(row.engine, width - 16, 8)
    axes.text(x + 9, top + 27, engine, fontsize=8, color=INK, **options)


def _beside(axes: Axes, row: Row, y: float, *, is_chain: bool) -> None:
    """Folding, utilisation and resources; where lanes take the folding's place, it stands below the
    bar."""
    options: dict[str, Any] = {"fontsize": 8.5, "va": "center_baseline"}
    color = LIGHT if row.is_small else INK
    if is_chain:
        if row.is_small:
            axes.text(292, y, fitting(row.folding, _BUSY - 300, 8.5), color=color, **options)
        else:
            text = two_lines(row.folding, _BUSY - 300, 8.5)
            axes.text(292, y, text, color=color, **{**options, "va": "center"})
    elif not row.is_small:
        text = fitting(row.folding, _BUSY_WIDTH + 90, 7.5)
        axes.text(_BUSY, y + 11, text, fontsize=7.5, color=LIGHT, va="center_baseline")
        y -= 6
    axes.text(_COLUMNS["stream"], y, row.stream, ha="right", color=color, **options)
    if row.share is None or row.cycles is None:
        return
    height = 6 if row.is_small else 13
    axes.barh(y, _BUSY_WIDTH, height, _BUSY, color=PALE, linewidth=0)
    filled = COLORS[3] if row.is_bottleneck else (LIGHT if row.is_small else COLORS[0])
    axes.barh(y, max(1, _BUSY_WIDTH * min(row.share, 1)), height, _BUSY, color=filled, linewidth=0)
    share = f"{row.share:.0%}" + ("  bottleneck" if row.is_bottleneck else "")
    if row.is_bottleneck and row.share > 0.7:
        axes.text(_BUSY + 8, y, share, color="white", weight="bold", **options)
    else:
        axes.text(_BUSY + _BUSY_WIDTH + 8, y, share, color=color, **options)
    axes.text(_COLUMNS["cycles"], y, as_cell(row.cycles), ha="right", color=color, **options)
    for kind in ("lut", "ff", "bram", "dsp"):
        amount = row.estimated.get(kind)
        text = as_cell(round(amount, 1) if amount else None)
        axes.text(_COLUMNS[kind], y, text, ha="right", color=color, **options)
