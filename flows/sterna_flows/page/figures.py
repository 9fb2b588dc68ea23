"""Figures of one style, and how they become part of a page or a picture in a file.

A figure's size is told in pixels of the page. In the page it is SVG whose text stays text; names in
it get the plot's name in front, since all drawings of a page share one space of names, and what
would reach beyond the drawing (style sheets, dates, links) is taken out. Markers get the text that
is shown where the pointer is. The same figure always gives the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from .content import Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLORS",
    "INK",
    "LIGHT",
    "PALE",
    "bare_axes",
    "fitting",
    "new_figure",
    "quiet",
    "style",
    "to_svg",
    "write_png",
]

COLORS = ("#1b6ca8", "#e0a526", "#3c9d5b", "#a8455e", "#7a5ea8")
"""Told apart by people who see colours otherwise, and in grey."""

INK, LIGHT, PALE = "#22303c", "#68757f", "#e6ebef"

PIXELS = 96
"""Pixels of an inch, in the page's sense."""

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_PNG_DPI = 192

_SHORT = 300
"""Ratio of the ends of an axis by powers below which more than the powers are named."""


@contextmanager
def style() -> Iterator[None]:
    """Figures that are made and written in the block have the page's style.

    Raises
    ------
    ValueError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise ValueError(
            "Report must have matplotlib and Jinja: pip install 'sterna[report]'"
        ) from None
    choices = {
        "svg.hashsalt": "sterna",
        "svg.fonttype": "none",
        "font.family": ["DejaVu Sans"],
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": LIGHT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": PALE,
        "axes.axisbelow": True,
        "legend.frameon": False,
        "path.simplify": False,
    }
    with matplotlib.rc_context(choices):  # pyright: ignore[reportArgumentType]
        yield


def new_figure(width: int, height: int) -> Figure:
    """A figure of so many pixels."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / PIXELS, height / PIXELS), dpi=PIXELS, layout="constrained")


def bare_axes(width: int, height: int) -> tuple[Figure, Axes]:
    """A figure and axes that fill it, in units of the page's pixels from the upper left."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / PIXELS, height / PIXELS), dpi=PIXELS)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return figure, axes


def fitting(text: str, width: float, size: float, *, is_bold: bool = False) -> str:
    """As much of a text as is no wider than so many pixels, with an ellipsis if it is not all. The
    font that is measured is wider than others that a page may be shown in."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(size=size, weight="bold" if is_bold else "normal")
    measure = TextToPath().get_text_width_height_descent
    shown, room = text, width * 72 / PIXELS
    while shown and measure(shown, font, ismath=False)[0] > room:
        text = text[:-1]
        shown = f"{text.rstrip()}…" if text else ""
    return shown


def quiet(axes: Axes) -> None:
    """Grid lines that stay behind."""
    axes.grid(True, linewidth=0.8)
    axes.tick_params(which="both", length=0)


def plain_numbers(axes: Axes) -> None:
    """Numbers at an axis as people write them, also at one by powers, where 2 and 5 are named if
    the axis spans few of these."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plain = FuncFormatter(lambda value, _: f"{value:,.12g}")
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_major_formatter(plain)
        if axis.get_scale() != "log":
            continue
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        is_short = limits[1] / limits[0] < _SHORT
        axis.set_minor_formatter(plain if is_short else NullFormatter())


def write_png(plot: Plot, path: Path) -> None:
    """The plot as a picture for papers, two pixels for each of the page's."""
    plot.figure.savefig(
        path, format="png", dpi=_PNG_DPI, facecolor="white", metadata={"Software": None}
    )


def to_svg(plot: Plot) -> str:
    """The plot as an element of a page."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    plot.figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(stream.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    _add_tips(root, plot)
    _rename(root, plot.name)
    root.attrib.pop("version", None)
    root.set("role", "group" if plot.focused else "img")
    root.set("aria-label", plot.description)
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _add_tips(root: ElementTree.Element, plot: Plot) -> None:
    for element in root.iter():
        texts = plot.tips.get(element.get("id", ""))
        if texts is None:
            continue
        kinds = (f"{{{_SVG}}}use", f"{{{_SVG}}}path")
        defined = {id(inner) for defs in element.iter(f"{{{_SVG}}}defs") for inner in defs.iter()}
        markers = [
            inner for inner in element.iter() if inner.tag in kinds and id(inner) not in defined
        ]
        if len(markers) != len(texts):
            raise RuntimeError(f"{plot.name} has {len(markers)} markers, {len(texts)} texts")
        for marker, text in zip(markers, texts):
            if text:
                marker.set("data-tip", text)
            if text and element.get("id") in plot.focused:
                marker.set("tabindex", "0")


def _rename(root: ElementTree.Element, name: str) -> None:
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own is not None:
            element.set("id", f"{name}-{own}")
        link = element.attrib.pop(_LINK, None)
        if link is not None:
            element.set("href", link.replace("#", f"#{name}-"))
        for key, value in element.attrib.items():
            if "url(#" in value:
                element.set(key, re.sub(r"url\(#", f"url(#{name}-", value))
