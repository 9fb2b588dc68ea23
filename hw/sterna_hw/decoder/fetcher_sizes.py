"""Sizes of a fetcher: its parameters, its ports, and the widths that follow.

The sequencer, which passes most of these ports on, and the fetcher itself read them from here. What
a fetcher does stands in `fetcher`.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .instruction import SLOTS
from .pass_layout import Route, index_shape, pass_layout, read_command_layout
from .program_reader import work_layout
from .transfer_issue import TransferIssueConfig

__all__ = ["FetcherSizes"]


@dataclass(frozen=True)
class FetcherSizes:
    """A fetcher.

    Parameters
    ----------
    lanes : :class:`int`
        Token lanes, 1 to 16.
    ports : :class:`int`
        Memory ports, 1 to 4.
    context, vocabulary : :class:`int`
        Largest numbers of positions and of tokens.
    depth : :class:`int`
        Instructions of a program at most.
    address_width : :class:`int`
        Bits of a byte address in a port's region.

    Raises
    ------
    ValueError
        If a field breaks its rule.
    """

    lanes: int
    ports: int
    context: int
    vocabulary: int
    depth: int = 64
    address_width: int = 32

    def __post_init__(self) -> None:
        for subject, value, low, high in (
            ("Lanes", self.lanes, 1, 16),
            ("Ports", self.ports, 1, 4),
            ("Context", self.context, 1, 1 << 16),
            ("Vocabulary", self.vocabulary, 2, 1 << 18),
            ("Address width", self.address_width, 12, 36),
        ):
            if not low <= value <= high:
                raise ValueError(f"{subject} must be {low} to {high}, not {value!r}")

    @property
    def words_width(self) -> int:
        """Bits of the size of a transfer."""
        return SLOTS["words"]

    @property
    def issue(self) -> TransferIssueConfig:
        """Sums are wide enough for any address, any bounded product and any size at once: none
        wraps, so the one comparison before the issue finds whatever is out of range."""
        return TransferIssueConfig(self.address_width, self.words_width, SLOTS["address"] + 2)

    @property
    def members(self) -> dict[str, wiring.Member]:
        """Ports of the fetcher."""
        work = work_layout(self.depth)
        command = read_command_layout(self.address_width, self.words_width)
        return {
            "passes": In(stream.Signature(pass_layout(self.lanes, self.context, self.ports))),
            "tokens": In(stream.Signature(index_shape(self.vocabulary))),
            "work": In(stream.Signature(work)),
            "release": In(1),
            "memory_words": In(self.address_width - 4),
            "command": Out(stream.Signature(command)),
            "route": Out(stream.Signature(Route)),
            "range_error": Out(1),
            "place": Out(work["place"].shape),
            "layer": Out(work["layer"].shape),
        }
