"""Matrix times vector by table look-up: the engine.

A group of G activations meets weights of a small alphabet, so there are few possible partial sums.
They are computed once per group into a table, and every output looks up the one it needs by an
index that is all that is left of its weights. T tables work side by side on a block of T*G inputs;
each beat of ``weights`` brings T indices for each of Q outputs, and a tree of adders sums the T
looked-up values of each output. `accumulate` sums planes and input blocks.

Tables are distributed memory, one copy for each of the Q outputs that read at once; lanes (frames
that share the weights) share the address and so lie side by side in one wide memory. One running
adder per table and lane fills all copies, one entry a cycle, in the order of `table_plan`: the
control is the same for all tables. The beat of activations stays on ``i`` while it is read, step
by step, and is taken in the last step, so no copy of it is kept. With two buffers (halves of one
deeper memory) the next block is filled during the look-ups of this one; with one buffer, only the
steps that write nothing overlap. Sign folding halves the tables: the sign bit of an index costs
nothing in the tree of adders (see `adder_tree`).

Throughput: one beat of weights a cycle, a block each max(look-ups, steps) cycles with two buffers,
look-ups + written steps + 2 with one. `timing` is exact. Latency from a beat of weights to its
result: 4 + tree levels + plane stages.

It does not look at ``last`` of its inputs: frames have a known number of beats. It does not
requantise: results are raw sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring

from .adder_tree import chain_bits, relative_signs
from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_count
from .credit import delay
from .loop import loops_cost
from .matmul import MatmulConfig
from .matmul_engine import MatmulEngine
from .matmul_tail import Leaf, MatmulTail, tail_cost
from .table_copies import TableWrite, table_copy
from .table_fill import TableFill
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

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    group: int = 1
    tables: int = 1
    sign_fold: bool = False
    buffers: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.plan  # it validates itself
        most = beat_count(self.inputs, self.group)
        if not 1 <= self.tables <= most:
            raise ValueError(
                f"Tables must be 1 to {most}, which cover the inputs, not {self.tables!r}"
            )
        if self.buffers not in (1, 2):
            raise ValueError(f"Buffers must be 1 or 2, not {self.buffers!r}")
        _ = self.accumulate  # it validates itself

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
    def word_range(self) -> IntegerRange:
        return IntegerRange(0, 2**self.index_width - 1)

    @property
    def leaf_count(self) -> int:
        return self.tables

    @property
    def leaf_range(self) -> IntegerRange:
        """Range of what a table holds."""
        return self.alphabet.range * self.input_range.with_zero() * self.group

    @property
    def plain_registers(self) -> int:
        return 1

    @property
    def has_signs(self) -> bool:
        return self.sign_fold

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
        warm_up, steps = plan.warm_up_steps, len(plan.steps)
        # Steps of the control: the first clears, the second needs the beat; the beat is taken in
        # the cycle after the last, while the next fill's first step is done.
        if warm_up == 0:
            fill = [Step(take=("free",)), Step(steps - 1, peek=("i",))]
        elif warm_up == 1:
            fill = [Step(), Step(steps - 1, peek=("i",), take=("free",))]
        else:
            fill = [Step(), Step(warm_up - 1, peek=("i",)), Step(steps - warm_up, take=("free",))]
        fill.append(Step(0, take=("i",), give=(("filled", 2),)))
        look_up: list[Step] = []
        latency = self.pipeline_latency + 1
        for opens, closes, gives_result, count in self.beat_runs():
            take = ("weights",) + ("filled",) * opens + ("places",) * gives_result
            give = (("free", 1),) * closes
            give += (("o", latency),) * gives_result
            look_up.append(Step(take=take, give=give, repeat=count))
        return Timing(
            inputs=("i", "weights"),
            outputs=("o",),
            processes=(Process("fill", tuple(fill)), Process("look up", tuple(look_up))),
            initial={"free": self.buffers, "places": self.places_needed},
            returns={"o": "places"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: tables with their index and what is looked up, running adders with the choice
        of the operand, the control of the fill, the tail."""
        plan, width, operand = self.plan, self.leaf_range.width, self.input_range.width
        depth = self.buffers << plan.entry_width
        copies, adders = self.queries * self.tables, self.tables * self.lanes
        looked_up = copies * width * self.lanes
        tables = logic(
            device,
            "tables",
            lut=copies * device.lutram_luts(width * self.lanes, depth),
            ff=looked_up + copies * (depth.bit_length() - 1),
            joined_bits=looked_up * device.lutram_joints(depth),
            copies=copies,
        )
        fill = logic(
            device,
            "table_fill",
            ff=adders * (operand + width),
            sum_bits=adders * chain_bits(width, device.family == "ecp5"),
            choice_bits=adders * operand * (self.group - 1),
            shift_bits=adders * operand * (len(plan.shifts) - 1),
            steps=len(plan.steps),
            step_bits=len(plan.steps).bit_length(),
            each=1,
        )
        loops = loops_cost(device, plan.entry_count, self.buffers, self.buffers)
        return tables + fill + loops + tail_cost(self, device)

    def create(self) -> TableMatmul:
        return TableMatmul(self)


class TableMatmul(MatmulEngine):
    """The engine; its ports are those of `MatmulEngine`."""

    def __init__(self, config: TableMatmulConfig) -> None:
        self.config = config
        super().__init__(config)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tail = MatmulTail(m, self.config)
        release = tail.accept & tail.is_last_of_block
        fill = TableFill(m, platform, self.config, self.i, release)
        m.d.comb += [
            self.weights.ready.eq(fill.is_filled & tail.has_place),
            tail.accept.eq(self.weights.valid & self.weights.ready),
        ]
        leaves, signs = self._look_up(m, fill)
        results = tail.sum_up(m, platform, leaves, signs if self.config.sign_fold else None)
        wiring.connect(m, wiring.flipped(self.o), results)
        return m

    def _look_up(self, m: Module, fill: TableFill) -> tuple[list[list[Leaf]], list[Value]]:
        """Reads the tables: leaves of each sum, and signs of each table, one bit a query."""
        config, plan = self.config, self.config.plan
        width = config.leaf_range.width
        wide = width * config.lanes
        leaves: list[list[Leaf]] = [[] for _ in range(config.lanes * config.queries)]
        signs = []
        words = self.weights.payload.data
        write = TableWrite(fill.depth, fill.write_enable, fill.write_row)
        for table, entry in enumerate(fill.entries):
            sign_bits = []
            for query in range(config.queries):
                word = words[query * config.tables + table]
                name = f"{query}_{table}"
                looked_up = Signal(wide, reset_less=True, name=f"looked_up_{name}")
                address = Cat(word[: plan.entry_width], fill.read_half)
                m.d.sync += looked_up.eq(table_copy(m, name, write, entry, address))
                sign_bits.append(word[-1])
                for lane in range(config.lanes):
                    value = looked_up[lane * width :][:width]
                    if config.leaf_range.signed:
                        value = value.as_signed()
                    leaves[lane * config.queries + query].append((value, config.leaf_range))
            signs.append(delay(m, Cat(sign_bits), 2))
        return leaves, signs
