"""When words of the memory stream arrive and when they are taken: the estimate's side of memory.

All transfers go through one queue of prefetched words. Bursts are asked for in order, as early as
their transfer is known, the queue has room for all their words, and no more than a number of bursts
is under way; a burst's words then arrive at the pace that memory has, after its latency. A unit
takes words in the order of the stream, at its own pace, none before it has arrived. So each burst's
time follows from words taken earlier, and each taking from bursts asked for earlier; nothing needs
a clock. Times are cycles (they may be fractions where memory's pace is one); the taking of words is
kept as straight lines between a few points.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from sterna_hw.memory_port import ReadGroupConfig

__all__ = ["MemoryTiming", "WordStream"]

# From the acceptance of a command to the first address on offer, and from a word's arrival at the
# last port to its offer to the units: see `sterna_hw.memory_port.read_group`.
COMMAND_LATENCY = 6
WORD_LATENCY = 6
_BURST_INTERVAL = 2
_ROOM_DELAY = 4


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

    Raises
    ------
    ValueError
        If the bandwidth is not positive.
    """

    bytes_per_cycle: Fraction | float | int = 64
    read_latency: int = 40
    burst_gap: int = 0
    write_latency: int = 10
    write_turnaround: int = 16

    def __post_init__(self) -> None:
        if self.bytes_per_cycle <= 0:
            raise ValueError(f"Bytes per cycle must be positive, not {self.bytes_per_cycle!r}")


class WordStream:
    """The stream of one accelerator under one memory.

    Attributes
    ----------
    asked : :class:`int`
        Words of all transfers so far.
    taken : :class:`int`
        Words that units have taken.
    moved_until : :class:`float`
        When the latest word was taken.
    """

    def __init__(self, reads: ReadGroupConfig, timing: MemoryTiming) -> None:
        self.reads, self.timing = reads, timing
        # Ports go in step: a word takes as long as its bytes at the cap, one cycle at least.
        self.interval = max(1.0, reads.word_bytes / float(timing.bytes_per_cycle))
        self.asked = self.taken = 0
        self.moved_until = -1.0
        self._bursts: deque[tuple[int, float]] = deque()  # words, earliest request
        self._under_way: deque[float] = deque()
        self._last_request = self._last_arrival = -1e9
        self._requested = 0
        self._counts: list[int] = [0]
        self._times: list[float] = [-1e9]
        self._begins: list[int] = []
        # The burst whose words are being taken: how many are left, and the last one's arrival.
        self._left, self._arrival = 0, 0.0

    def ask(self, address: int, words: int, time: float) -> float:
        """A transfer of words whose command is offered at a time; returns when it is accepted."""
        if len(self._begins) >= 2 * self.reads.commands:
            # A command makes room when the first word behind it is fetched.
            first = self._begins[-2 * self.reads.commands]
            time = max(time, self.time_of(first) - WORD_LATENCY)
        self._begins.append(self.asked)
        for _, beats in self.reads.splitter.split(address, words):
            self._bursts.append((beats, time + COMMAND_LATENCY))
        self.asked += words
        return time

    def take(self, words: int, start: float, pace: float = 1.0) -> float:
        """A unit takes words from a time on, one every ``pace`` cycles; returns when it takes the
        last one."""
        while words:
            if not self._left:
                self._request()
            count = min(words, self._left)
            # Of the words left in the burst the last stands in `_arrival`, the others before it.
            first_there = self._arrival - (self._left - 1) * self.interval
            first = max(start, first_there, self.moved_until + 1)
            last_there = first_there + (count - 1) * self.interval
            last = max(first + (count - 1) * pace, last_there)
            self._note(self.taken + 1, first)
            self.taken += count
            self._note(self.taken, last)
            self.moved_until = last
            start = last + pace
            self._left -= count
            words -= count
        return self.moved_until

    def time_of(self, word: int) -> float:
        """When word number ``word`` (from 0) was taken; it must have been."""
        place = bisect_left(self._counts, word + 1)
        if place >= len(self._counts):
            return self._times[-1]
        before, after = self._counts[place - 1], self._counts[place]
        share = (word + 1 - before) / (after - before)
        return self._times[place - 1] + share * (self._times[place] - self._times[place - 1])

    def _note(self, count: int, time: float) -> None:
        if count > self._counts[-1]:
            self._counts.append(count)
            self._times.append(time)
            if len(self._counts) > 1 << 16:
                # Nobody asks for times of words that have left the queue long ago.
                del self._counts[: 1 << 15], self._times[: 1 << 15]

    def _request(self) -> None:
        """The next burst: when it is asked for, and when its last word is there."""
        beats, time = self._bursts.popleft()
        timing = self.timing
        self._requested += beats
        time = max(time, self._last_request + _BURST_INTERVAL)
        if self._requested > self.reads.fifo_words:
            room = self.time_of(self._requested - self.reads.fifo_words - 1)
            time = max(time, room - WORD_LATENCY + _ROOM_DELAY)
        if len(self._under_way) >= self.reads.outstanding:
            time = max(time, self._under_way.popleft() + 3)
        self._last_request = time
        first = max(
            time + 1 + timing.read_latency,
            self._last_arrival + self.interval + timing.burst_gap,
        )
        self._last_arrival = first + (beats - 1) * self.interval
        self._under_way.append(self._last_arrival)
        self._left, self._arrival = beats, self._last_arrival + WORD_LATENCY
