"""An exploration as a plot: what each design costs and reaches, and which none dominates.

Small marks are designs that were only estimated, a line joins those on the frontier, and squares
are those that were built, synthesised and simulated, joined to their estimates. The pointer, or the
keyboard on the frontier and on measured designs, shows a design's figures and choices. With more
than two objectives each is plotted against the first; the frontier is about all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..tables import as_cell
from .content import Cell, Note, Plot, Section, Table
from .exploration_record import ExplorationRecord, ExploredPoint
from .figures import COLORS, INK, LIGHT, new_figure, plain_numbers, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["exploration_section"]

_UNITS: Mapping[str, str] = {
    "throughput": "throughput (frames or tokens a second)",
    "interval": "interval (cycles)",
    "latency": "latency (cycles)",
    "lut": "LUT",
    "ff": "FF",
    "bram": "BRAM",
    "uram": "URAM",
    "dsp": "DSP",
    "energy": "energy proxy (nJ of its scale)",
    "accuracy": "accuracy (share of samples)",
}
_MORE_IS_BETTER = ("throughput", "accuracy")
_LONG = 60
"""Rows from which a table is shown on demand."""

_TOLD = 800
"""Marks of a plot that tell what they are, about."""

_WIDE = 20.0
"""Ratio of largest to smallest value from which an axis is logarithmic."""


def exploration_section(record: ExplorationRecord) -> Section:
    """Plots, and the frontier as a table."""
    measured = [point for point in record.points if point.measured is not None]
    feasible = [point for point in record.points if point.is_feasible]
    names = list(record.objectives)
    said = [_name(name) for name in names]
    lead = (
        f"{len(record.points) + record.refused:,} designs were tried; {len(feasible):,} of them fit"
        f" the {record.target}, {len(record.frontier)} of these are dominated by none in"
        f" {', '.join(said[:-1]) + ' and ' if said[1:] else ''}{said[-1]},"
        f" and {len(measured)} were built, synthesised and simulated."
    )
    pairs = [(names[0], other) for other in names[1:]] or [(names[0], "lut")]
    blocks: list[Plot | Table | Note] = []
    for upward, across in pairs:
        known = [
            point
            for point in feasible
            if None not in (point.estimated.get(across), point.estimated.get(upward))
        ]
        if known:
            blocks.append(_plot(record, known, upward, across))
    wrong = [point for point in measured if point.measured and point.measured["mismatches"]]
    for point in wrong:
        blocks.append(Note(f"Design {point.number}: words differed in simulation.", is_bad=True))
    for number, problem in record.failed.items():
        blocks.append(Note(f"Design {number} could not be built: {problem}", is_bad=True))
    blocks.append(_table(record))
    return Section("exploration", "Exploration", lead, blocks)


def _plot(
    record: ExplorationRecord, points: Sequence[ExploredPoint], upward: str, across: str
) -> Plot:
    figure = new_figure(860, 470)
    axes = figure.subplots()
    quiet(axes)
    groups = {
        "dominated": [point for point in points if not point.on_frontier],
        "frontier": [point for point in points if point.on_frontier],
        "measured": [point for point in points if point.measured is not None],
    }
    _marks(axes, record, groups, upward, across)
    for axis, name in ((axes.xaxis, across), (axes.yaxis, upward)):
        values = [float(point.estimated[name]) for point in points]
        if min(values) > 0 and max(values) / min(values) > _WIDE:
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    plain_numbers(axes)
    axes.set_xlabel(_label(across))
    axes.set_ylabel(_label(upward))
    axes.legend(loc="best")
    tips = {
        "dominated": _tips(record, groups["dominated"]),
        "frontier": _tips(record, groups["frontier"]),
        "measured": [_tip(record, point, True) for point in groups["measured"]],
    }
    squares = ""
    if groups["measured"]:
        squares = "; squares are measured (cycles by Verilator, resources by Yosys)"
    if len(points) > _TOLD:
        squares += f"; about {_TOLD:,} of them answer the pointer"
    best = "up" if upward in _MORE_IS_BETTER else "down"
    side = "right" if across in _MORE_IS_BETTER else "left"
    return Plot(
        f"exploration-{across}",
        figure,
        f"Better is {best} and to the {side}. Round marks are estimated{squares}. The line is"
        " what is best in these two alone. Point at a mark for its figures and choices.",
        f"{len(points)} designs by {_name(upward)} and {_name(across)}. The table below has those"
        " that none dominates.",
        tips={name: texts for name, texts in tips.items() if texts},
        focused=("frontier", "measured"),
    )


def _marks(
    axes: Axes,
    record: ExplorationRecord,
    groups: Mapping[str, Sequence[ExploredPoint]],
    upward: str,
    across: str,
) -> None:
    def places(name: str) -> tuple[list[float], list[float]]:
        chosen = groups[name]
        return (
            [float(point.estimated[across]) for point in chosen],
            [float(point.estimated[upward]) for point in chosen],
        )

    if groups["dominated"]:
        axes.scatter(*places("dominated"), s=22, color="#b4bec6", gid="dominated",
                     label="estimated, dominated")  # fmt: skip
    if groups["frontier"]:
        line = _staircase([point for found in groups.values() for point in found], upward, across)
        axes.plot(*zip(*line), color=COLORS[0], linewidth=1, alpha=0.6, drawstyle="steps-post",
                  label="estimated, best of these two")  # fmt: skip
        axes.scatter(
            *places("frontier"),
            s=44,
            color=COLORS[0],
            edgecolors="white",
            zorder=3,
            linewidths=0.7,
            gid="frontier",
            label="estimated, dominated by none",
        )
    if groups["measured"]:
        x = [_measured(record, point, across) for point in groups["measured"]]
        y = [_measured(record, point, upward) for point in groups["measured"]]
        for begin_x, begin_y, end_x, end_y in zip(*places("measured"), x, y):
            axes.plot([begin_x, end_x], [begin_y, end_y], color=INK, linewidth=0.8, zorder=2)
        axes.scatter(x, y, s=60, marker="s", color=COLORS[1], edgecolors=INK, linewidths=0.8,
                     zorder=4, gid="measured", label="measured")  # fmt: skip
    axes.tick_params(colors=LIGHT, labelcolor=INK)


def _staircase(
    points: Sequence[ExploredPoint], upward: str, across: str
) -> list[tuple[float, float]]:
    """The corners of what is best in one plane: with more objectives, it is only a part of the
    frontier."""
    side = -1 if across in _MORE_IS_BETTER else 1
    sign = 1 if upward in _MORE_IS_BETTER else -1
    places = sorted(
        (side * float(point.estimated[across]), -sign * float(point.estimated[upward]))
        for point in points
    )
    corners: list[tuple[float, float]] = []
    for x, y in places:
        if not corners or y < corners[-1][1]:
            corners.append((x, y))
    return [(side * x, -sign * y) for x, y in corners]


def _measured(record: ExplorationRecord, point: ExploredPoint, name: str) -> float:
    """The measured figure; for what nothing measures (energy, accuracy) the estimate."""
    value = record.measured_value(point, name)
    return float(point.estimated[name] if value is None else value)


def _name(name: str) -> str:
    """``lut`` as people write it."""
    return name.upper() if len(name) <= len("bram") else name


def _label(name: str) -> str:
    return _UNITS.get(name, name)


def _tips(record: ExplorationRecord, points: Sequence[ExploredPoint]) -> list[str]:
    """Texts of estimated points; of very many only every so-manieth, so that a page stays small."""
    step = -(-2 * len(points) // _TOLD) or 1
    return [
        "" if place % step else _tip(record, point, False) for place, point in enumerate(points)
    ]


def _tip(record: ExplorationRecord, point: ExploredPoint, is_measured: bool) -> str:
    lines = [f"Design {point.number} ({'measured' if is_measured else 'estimated'})"]
    shown = dict.fromkeys(
        [*record.objectives, "throughput", "interval", "lut", "ff", "bram", "dsp"]
    )
    for name in shown:
        value = record.measured_value(point, name) if is_measured else point.estimated.get(name)
        if value is not None:
            lines.append(f"{_name(name)}: {_value(value)}")
    if is_measured and point.measured is not None:
        lines.append(f"mismatches: {point.measured['mismatches']}")
    lines += [f"{name} = {_value(value)}" for name, value in list(point.parameters.items())[:8]]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, float) and abs(value) >= 1000:
        value = round(value)
    return as_cell(round(value, 4) if isinstance(value, float) else value)


def _table(record: ExplorationRecord) -> Table:
    """The frontier: estimates, and below each the measured figures where there are some."""
    names = list(
        dict.fromkeys([*record.objectives, "throughput", "latency", "lut", "ff", "bram", "dsp"])
    )
    rows: list[list[Any]] = []
    for point in sorted(record.frontier, key=lambda found: found.estimated[record.objectives[0]]):
        estimates = [_value(point.estimated.get(name)) for name in names]
        rows.append([str(point.number), "estimated", *estimates, "", ""])
        if point.measured is not None:
            figures = [_value(record.measured_value(point, name)) for name in names]
            wrong = point.measured["mismatches"]
            equal = Cell(f"{wrong:,} differ", "bad") if wrong else Cell("all equal", "good")
            rows.append(
                [Cell(str(point.number), "strong"), Cell("measured", "strong"),
                 *(Cell(text, "strong") for text in figures), equal, point.measured["folder"]]
            )  # fmt: skip
    heads = ("design", "source", *map(_name, names),
             "words", "folder")  # fmt: skip
    caption = "Designs that none dominates (by the estimates)"
    return Table(caption, heads, rows, folded=len(rows) > _LONG)
