"""A decode step as a picture: which unit works when, and how memory keeps streaming meanwhile.

The run is simulated in Verilator with its log of events (`sterna_sim.decoder.event_log`). Above, a
bar for each instruction in the row of the unit that carries it out, from the end of the one before
to its own end; below, the bytes that memory has been asked for, beside a line of the slope that
memory can keep up. Where bars of the vector unit stand over a line that still rises, memory fills
the queue while arithmetic works. `sterna bench timeline` draws one layer of the 0.7B shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.shape import DecoderShape

from .decoder_large import run_large
from .decoder_schedule import UNITS, Bar, Timeline, read_timeline

__all__ = ["draw", "draw_memory", "draw_units", "simulate_timeline"]

_COLORS = ("#1b6ca8", "#e0a526", "#3c9d5b", "#a8455e")


def simulate_timeline(
    shape: DecoderShape,
    *,
    layers: int,
    hardware: DecoderHardware,
    position: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Timeline:
    """One token at a position, simulated.

    Raises
    ------
    ValueError
        If the hardware does not fit the shape, or the logits were not the golden model's.
    """
    found: list[Timeline] = []
    run = run_large(
        shape,
        layers=layers,
        hardware=hardware,
        position=position,
        progress=progress,
        observe=lambda work, core: found.append(read_timeline(work, core)),
    )
    if not run.equal:
        raise ValueError("Logits of the run must be the golden model's, not others")
    return found[0]


def draw(timeline: Timeline, path: Path, title: str, until: int | None = None) -> None:
    """Draws the cycles up to ``until`` (all without it) into an SVG or PNG file.

    Raises
    ------
    ValueError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise ValueError("Drawing must have matplotlib: pip install 'sterna[report]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    end = until or max(bar.end for bar in timeline.bars)
    # The same bytes for the same run: no random names, no date.
    with matplotlib.rc_context({"svg.hashsalt": "sterna", "font.size": 9}):
        figure, (above, below) = pyplot.subplots(
            2, 1, sharex=True, figsize=(10, 4.6), height_ratios=(2, 1.4), layout="constrained"
        )
        draw_units(above, timeline.bars, end)
        draw_memory(below, timeline, end)
        above.set_title(title, loc="left")
        below.set_xlim(0, end)
        below.set_xlabel("cycle")
        below.xaxis.set_major_formatter("{x:,.0f}")
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, metadata=metadata)
        pyplot.close(figure)


def draw_units(axes: Any, bars: Sequence[Bar], end: int) -> None:
    """The bars up to a cycle, a row for each unit."""
    for row, (unit, color) in enumerate(zip(UNITS, _COLORS)):
        spans = [(b.begin, b.end - b.begin) for b in bars if b.unit == unit and b.begin < end]
        axes.broken_barh(
            spans,
            (row - 0.4, 0.8),
            facecolors=color,
            edgecolors="white",
            linewidth=0.4,
            gid=f"unit{row}",
        )
    axes.set_yticks(range(len(UNITS)), UNITS)
    axes.set_ylim(len(UNITS) - 0.5, -0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw_memory(axes: Any, timeline: Timeline, end: int) -> None:
    """The bytes that memory was asked for up to a cycle."""
    cycles = [cycle for cycle, _ in timeline.asked if cycle <= end]
    megabytes = [total / 1e6 for cycle, total in timeline.asked if cycle <= end]
    axes.plot(cycles, megabytes, color=_COLORS[0], label="asked of memory")
    most = timeline.bytes_per_cycle * end / 1e6
    axes.plot([0, end], [0, most], color="#888888", linewidth=0.9, linestyle="--",
              label="all that the ports can take")  # fmt: skip
    axes.set_ylabel("MB")
    axes.legend(frameon=False, loc="upper left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
