"""Sums an engine's partial results over planes and input blocks, for each output block in turn.

Partial sums arrive in a fixed order: for each input block, for each output block, for each plane
from the most significant one. A plane's weight (3 to the power of its number) is multiplied in by
adders that stand in front of the loop, nine being one shift and one addition, so that the loop
itself is one addition: base plus or minus the sum. The base is the running total inside a group of
planes, and otherwise the total that the same output block had after the previous input block. That
one comes from the running register itself (one output block), or from a line of memories that
holds the totals of the others: since the order is fixed, they come round by themselves, into a
register in front of the adder. Neither read nor write lies in the loop's path, and no two beats
ever need to wait for each other.

Sums wrap around modulo the width of the results, so nothing inside needs more bits than they do.
Results appear ``latency`` cycles after the last sum that belongs to them. There is no
back-pressure: the engine takes a place in its output queue before it lets such a sum in. Outputs
beyond the last one of a frame are zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .add_subtract import add_or_subtract
from .adder_tree import chain_bits
from .base import Cost, Device, IntegerRange
from .base.cost_table import logic
from .beat import beat_count, beat_layout, shape_of
from .credit import delay, delay_cost
from .delay_line import delay_line, delay_line_cost
from .loop import Loop, loops_cost

__all__ = ["Accumulate", "AccumulateConfig"]


@dataclass(frozen=True)
class AccumulateConfig:
    """Order and ranges of the sums.

    Parameters
    ----------
    outputs : :class:`int`
        Outputs of a frame (M).
    queries, lanes : :class:`int`
        Outputs and frames that arrive at once; element ``lane*queries + query``.
    sum_range, result_range : :class:`IntegerRange`
        Of what arrives and of what leaves.
    planes, input_blocks : :class:`int`
        Sums that make one result.
    is_signed : :class:`bool`
        Whether the sums come with a sign each (``negative``), the same for all lanes.
    zero_padding : :class:`bool`
        Whether outputs beyond M must be made zero here (they are not zero by themselves).
    tile_depth : :class:`int`
        Rows of one distributed memory at most, where totals wait (see `delay_line`).
    """

    outputs: int
    queries: int
    lanes: int
    sum_range: IntegerRange
    result_range: IntegerRange
    planes: int = 1
    input_blocks: int = 1
    is_signed: bool = False
    zero_padding: bool = True
    tile_depth: int = 32

    def __post_init__(self) -> None:
        if self.tile_depth < 1:
            raise ValueError(f"Tile depth must be 1 or more, not {self.tile_depth!r}")

    @property
    def output_blocks(self) -> int:
        return beat_count(self.outputs, self.queries)

    @property
    def scale_stages(self) -> int:
        """Additions that multiply by the plane's weight: each one multiplies by 1, 3 or 9."""
        return self.planes // 2

    @property
    def latency(self) -> int:
        """Cycles from a sum to the result that it completes."""
        return self.scale_stages + 1

    def compute(self, sums: np.ndarray) -> np.ndarray:
        """Results [frames, lanes, M] of signed sums [frames, input block, output block, plane,
        lanes, queries], plane 0 of the axis being the most significant."""
        weights = 3 ** np.arange(self.planes, dtype=np.int64)[::-1]
        totals = np.einsum("fbopld,p->fldo", np.asarray(sums, dtype=np.int64), weights)
        totals = np.swapaxes(totals, 2, 3).reshape(len(totals), self.lanes, -1)
        return totals[:, :, : self.outputs]

    def cost(self, device: Device) -> Cost:
        """Estimate: an adder for each stage with its multiplexer, the memory, and the loop."""
        bits = self.result_range.width * self.lanes * self.queries
        chain = chain_bits(self.result_range.width, device.family == "ecp5")
        chain *= self.lanes * self.queries
        is_loop = self.input_blocks > 1 or self.planes > 1
        resets = self.planes > 1 or (self.input_blocks > 1 and self.output_blocks == 1)
        stages, queries = self.scale_stages, self.queries
        cost = loops_cost(device, self.output_blocks, firsts=(self.planes, self.input_blocks))
        cost += delay_cost(device, queries * self.is_signed + 3, stages)
        cost += logic(
            device,
            "accumulate",
            lut=chain * self.is_signed,
            ff=bits * self.latency + 2,
            each=1,
            plain_bits=chain * (not self.is_signed) * is_loop,
            reset_bits=bits * resets,
            scaled_bits=chain * stages,
        )
        if self.input_blocks > 1 and self.output_blocks > 1:
            cost += delay_line_cost(device, bits, self.output_blocks - 1, self.tile_depth)
        return cost

    def create(self) -> Accumulate:
        return Accumulate(self)


