"""Where the totals of a matrix are kept, summed up over its input blocks, and sent from.

One memory holds a row for each output block: the totals of all lanes. Each beat of weights reads
its row, adds to it and writes it back `TOTAL_LATENCY` cycles later, so the next beat of the same
output block must not come sooner than `SHORTEST_BLOCK` cycles after: the engine pauses between
input blocks of matrices with very few output blocks. The first input block adds to zero instead of
what is in the memory, which therefore needs no clearing. Sending reads a row a cycle, chooses the
lane in two steps and ends in a queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream

from ..base import Cost
from ..credit import delay
from ..memory import MemoryConfig, MemoryStyle
from ..memory_queue import MemoryQueueConfig
from .leaf_sums import TOTAL_LATENCY
from .running_loop import RunningLimit, RunningLoop

__all__ = [
    "LARGEST_LANES",
    "SEND_LATENCY",
    "SHORTEST_BLOCK",
    "TokenTotals",
    "send_cost",
    "short_block_pause",
    "totals_memory",
]

SHORTEST_BLOCK = TOTAL_LATENCY + 1
"""Cycles from a beat of weights to the next one of the same output block at least."""

SEND_LATENCY = 4
"""Cycles from the issue of a row to its push into the queue."""

SEND_PLACES = 8
"""Rows on their way at most: more than the cycles from an issue to its place being free again."""

LARGEST_LANES = 16
"""As many as two steps of choosing one of four tell apart."""


def totals_memory(depth: int, width: int, style: MemoryStyle) -> MemoryConfig:
    """The memory of totals."""
    return MemoryConfig(
        "totals", max(2, depth), width, style=style, reloadable=True, read_latency=1
    )


def send_cost(width: int, lanes: int) -> Cost:
    """Estimate of choosing one of the lanes, each of so many bits, and of the queue behind it."""
    return Cost(lut=width * (1 + (lanes - 1) // 2), ff=width * (2 + -(-lanes // 4)))


def short_block_pause(m: Module, outputs: RunningLimit, release: Value) -> Value:
    """Whether the next input block must wait for the totals of the one before to be written.

    ``release`` says that the last beat of weights of an input block is taken.
    """
    length = Signal(range(SHORTEST_BLOCK))
    left = Signal(range(SHORTEST_BLOCK))
    is_pausing = Signal()
    with m.If(outputs.load):
        is_short = outputs.limit < SHORTEST_BLOCK
        m.d.sync += length.eq(Mux(is_short, SHORTEST_BLOCK - outputs.limit, 0))
    with m.If(release):
        m.d.sync += [left.eq(length), is_pausing.eq(length != 0)]
    with m.Elif(is_pausing):
        m.d.sync += [left.eq(left - 1), is_pausing.eq(left != 1)]
    return is_pausing


class TokenTotals:
    """The memory with its addresses.

    Parameters
    ----------
    m : :class:`Module`
        Where it is built.
    memory : :class:`MemoryConfig`
        See `totals_memory`.
    lanes, queries : :class:`int`
        A row holds element ``lane*queries + query``.
    inputs, outputs : :class:`RunningLimit`
        Blocks of the matrix.
    step : one-bit value
        In the next cycle the memory is addressed for a beat of weights.

    Attributes
    ----------
    previous : list of values
        Totals one cycle after their address.
    clear : value
        They count as zero.
    is_finished : one-bit value
        In this cycle the last totals of the matrix are written.
    """

    def __init__(
        self,
        m: Module,
        memory: MemoryConfig,
        lanes: int,
        queries: int,
        inputs: RunningLimit,
        outputs: RunningLimit,
        step: Value,
    ) -> None:
        self.m, self.lanes, self.queries = m, lanes, queries
        self.width = memory.width // (lanes * queries)
        m.submodules.totals = self.memory = memory.create()
        output = RunningLoop(m, outputs, step, "total_output")
        block = RunningLoop(m, inputs, step & output.is_last, "total_block")
        self.read_address: Value = output.value
        self.address = Signal(memory.address_width, reset_less=True)
        m.d.comb += self.memory.address.eq(self.address)
        self.row = Signal(memory.width)
        m.d.comb += self.row.eq(self.memory.data)
        self.previous = [
            self.row[number * self.width :][: self.width].as_signed()
            for number in range(lanes * queries)
        ]
        self.clear = delay(m, block.is_first, 2)
        load = self.memory.load
        m.d.comb += [
            load.enable.eq(delay(m, step, 1 + TOTAL_LATENCY, reset_less=False)),
            load.address.eq(delay(m, self.address, TOTAL_LATENCY)),
        ]
        ends = step & output.is_last & block.is_last
        self.is_finished = delay(m, ends, 1 + TOTAL_LATENCY, reset_less=False)

    def store(self, totals: Sequence[Value]) -> None:
        """The new totals, `TOTAL_LATENCY` cycles after their address."""
        self.m.d.comb += self.memory.load.data.eq(Cat(*[total[: self.width] for total in totals]))

    def send(self, start: Value, command: Any, o: stream.Interface) -> Value:
        """Sends what ``command`` names after ``start``; returns that the last beat leaves."""
        m = self.m
        shape = data.StructLayout(
            {"data": data.ArrayLayout(signed(self.width), self.queries), "last": 1}
        )
        m.submodules.queue = queue = MemoryQueueConfig(shape, SEND_PLACES).create()
        lane = Signal.like(command.lane, reset_less=True)
        limit = RunningLimit(m, start, command.blocks, "send")
        issue, is_sending = Signal(), Signal()
        block = RunningLoop(m, limit, issue, "send_block")
        next_row = Signal(len(self.address), reset_less=True)
        m.d.comb += issue.eq(is_sending & queue.available)
        with m.If(start):
            m.d.sync += [
                is_sending.eq(1),
                lane.eq(command.lane),
                next_row.eq(command.first_block),
            ]
        with m.Elif(issue):
            m.d.sync += [is_sending.eq(~block.is_last), next_row.eq(next_row + 1)]
        m.d.sync += self.address.eq(Mux(is_sending, next_row, self.read_address))

        part = self.width * self.queries
        parts: list[Value] = [self.row[number * part :][:part] for number in range(self.lanes)]
        for low in (0, 2):
            parts = [
                self._choose(parts[n : n + 4], lane[low : low + 2]) for n in range(0, len(parts), 4)
            ]
        assert len(parts) == 1
        m.d.comb += [
            queue.take.eq(issue),
            queue.push.eq(delay(m, issue, SEND_LATENCY, reset_less=False)),
            Cat(queue.result.data).eq(parts[0]),
            queue.result.last.eq(delay(m, issue & block.is_last, SEND_LATENCY)),
            o.valid.eq(queue.o.valid),
            queue.o.ready.eq(o.ready),
            o.payload.last.eq(queue.o.payload.last),
        ]
        m.d.comb += [wide.eq(narrow) for wide, narrow in zip(o.payload.data, queue.o.payload.data)]
        return o.valid & o.ready & o.payload.last

    def _choose(self, parts: Sequence[Value], select: Value) -> Value:
        """One of four, in a register."""
        chosen = Signal(len(parts[0]), reset_less=True)
        padded = [*parts, *[parts[0]] * (4 - len(parts))]
        if len(parts) == 1:
            value = parts[0]
        else:
            low = [Mux(select[0], padded[n + 1], padded[n]) for n in (0, 2)]
            value = Mux(select[1], low[1], low[0]) if len(parts) > 2 else low[0]
        self.m.d.sync += chosen.eq(value)
        return chosen
