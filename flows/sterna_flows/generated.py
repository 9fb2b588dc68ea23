"""What a generation of text gave: its tokens, its cycles, and how a board's text compares."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest

__all__ = ["Generation"]


@dataclass
class Generation:
    """What was generated.

    ``cycles`` are those between the interrupts of successive tokens after the first, simulated
    (none for the golden model), ``first_cycles`` those up to the first token; ``token_cycles`` are
    those of a token after the first in the mean, ``source`` says where they come from. ``expected``
    are the golden model's tokens where the text is a board's. ``seconds`` is the time it took here,
    ``clock_mhz`` the clock that cycles are told at, ``roofline`` the mean share of what memory
    could have moved. ``wanted`` tokens were asked for; ``context`` is where the text ended for lack
    of room.
    """

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    first_cycles: int | None = None
    cycles: list[int] = field(default_factory=list)
    seconds: float = 0.0
    clock_mhz: float = 0.0
    roofline: float | None = None
    token_cycles: float | None = None
    source: str = ""
    wanted: int = 0
    context: int | None = None
    expected: list[int] | None = None

    @property
    def differences(self) -> list[str]:
        """A line on the first token that is not the golden model's, if there is one."""
        if self.expected is None or self.tokens == self.expected:
            return []
        pairs = zip_longest(self.tokens, self.expected)
        place, (token, wanted) = next(
            (place, pair) for place, pair in enumerate(pairs) if pair[0] != pair[1]
        )
        return [f"Token {place} of the board must be the golden model's {wanted}, not {token}"]

    @property
    def estimated(self) -> bool:
        """Whether cycles are the analytic model's."""
        return self.source == "estimated"

    @property
    def tokens_per_second(self) -> float | None:
        """What the hardware reaches at its clock, after the first token."""
        if not self.token_cycles:
            return None
        return self.clock_mhz * 1e6 / self.token_cycles