class Accumulate(wiring.Component):
    """The summing stages.

    Attributes
    ----------
    valid : in
        Sums are there in this cycle.
    sums : in, array of ``lanes*queries``
    negative : in, one bit per query
        Subtract instead of add.
    result_valid : out
        A result is there in this cycle.
    result : out
        Beat of ``lanes*queries`` results; ``last`` with a frame's last output block.
    """

    def __init__(self, config: AccumulateConfig) -> None:
        self.config = config
        count = config.lanes * config.queries
        super().__init__(
            {
                "valid": In(1),
                "sums": In(data.ArrayLayout(shape_of(config.sum_range), count)),
                "negative": In(config.queries),
                "result_valid": Out(1),
                "result": Out(beat_layout(config.result_range, count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        plane = Loop(m, config.planes, self.valid, "plane")
        sums, stages = self._scale(m, plane.value)
        valid = delay(m, self.valid, stages, reset_less=False)
        negative = delay(m, self.negative, stages)
        is_first_plane = delay(m, plane.is_first, stages)
        is_last_plane = delay(m, plane.is_last, stages)

        starts, ends, is_result = Signal(), Signal(), Signal()
        m.d.comb += [starts.eq(valid & is_first_plane), ends.eq(valid & is_last_plane)]
        output = Loop(m, config.output_blocks, ends, "output")
        block = Loop(m, config.input_blocks, ends & output.is_last, "block")
        m.d.comb += is_result.eq(ends & block.is_last)

        totals = [
            Signal(shape_of(config.result_range), name=f"total_{number}", reset_less=True)
            for number in range(len(sums))
        ]
        bases = self._bases(m, totals, starts, ends, is_first_plane, output, block)
        padded = config.output_blocks * config.queries - config.outputs
        waits = config.planes > 1 or config.input_blocks > 1
        for number, (total, base, part) in enumerate(zip(totals, bases, sums)):
            query = number % config.queries
            if config.is_signed:
                value = add_or_subtract(m, platform, base, part, negative[query], len(total))
            else:
                value = base + part
            # A total that is still needed stays until the next sum.
            with m.If(valid if waits else Const(1)):
                m.d.sync += total.eq(value)
            if config.zero_padding and query >= config.queries - padded:
                with m.If(is_result & output.is_last):
                    m.d.sync += total.eq(0)

        is_last = Signal()
        m.d.sync += [self.result_valid.eq(is_result), is_last.eq(output.is_last)]
        m.d.comb += self.result.last.eq(is_last)
        m.d.comb += [place.eq(total) for place, total in zip(self.result.data, totals)]
        return m

    def _scale(self, m: Module, plane: Value) -> tuple[list[Value], int]:
        """Multiplies by 3**(plane number): each stage by 1, 3 or 9. Plane 0 comes last."""
        config = self.config
        width = config.result_range.width
        sums: list[Value] = list(self.sums)
        for stage in range(config.scale_stages):
            powers = [
                min(max(config.planes - 1 - place - 2 * stage, 0), 2)
                for place in range(config.planes)
            ]
            three, nine = Signal(), Signal()
            now = delay(m, plane, stage)
            m.d.comb += [
                three.eq(Array(int(power == 1) for power in powers)[now]),
                nine.eq(Array(int(power == 2) for power in powers)[now]),
            ]
            scaled = []
            for value in sums:
                added = Signal(signed(width))
                with m.If(three):
                    m.d.comb += added.eq(value << 1)
                if 2 in powers:
                    with m.If(nine):
                        m.d.comb += added.eq(value << 3)
                register = Signal(signed(width), reset_less=True)
                m.d.sync += register.eq(value + added)
                scaled.append(register)
            sums = scaled
        return sums, config.scale_stages

    def _bases(
        self,
        m: Module,
        totals: list[Signal],
        starts: Value,
        ends: Value,
        is_first_plane: Value,
        output: Loop,
        block: Loop,
    ) -> list[Value]:
        """What each sum is added to in this cycle."""
        config = self.config
        shape = totals[0].shape()
        if config.input_blocks == 1:
            if config.planes == 1:
                return [Const(0, shape)] * len(totals)
            return [Mux(is_first_plane, 0, total) for total in totals]
        if config.output_blocks == 1:
            is_first = Signal()
            m.d.comb += is_first.eq(is_first_plane & block.is_first)
            return [Mux(is_first, 0, total) for total in totals]
        # The totals of the next output block stand ready before it begins; those of the first input
        # block are zero. Whether they are is known a step ahead, to keep the logic short.
        next_is_zero, is_fresh, clear = Signal(init=1), Signal(init=1), Signal()
        next_ends_block = output.is_last | (output.value == config.output_blocks - 2)
        with m.If(ends):
            m.d.sync += next_is_zero.eq(Mux(next_ends_block, block.is_last, block.is_first))
        with m.If(starts):
            m.d.sync += is_fresh.eq(0)
        m.d.comb += clear.eq((starts & next_is_zero) | is_fresh)
        line = delay_line(
            m,
            Cat(totals),
            config.output_blocks - 1,
            starts,
            clear=clear,
            tile_depth=config.tile_depth,
            name="totals",
        )
        width = len(totals[0])
        earlier: list[Value] = []
        for number in range(len(totals)):
            part = line[number * width :][:width]
            earlier.append(part.as_signed() if shape.signed else part)
        if config.planes == 1:
            return earlier
        return [Mux(is_first_plane, old, total) for old, total in zip(earlier, totals)]
