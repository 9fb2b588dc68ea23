"""A decode step as a picture: which unit works when, and how memory keeps streaming meanwhile.

The run is simulated in Verilator with its log of events (`sterna_sim.decoder.event_log`). Above, a
bar for each instruction in the row of the unit that carries it out, from the end of the one before
to its own end; below, the bytes that memory has been asked for, beside a line of the slope that
memory can keep up. Where bars of the vector unit stand over a line that still rises, memory fills
the queue while arithmetic works. `sterna bench timeline` draws one layer of the 0.7B shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sterna.decoder.assembler import disassemble
from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.shape import DecoderShape
from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.decoder.instruction import Opcode
from sterna_sim.decoder.event_log import read_events

from .decoder_large import run_large

__all__ = ["Bar", "Timeline", "draw", "read_timeline", "simulate_timeline"]

UNITS = ("engine", "vector unit", "attention", "head")
_ENGINE = (Opcode.MATMUL,)
_ATTENTION = (Opcode.ATTEND,)
_HEAD = (Opcode.HEAD,)
_BEAT_BYTES = 16
_COLORS = ("#1b6ca8", "#e0a526", "#3c9d5b", "#a8455e")


@dataclass(frozen=True)
class Bar:
    """An instruction: its unit, its name, and its cycles from ``begin`` to ``end``."""

    unit: str
    name: str
    begin: int
    end: int


@dataclass(frozen=True)
class Timeline:
    """The bars of a run, and the cycles at which memory was asked for so many bytes in all."""

    bars: tuple[Bar, ...]
    asked: tuple[tuple[int, int], ...]
    bytes_per_cycle: float

    def busy(self, unit: str) -> int:
        """Cycles of a unit's bars."""
        return sum(bar.end - bar.begin for bar in self.bars if bar.unit == unit)


def unit_of(opcode: Opcode) -> str:
    """The unit that carries an instruction out."""
    for unit, opcodes in zip(("engine", "attention", "head"), (_ENGINE, _ATTENTION, _HEAD)):
        if opcode in opcodes:
            return unit
    return "vector unit"


def read_timeline(work: Path, core: DecoderCoreConfig) -> Timeline:
    """The only run in a folder's log."""
    program = disassemble(core.program)
    bars: list[Bar] = []
    asked: list[tuple[int, int]] = []
    before = total = 0
    for event in read_events(work):
        if event.kind == "done":
            opcode = program[event.first].opcode
            bars.append(Bar(unit_of(opcode), opcode.name, before, event.cycle))
            before = event.cycle
        elif event.kind == "burst":
            total += event.first * _BEAT_BYTES * core.ports
            asked.append((event.cycle, total))
    return Timeline(tuple(bars), tuple(asked), float(_BEAT_BYTES * core.ports))


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
        raise ValueError(
            "Drawing must have matplotlib: pip install 'sterna[train]' or matplotlib"
        ) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    end = until or max(bar.end for bar in timeline.bars)
    # The same bytes for the same run: no random names, no date.
    with matplotlib.rc_context({"svg.hashsalt": "sterna", "font.size": 9}):
        figure, (above, below) = pyplot.subplots(
            2, 1, sharex=True, figsize=(10, 4.6), height_ratios=(2, 1.4), layout="constrained"
        )
        _draw_units(above, timeline.bars, end)
        _draw_memory(below, timeline, end)
        above.set_title(title, loc="left")
        below.set_xlim(0, end)
        below.set_xlabel("cycle")
        below.xaxis.set_major_formatter("{x:,.0f}")
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, metadata=metadata)
        pyplot.close(figure)


def _draw_units(axes: Any, bars: Sequence[Bar], end: int) -> None:
    for row, (unit, color) in enumerate(zip(UNITS, _COLORS)):
        spans = [(b.begin, b.end - b.begin) for b in bars if b.unit == unit and b.begin < end]
        axes.broken_barh(
            spans, (row - 0.4, 0.8), facecolors=color, edgecolors="white", linewidth=0.4
        )
    axes.set_yticks(range(len(UNITS)), UNITS)
    axes.set_ylim(len(UNITS) - 0.5, -0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _draw_memory(axes: Any, timeline: Timeline, end: int) -> None:
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
