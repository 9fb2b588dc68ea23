"""What memory does, for estimates: when the words of a burst arrive, when writes are acknowledged.

All ports go in step, so memory is one bus. A word takes a cycle, or as long as the cap on all ports
together demands; what is not used of the cap is lost but for one beat of each port and one more.
Writing stops reading: the bus turns round, moves the burst, and turns back. Times are cycles in
which something is seen at the accelerator's ports. Reads must be asked for in the order of their
arrival, and a write before any read that it could hold up; then nothing needs a clock.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["MemoryBus", "MemoryTiming"]

BEAT_BYTES = 16


@dataclass(frozen=True)
class MemoryTiming:
    """What memory does, in cycles of the accelerator's clock.

    Parameters
    ----------
    bytes_per_cycle : number
        All ports together.
    read_latency : :class:`int`
        From a read's address to its first beat.
    burst_gap : :class:`int`
        Cycles that a port rests between two read bursts.
    write_latency : :class:`int`
        From the last word of a write to its response.
    write_turnaround : :class:`int`
        Cycles in which nothing moves, before and after writing.
    side_by_side : :class:`bool`
        Whether reads go on while something is written, as in a memory on the chip; there is no
        turnaround then.

    Raises
    ------
    ValueError
        If the bandwidth is not positive, the read latency is less than 1 or another number is
        negative.
    """

    bytes_per_cycle: Fraction | float | int = 64
    read_latency: int = 40
    burst_gap: int = 0
    write_latency: int = 10
    write_turnaround: int = 16
    side_by_side: bool = False

    def __post_init__(self) -> None:
        if self.bytes_per_cycle <= 0:
            raise ValueError(f"Bytes per cycle must be positive, not {self.bytes_per_cycle!r}")
        for name, low in (
            ("read_latency", 1),
            ("burst_gap", 0),
            ("write_latency", 0),
            ("write_turnaround", 0),
        ):
            if getattr(self, name) < low:
                subject = name.capitalize().replace("_", " ")
                raise ValueError(f"{subject} must be {low} or more, not {getattr(self, name)!r}")


class MemoryBus:
    """The memory behind so many ports.

    Attributes
    ----------
    last_beat : :class:`float`
        When the latest word that was asked for arrives.
    """

    def __init__(self, timing: MemoryTiming, ports: int) -> None:
        self.timing, self.ports = timing, ports
        self.last_beat = -1e9
        # The cap in words a cycle, and a bucket of words that may move at once.
        self._rate = float(timing.bytes_per_cycle) / (BEAT_BYTES * ports)
        self._most = (ports + 1) / ports
        self._level, self._level_time = self._most, 0.0
        # Spans without reads, as (first cycle, first cycle behind); the last write's end.
        self._closed: deque[tuple[float, float]] = deque()
        self._written = -1e9

    def read(self, address_time: float, words: int) -> list[tuple[int, float, float]]:
        """A burst whose address is offered at a time: pieces that arrive evenly, as (words, first
        one's arrival, last one's arrival)."""
        gap = self.timing.burst_gap
        time = max(address_time + self.timing.read_latency, self.last_beat + 1 + gap)
        pieces = []
        while words:
            while self._closed and self._closed[0][1] <= time:
                self._closed.popleft()
            if self._closed and self._closed[0][0] <= time:
                time = self._closed.popleft()[1]
                continue
            level = min(self._most, self._level + self._rate * (time - self._level_time))
            first = time + max(0, math.ceil((1 - level) / self._rate))
            count = words
            if self._closed:
                before = self._closed[0][0] - 1
                fit = min(before - first + 1, level + self._rate * (before - time))
                count = max(0, min(words, math.floor(fit)))
            if not count:
                time = self._closed.popleft()[1]
                continue
            last = max(first + count - 1, time + math.ceil((count - level) / self._rate))
            pieces.append((count, first, last))
            left = level + self._rate * (last - time) - count
            self._level, self._level_time = min(left, self._most), last
            self.last_beat = last
            words -= count
            time = last + 1
        return pieces

    def write(self, time: float, beats: int) -> float:
        """A burst whose last word is on the data channel at a time; returns when its response is
        there. Bursts come in order."""
        if self.timing.side_by_side:
            return time + self.timing.write_latency
        turn = self.timing.write_turnaround
        if time > self._written + 1:
            begin, start = time + 1, time + turn
        else:
            begin, start = self._closed.pop()[0], max(self._written + 1, time)
        at_once = self.ports + 1
        rate = self._rate * self.ports
        cycles = max(math.ceil(beats / self.ports), math.ceil((beats - at_once) / rate) + 1)
        self._written = start + cycles - 1
        self._closed.append((begin, self._written + turn + 2))
        return self._written + 1 + self.timing.write_latency
