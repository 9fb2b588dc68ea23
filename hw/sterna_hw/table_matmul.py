"""Matrix times vector by table look-up: the engine.

A group of G activations meets weights of a small alphabet, so there are few possible partial sums.
They are computed once per group into a table, and every output looks up the one it needs by an index
that is all that is left of its weights. T tables work side by side on a block of T*G inputs; each
beat of ``weights`` brings T indices for each of Q outputs, and a tree of adders sums the T looked-up
values of each output. `accumulate` sums planes and input blocks.

Tables are distributed memory, one copy for each of the Q outputs that read at once; lanes (frames
that share the weights) share the address and so lie side by side in one wide memory. One running
adder per table and lane fills all copies, one entry a cycle, in the order of `table_plan`: the
control is the same for all tables. The beat of activations stays on ``i`` while it is read, step by
step, and is taken in the last step, so no copy of it is kept. With two buffers (halves of one deeper
memory) the next block is filled during the look-ups of this one; with one buffer, only the steps
that write nothing overlap. Sign folding halves the tables: the sign bit of an index costs nothing in
the tree of adders (see `matmul`).

Throughput: one beat of weights a cycle, a block each max(look-ups, steps) cycles with two buffers,
look-ups + written steps + 1 with one. `timing` is exact.
Latency from a beat of weights to its result: 4 + tree levels + plane stages.

It does not look at ``last`` of its inputs: frames have a known number of beats. It does not
requantise: results are raw sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .accumulate import AccumulateConfig, AccumulatorMemory, Loop
from .add_subtract import add_or_subtract
from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .beat import beat_count, beat_signature, shape_of
from .credit import CreditQueueConfig, delay
from .matmul import MatmulConfig, adder_tree, relative_signs, tree_levels
from .table_plan import TablePlan, plan_table

__all__ = ["TableMatmul", "TableMatmulConfig"]


@dataclass(frozen=True)
class TableMatmulConfig(MatmulConfig):
    """The engine's parameters; see `MatmulConfig` for the others.

    Parameters
    ----------
    group : :class:`int`
        Activations of a table (G).
    tables : :class:`int`
        Tables side by side (T), at most what covers the inputs.
    sign_fold : :class:`bool`
        Store one of each pair of opposite sums; for symmetric alphabets.
    buffers : :class:`int`
        1 or 2 tables' worth of memory for each table.
    accumulator_memory : ``"distributed"`` or ``"block"``
        Where totals wait between input blocks, if three or more output blocks take turns.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    group: int = 1
    tables: int = 1
    sign_fold: bool = False
    buffers: int = 1
    accumulator_memory: AccumulatorMemory = "distributed"

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.plan
        most = beat_count(self.inputs, self.group)
        if not 1 <= self.tables <= most:
            raise ValueError(f"Tables must be 1 to {most}, which cover the inputs, not {self.tables!r}")
        if self.buffers not in (1, 2):
            raise ValueError(f"Buffers must be 1 or 2, not {self.buffers!r}")
        _ = self.accumulate

    @property
    def plan(self) -> TablePlan:
        """Entries and the walk that fills them."""
        return plan_table(self.alphabet, self.group, self.sign_fold)

    @property
    def block_inputs(self) -> int:
        return self.tables * self.group

    @property
    def index_width(self) -> int:
        return self.plan.index_width

    @property
    def entry_range(self) -> IntegerRange:
        """Range of what a table holds."""
        return self.alphabet.range * self.input_range.with_zero() * self.group

    @property
    def sum_range(self) -> IntegerRange:
        """Range of the root of the tree of adders."""
        entry = self.entry_range
        return (entry.union(-entry) if self.sign_fold else entry) * self.tables

    @property
    def accumulate(self) -> AccumulateConfig:
        result = self.result_range
        # A sum wraps like everything behind it: it needs no more bits than the results.
        sums = self.sum_range
        if sums.width > result.width:
            sums = IntegerRange.of_width(result.width, signed=True)
        return AccumulateConfig(
            outputs=self.outputs,
            queries=self.queries,
            lanes=self.lanes,
            sum_range=sums,
            result_range=result,
            planes=self.planes,
            input_blocks=self.input_blocks,
            is_signed=self.sign_fold,
            zero_padding=0 not in self.alphabet.values,
            memory=self.accumulator_memory,
        )

    @property
    def pipeline_latency(self) -> int:
        """Cycles from a beat of weights to its result in front of the output queue."""
        return 2 + tree_levels(self.tables) + self.accumulate.latency

    @property
    def places_needed(self) -> int:
        return self.places or self.fewest_places(self.pipeline_latency + 1)

    @property
    def weights_signature(self) -> stream.Signature:
        return beat_signature(
            IntegerRange(0, 2**self.index_width - 1), self.queries * self.tables
        )

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The beats of ``weights`` for a matrix [outputs, inputs]: int64 [row_count, Q*T].

        Rows run through input blocks, output blocks, planes (most significant first); element
        ``q*T + t`` is the index of table t for output q of the block.

        Raises
        ------
        ValueError
            If the shape is wrong or a weight cannot be written.
        """
        plan = self.plan
        codes = self.alphabet.encode(self.letters(weights))
        digits = codes.reshape(*codes.shape[:2], -1, self.group)
        numbers = digits @ len(self.alphabet) ** np.arange(self.group, dtype=np.int64)
        indices = plan.indices()[numbers]
        # [plane, output block, query, input block, table]
        indices = indices.reshape(
            self.planes, self.output_blocks, self.queries, self.input_blocks, self.tables
        )
        signs = relative_signs(indices >> plan.entry_width)
        indices = (indices & ((1 << plan.entry_width) - 1)) | (signs << plan.entry_width)
        return indices[::-1].transpose(3, 1, 0, 2, 4).reshape(self.row_count, -1)

    def compute_packed(self, activations: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """What the engine makes of packed rows: fills tables and looks up.

        Shapes: activations [frames, lanes, inputs] (or [frames, inputs]), rows as from `pack`;
        results likewise [frames, lanes, outputs] (or [frames, outputs]).
        """
        x = self.lanes_of(activations)
        frames, plan = len(x), self.plan
        tables = plan.tables(
            x.reshape(frames, self.lanes, self.input_blocks, self.tables, self.group)
        )
        words = np.asarray(rows, dtype=np.int64).reshape(
            self.input_blocks, self.output_blocks, self.planes, self.queries, self.tables
        )
        signs = words >> plan.entry_width
        for leaf in range(1, self.tables):
            signs[..., leaf] ^= signs[..., leaf & (leaf - 1)]
        entries = words & ((1 << plan.entry_width) - 1)
        sums = np.zeros((frames, *entries.shape[:3], self.lanes, self.queries), dtype=np.int64)
        for block in range(self.input_blocks):
            for table in range(self.tables):
                values = tables[:, :, block, table][..., entries[block, ..., table]]
                values = values * (1 - 2 * signs[block, ..., table])
                sums[:, block] += np.moveaxis(values, 1, 3)
        results = self.accumulate.compute(sums)
        return results if np.ndim(activations) == 3 else results[:, 0]

    def compute(self, activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """``activations @ weights.T`` by way of packed rows and tables, exact int64."""
        return self.compute_packed(activations, self.pack(weights))

    def timing(self) -> Timing:
        plan = self.plan
        written = len(plan.steps) - plan.warm_up_steps
        fill: list[Step] = []
        if plan.warm_up_steps:
            fill.append(Step(plan.warm_up_steps, peek=("i",)))
        if written > 1:
            fill.append(Step(written - 1, peek=("i",), take=("free",)))
            fill.append(Step(take=("i",), give=(("filled", 2),)))
        else:
            fill.append(Step(take=("free", "i"), give=(("filled", 2),)))
        look_up: list[Step] = []
        for block in range(self.input_blocks):
            for beat in range(self.output_blocks * self.planes):
                take = ["weights"] + ["filled"] * (beat == 0)
                give: list[tuple[str, int]] = []
                if beat == self.output_blocks * self.planes - 1:
                    give.append(("free", 1))
                if block == self.input_blocks - 1 and beat % self.planes == self.planes - 1:
                    take.append("places")
                    give.append(("o", self.pipeline_latency + 1))
                look_up.append(Step(take=tuple(take), give=tuple(give)))
        return Timing(
            inputs=("i", "weights"),
            outputs=("o",),
            processes=(Process("fill", tuple(fill)), Process("look up", _joined(look_up))),
            initial={"free": self.buffers, "places": self.places_needed},
            returns={"o": "places"},
        )

    def create(self) -> TableMatmul:
        return TableMatmul(self)


def _joined(steps: list[Step]) -> tuple[Step, ...]:
    """Equal neighbours as one repeated step."""
    joined: list[Step] = []
    for step in steps:
        if joined and (joined[-1].take, joined[-1].give) == (step.take, step.give):
            joined[-1] = Step(take=step.take, give=step.give, repeat=joined[-1].repeat + 1)
        else:
            joined.append(step)
    return tuple(joined)


class TableMatmul(wiring.Component):
    """The engine.

    Attributes
    ----------
    i : stream of beats, in
        Activations: element ``lane*block_inputs + input``; ``input_blocks`` beats a frame.
    weights : stream of beats, in
        Rows of `TableMatmulConfig.pack`, ``row_count`` a frame.
    o : stream of beats, out
        Results: element ``lane*queries + query``; ``output_blocks`` beats a frame.
    """

    def __init__(self, config: TableMatmulConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(config.input_signature),
                "weights": In(config.weights_signature),
                "o": Out(stream.Signature(config.output_layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = CreditQueueConfig(
            config.output_layout, config.pipeline_latency, config.places_needed
        ).create()
        m.submodules.accumulate = accumulate = config.accumulate.create()

        # Look-ups: their order, and when one may enter.
        accept, release = Signal(), Signal()
        plane = Loop(m, config.planes, accept, "plane")
        output = Loop(m, config.output_blocks, accept & plane.is_last, "output")
        block = Loop(m, config.input_blocks, release, "block")
        is_filled, gives_result = Signal(), Signal()
        m.d.comb += [
            gives_result.eq(plane.is_last & block.is_last),
            self.weights.ready.eq(is_filled & (queue.available | ~gives_result)),
            accept.eq(self.weights.valid & self.weights.ready),
            release.eq(accept & plane.is_last & output.is_last),
            queue.take.eq(accept & gives_result),
        ]

        write_enable, write_row, entries = self._fill(m, platform, release, is_filled)
        leaves, signs = self._look_up(m, release, write_enable, write_row, entries)
        levels = tree_levels(config.tables)
        width = config.accumulate.sum_range.width
        for number, place in enumerate(accumulate.sums):
            query = number % config.queries
            subtract = [sign[query] for sign in signs] if config.sign_fold else None
            root, _ = adder_tree(m, platform, leaves[number], subtract, width)
            m.d.comb += place.eq(root)
        m.d.comb += [
            accumulate.valid.eq(delay(m, accept, 2 + levels, reset_less=False)),
            queue.push.eq(accumulate.result_valid),
            queue.result.eq(accumulate.result),
        ]
        if config.sign_fold:
            m.d.comb += accumulate.negative.eq(delay(m, signs[0], levels))
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return m

    def _fill(
        self, m: Module, platform: object, release: Value, is_filled: Signal
    ) -> tuple[Value, Value, Value]:
        """The running adders. Returns write enable, row and data (table after table) of an entry."""
        config, plan = self.config, self.config.plan
        control = _FillControl(m, plan)
        occupied = Signal(range(config.buffers + 1))
        filled = Signal(range(config.buffers + 1))
        may_start, go, is_done = Signal(), Signal(), Signal()
        m.d.comb += [
            may_start.eq((occupied != config.buffers) | ~control.is_first_written),
            go.eq(self.i.valid & may_start),
            self.i.ready.eq(control.is_last & may_start),
            control.go.eq(go),
            is_filled.eq(filled != 0),
        ]
        m.d.sync += [
            is_done.eq(go & control.is_last),
            occupied.eq(occupied + (go & control.is_first_written) - release),
            filled.eq(filled + is_done - release),
        ]

        is_active = delay(m, go, 1, reset_less=False)
        is_written = delay(m, go & control.is_written, 2, reset_less=False)
        clear, negative = delay(m, control.clear, 1), delay(m, control.negative, 1)
        is_shifted = delay(m, control.is_shifted, 1)
        low_shift, *high_shift = plan.shifts or (0,)
        entries = []
        for table in range(config.tables):
            for lane in range(config.lanes):
                first = lane * config.block_inputs + table * config.group
                operand = Signal(shape_of(config.input_range), reset_less=True)
                with m.Switch(control.digit):
                    for digit in reversed(range(config.group)):
                        with m.Case(digit) if digit else m.Default():
                            m.d.sync += operand.eq(self.i.payload.data[first + digit])
                shifted = Signal.like(operand << max(plan.shifts, default=0))
                m.d.comb += shifted.eq(operand << low_shift)
                for number, shift in enumerate(high_shift):
                    with m.If(is_shifted[number]):
                        m.d.comb += shifted.eq(operand << shift)
                entry = Signal(shape_of(config.entry_range), reset_less=True)
                entries.append(entry)
                value = add_or_subtract(m, platform, entry, shifted, negative, len(entry))
                with m.If(clear):
                    m.d.sync += entry.eq(0)
                # Warm-up may have to wait before its last step: then the sum must wait too.
                with m.Elif(is_active) if plan.warm_up_steps else m.Else():
                    m.d.sync += entry.eq(value)
        row = Loop(m, plan.entry_count, is_written, "entry")
        half = Loop(m, config.buffers, is_written & row.is_last, "fill_half")
        row_bits = row.value if plan.entry_count > 1 else Signal(1)
        return is_written, Cat(row_bits, half.value) if config.buffers == 2 else row_bits, Cat(entries)

    def _look_up(
        self, m: Module, release: Value, write_enable: Value, write_row: Value, entries: Value
    ) -> tuple[list[list[tuple[Value, IntegerRange]]], list[Value]]:
        """Reads the tables. Returns the leaves of each sum, and each table's signs, one bit a query."""
        config, plan = self.config, self.config.plan
        half = Loop(m, config.buffers, release, "look_up_half")
        width = config.entry_range.width
        wide = width * config.lanes
        leaves: list[list[tuple[Value, IntegerRange]]] = [
            [] for _ in range(config.lanes * config.queries)
        ]
        signs = []
        for table in range(config.tables):
            sign_bits = []
            for query in range(config.queries):
                word = self.weights.payload.data[query * config.tables + table]
                index = Signal(len(write_row), reset_less=True, name=f"index_{query}_{table}")
                rows = memory.Memory(
                    shape=wide,
                    depth=(config.buffers - 1 << plan.entry_width) + max(plan.entry_count, 2),
                    init=[],
                    attrs={"ram_style": "distributed"},
                )
                m.submodules[f"table_{query}_{table}"] = rows
                write, read = rows.write_port(), rows.read_port(domain="comb")
                looked_up = Signal(wide, reset_less=True, name=f"looked_up_{query}_{table}")
                address = word[: plan.entry_width]
                m.d.sync += [
                    index.eq(Cat(address, half.value) if config.buffers == 2 else address),
                    looked_up.eq(read.data),
                ]
                m.d.comb += [
                    write.en.eq(write_enable),
                    write.addr.eq(write_row),
                    write.data.eq(entries[table * wide :][:wide]),
                    read.addr.eq(index),
                ]
                sign_bits.append(word[-1])
                for lane in range(config.lanes):
                    value = looked_up[lane * width :][:width]
                    if config.entry_range.signed:
                        value = value.as_signed()
                    leaves[lane * config.queries + query].append((value, config.entry_range))
            signs.append(delay(m, Cat(sign_bits), 2))
        return leaves, signs


