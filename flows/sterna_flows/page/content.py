"""What a page is made of: sections of plots, tables and notes, before anything is written.

Each part of the page makes a `Section`; the template writes them all the same way. A plot is a
matplotlib figure, so the page's drawing and the picture for a paper are one drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..tables import DASH, as_cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Cell", "KeyFigure", "Note", "Page", "Plot", "Section", "Table", "as_time"]


@dataclass(frozen=True)
class KeyFigure:
    """A figure at the head of the page, with where it comes from."""

    label: str
    value: str
    source: str


@dataclass(frozen=True)
class Plot:
    """A drawing.

    Parameters
    ----------
    name : :class:`str`
        Of its files; unique in a page.
    figure : matplotlib figure
    caption : :class:`str`
        What is seen, and where its figures come from.
    description : :class:`str`
        The drawing in words, for those who do not see it.
    tips : mapping of group to texts
        What is shown where the pointer is: for each marker of the artist with that ``gid``, nothing
        where the text is empty.
    focused : collection of groups
        Those whose markers are also reached by the keyboard.
    beside : :class:`Table`, optional
        What stands at its right, where the page is wide enough.
    """

    name: str
    figure: Figure
    caption: str
    description: str
    tips: Mapping[str, Sequence[str]] = field(default_factory=dict)
    focused: Sequence[str] = ()
    beside: Table | None = None


@dataclass(frozen=True)
class Cell:
    """A table's cell: its text, and how it stands: ``good`` and ``bad`` also say so in words."""

    text: str
    mood: Literal["", "good", "bad", "strong"] = ""


@dataclass(frozen=True)
class Table:
    """A table. Cells are values, written as the commands print them (`sterna_flows.tables`), or
    `Cell`. With ``folded`` it is shown on demand."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]
    folded: bool = False

    @property
    def cells(self) -> list[list[Cell]]:
        return [
            [value if isinstance(value, Cell) else Cell(as_cell(value)) for value in row]
            for row in self.rows
        ]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers only."""
        columns = zip(*self.cells) if self.rows else ([] for _ in self.heads)
        return [all(_is_number(cell.text) for cell in column) for column in columns]


@dataclass(frozen=True)
class Note:
    """A line; ``command`` is what would bring what is missing."""

    text: str
    command: str = ""
    is_bad: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page: ``name`` is its place in the address, ``lead`` what it tells."""

    name: str
    title: str
    lead: str
    blocks: Sequence[Plot | Table | Note]


@dataclass(frozen=True)
class Page:
    """The page: its title, a line below it, the figures at its head, and the sections."""

    title: str
    subtitle: str
    figures: Sequence[KeyFigure]
    sections: Sequence[Section]

    @property
    def plots(self) -> list[Plot]:
        blocks = (block for section in self.sections for block in section.blocks)
        return [block for block in blocks if isinstance(block, Plot)]


def as_time(cycles: float, clock_mhz: float) -> str:
    """Cycles as time at a clock, with its unit."""
    time = cycles / clock_mhz
    return f"{time / 1000:,.2f} ms" if time >= 1000 else f"{time:,.2f} µs"


def _is_number(text: str) -> bool:
    return text in (DASH, "") or text.lstrip("+-").replace(",", "")[:1].isdigit()
