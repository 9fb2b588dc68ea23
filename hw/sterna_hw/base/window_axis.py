"""One axis of a sliding window: which inputs each output position looks at.

A window of ``kernel`` taps, ``dilation`` inputs apart, moves by ``stride`` over ``size`` inputs
with padding before and after them. What a streaming window must know follows from two numbers for
each position: the newest input that it needs (it must have arrived) and the first input that is
still needed from there on (all before it may be forgotten). Both never fall, so a stream in order
serves them. Rows and columns of an image are two such axes; a signal in time is one.

It holds no data and makes no hardware: see `sliding_window`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WindowAxis"]


@dataclass(frozen=True)
class WindowAxis:
    """An axis.

    Parameters
    ----------
    size : :class:`int`
        Inputs.
    kernel : :class:`int`
        Taps of the window.
    stride : :class:`int`
        Inputs from a position to the next.
    dilation : :class:`int`
        Inputs from a tap to the next.
    before, after : :class:`int`
        Padding on both ends; less than the window's extent, so that each position sees an input.

    Raises
    ------
    ValueError
        If a field breaks a rule.
    """

    size: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    def __post_init__(self) -> None:
        for name in ("size", "kernel", "stride", "dilation"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name.capitalize()} of a window must be 1 or more, not {value}")
        for name in ("before", "after"):
            value = getattr(self, name)
            if not 0 <= value < self.span:
                raise ValueError(
                    f"Padding {name} a window's inputs must be 0 to {self.span - 1}, not {value}"
                )
        padded = self.before + self.size + self.after
        if self.span > padded:
            raise ValueError(f"Extent of a window must be at most {padded}, not {self.span}")

    @property
    def span(self) -> int:
        """Inputs from the first tap to the last one."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def outputs(self) -> int:
        """Positions."""
        return (self.before + self.size + self.after - self.span) // self.stride + 1

    @property
    def banks(self) -> int:
        """The fewest memories over which inputs go round so that no two taps meet in one."""
        count = self.kernel
        while len({tap * self.dilation % count for tap in range(self.kernel)}) < self.kernel:
            count += 1
        return count

    def first(self, position: int) -> int:
        """The input under tap 0; negative in the padding."""
        return position * self.stride - self.before

    def under(self, position: int, tap: int) -> int | None:
        """The input under a tap, None for padding."""
        place = self.first(position) + tap * self.dilation
        return place if 0 <= place < self.size else None

    def newest(self, position: int) -> int:
        """The last input that a position must have."""
        return min(self.first(position) + self.span - 1, self.size - 1)

    def kept_from(self, position: int) -> int:
        """The first input that this position or a later one looks at; ``size`` behind the last."""
        if position >= self.outputs:
            return self.size
        return min(max(self.first(position), 0), self.size)

    def positions_with(self, tap: int) -> tuple[int, int]:
        """First and last position at which a tap lies on an input; first above last if nowhere."""
        offset = self.before - tap * self.dilation
        low = max(-(-offset // self.stride), 0)
        high = min((self.size - 1 + offset) // self.stride, self.outputs - 1)
        return low, high
