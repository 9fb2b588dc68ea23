"""When words of the memory stream arrive and when they are taken: the estimate's read ports.

All transfers go through one queue of prefetched words. A transfer is cut into bursts, which are
issued in order, as early as their transfer is known, the queue has room for all their words, and no
more than a number of bursts is under way; memory says when their words arrive (`memory_timing`). A
unit takes words in the order of the stream, at its own pace, none before it has arrived. So each
burst's time follows from words taken earlier, and each taking from bursts asked for earlier:
bursts are looked at when somebody wants their words, and nothing needs a clock. Times are cycles;
the taking of words is kept as straight lines between a few points.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Generator
from typing import NamedTuple

from sterna_hw.memory_port import ReadGroupConfig
from sterna_hw.memory_port.read_group import (
    ADDRESS_CYCLES,
    BURST_PLACES,
    COMMAND_CYCLES,
    ISSUE_CYCLES,
    QUEUE_PLACES,
    ROOM_CYCLES,
    SLOT_CYCLES,
    SPLIT_CYCLES,
    STORED_CYCLES,
)

from .memory_timing import MemoryBus

__all__ = ["TimeLines", "Transfer", "WordStream"]

_LONG_AGO = -1e9
_KEPT = 1 << 16


class Transfer(NamedTuple):
    """A transfer of ``words`` from a word address, and when it is offered to the read ports."""

    address: int
    words: int
    offered: float


class TimeLines:
    """Times of numbered events, as lines between some of them."""

    def __init__(self) -> None:
        self.numbers: list[int] = [-1]
        self.times: list[float] = [_LONG_AGO]

    def note(self, number: int, time: float) -> None:
        """The next point; numbers rise."""
        if number > self.numbers[-1]:
            self.numbers.append(number)
            self.times.append(time)
            if len(self.numbers) > _KEPT:
                # Nobody asks for times of words that have left the queue long ago.
                del self.numbers[: _KEPT // 2], self.times[: _KEPT // 2]

    def time(self, number: int) -> float:
        """Of an event that is not behind the last point; those below 0 were long ago."""
        if number < 0:
            return _LONG_AGO
        place = bisect_left(self.numbers, number)
        after = self.numbers[place]
        if after == number:
            return self.times[place]
        before = self.numbers[place - 1]
        share = (number - before) / (after - before)
        return self.times[place - 1] + share * (self.times[place] - self.times[place - 1])


class WordStream:
    """The stream of one accelerator under one memory.

    Parameters
    ----------
    reads : :class:`ReadGroupConfig`
    bus : :class:`MemoryBus`
    transfers : generator of :class:`Transfer`
        In order; it is sent the time of each one's acceptance.

    Attributes
    ----------
    asked, taken : :class:`int`
        Words of all transfers so far, and words that units have taken.
    taken_at : :class:`float`
        When the latest word was taken.
    """

    def __init__(
        self, reads: ReadGroupConfig, bus: MemoryBus, transfers: Generator[Transfer, float, None]
    ) -> None:
        self.reads, self.bus = reads, bus
        self._latency = STORED_CYCLES + reads.fetch_latency
        self._transfers = transfers
        self._accepted: float | None = None
        self.asked = self.taken = 0
        self.taken_at = _LONG_AGO
        self._taken, self._arrived = TimeLines(), TimeLines()
        # Of transfers: the first word, and when the splitter took them.
        self._first_words: list[int] = []
        self._split_times: list[float] = []
        self._splitter_free = _LONG_AGO
        # Of bursts: beats to come, when the next one is offered, issues, ends of those under way.
        self._bursts: deque[int] = deque()
        self._offer = 0.0
        self._issues: deque[float] = deque([_LONG_AGO] * BURST_PLACES, BURST_PLACES)
        self._ends: deque[float] = deque([_LONG_AGO] * reads.outstanding, reads.outstanding)
        self._issued = 0
        # Words that arrive evenly: how many are left, when the first of them may be taken, and the
        # cycles between two of them.
        self._pieces: deque[tuple[int, float, float]] = deque()

    def take(self, words: int, start: float, pace: float = 1.0) -> float:
        """A unit takes words from a time on, one every ``pace`` cycles; returns when it takes the
        last one."""
        while words:
            if not self._pieces:
                self._next_burst()
            left, there, interval = self._pieces.popleft()
            count = min(words, left)
            first = max(start, there, self.taken_at + 1)
            last = max(first + (count - 1) * pace, there + (count - 1) * interval)
            self._taken.note(self.taken, first)
            self.taken += count
            self._taken.note(self.taken - 1, last)
            self.taken_at = last
            start = last + pace
            words -= count
            if count < left:
                self._pieces.appendleft((left - count, there + count * interval, interval))
        return self.taken_at

    def taken_time(self, word: int) -> float:
        """When a word was taken that was not the latest taken by much."""
        return self._taken.time(word)

    def _fetched(self, word: int) -> float:
        """When a word left the prefetch memory, for the short queue in front of the units."""
        arrived = self._arrived.time(word) + STORED_CYCLES
        return max(arrived, self._taken.time(word - QUEUE_PLACES) + 1)

    def _next_transfer(self) -> None:
        """Its acceptance, and its bursts."""
        if self._accepted is None:
            transfer = next(self._transfers)
        else:
            transfer = self._transfers.send(self._accepted)
        commands, number = self.reads.commands, len(self._first_words)
        accepted, split = transfer.offered, self._splitter_free
        if number >= commands:
            # The queue of commands, and that of the lengths of transfers under way.
            accepted = max(accepted, self._split_times[number - commands] + 1)
            split = max(split, self._fetched(self._first_words[number - commands]) + ROOM_CYCLES)
        split = max(split, accepted + COMMAND_CYCLES)
        self._accepted = accepted
        self._first_words.append(self.asked)
        self._split_times.append(split)
        self._offer = split + SPLIT_CYCLES
        address = 16 * transfer.address
        bursts = self.reads.splitter.split(address, transfer.words)
        self._bursts.extend(beats for _, beats in bursts)
        self.asked += transfer.words

    def _next_burst(self) -> None:
        """When it is issued, and when its words are there."""
        while not self._bursts:
            self._next_transfer()
        beats = self._bursts.popleft()
        offer = max(self._offer, self._issues[0] + 1)
        self._offer, self._splitter_free = offer + SPLIT_CYCLES, offer + 1
        begin, self._issued = self._issued, self._issued + beats
        issue = max(
            offer + ISSUE_CYCLES,
            self._issues[-1] + ISSUE_CYCLES,
            self._ends[0] + SLOT_CYCLES,
            self._fetched(self._issued - self.reads.fifo_words - 1) + ROOM_CYCLES,
        )
        self._issues.append(issue)
        for words, first, last in self.bus.read(issue + ADDRESS_CYCLES, beats):
            self._arrived.note(begin, first)
            self._arrived.note(begin + words - 1, last)
            interval = (last - first) / (words - 1) if words > 1 else 1.0
            self._pieces.append((words, first + self._latency, interval))
            begin += words
        self._ends.append(self.bus.last_beat)