class _FillControl:
    """Walks through the steps of a plan; all outputs are registers that describe the next step."""

    def __init__(self, m: Module, plan: TablePlan) -> None:
        steps = plan.steps
        high_shifts = plan.shifts[1:]
        last = len(steps) - 1
        columns = {
            "number": range(len(steps)),
            "digit": [step.digit or 0 for step in steps],
            "clear": [int(step.digit is None) for step in steps],
            "negative": [int(step.negative) for step in steps],
            # One bit for each shift beyond the smallest.
            "is_shifted": [
                1 << high_shifts.index(step.shift) if step.shift in high_shifts else 0
                for step in steps
            ],
            "is_written": [int(step.is_written) for step in steps],
            "is_first_written": [int(n == plan.warm_up_steps) for n in range(len(steps))],
            "is_last": [int(n == last) for n in range(len(steps))],
        }
        registers = {
            name: Signal(range(max(*column, 1) + 1), init=column[0], name=f"fill_{name}")
            for name, column in columns.items()
        }
        self.go = Signal()
        self.digit, self.clear = registers["digit"], registers["clear"]
        self.negative, self.is_shifted = registers["negative"], registers["is_shifted"]
        self.is_written, self.is_last = registers["is_written"], registers["is_last"]
        self.is_first_written = registers["is_first_written"]
        with m.If(self.go):
            with m.Switch(registers["number"]):
                for place in range(len(steps)):
                    with m.Case(place):
                        following = 0 if place == last else place + 1
                        m.d.sync += [
                            register.eq(columns[name][following])
                            for name, register in registers.items()
                        ]
