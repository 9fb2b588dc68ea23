"""The matrix engine of the decoder: sizes of a matrix are known at run time only.

The engine is the table engine (see `table_matmul`: groups of G activations, T tables side by side,
Q outputs a beat of weights) for B tokens at once, which share the weights: one index addresses the
tables of all lanes, which lie side by side in one wide distributed memory. A command names the
blocks of a matrix; then one beat of ``weights`` a cycle is looked up, for each block of T*G inputs,
for each block of Q outputs. Raw totals stay in a memory of the engine, from where ``drain`` sends
those of one lane.

Activations are written to the engine's own buffer, V = Q at a time, before the command: see
`activation_buffer`. Its rows of T elements are what one step of all running adders takes, so group
t of a block is its elements t, T + t, 2*T + t, ...: the columns of a matrix must be moved so before
it is packed (`TokenMatmulConfig.arrange`). Two buffers of tables let fills hide behind look-ups.

It does not scale results; it does not check that a command fits its memories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import TERNARY, IntegerRange
from ..beat import beat_count, beat_signature
from ..credit import delay
from ..table_matmul import TableMatmulConfig
from ..table_plan import TablePlan, plan_table
from .activation_buffer import ActivationBufferConfig, activation_write_signature
from .column_fill import FILL_LATENCY, ColumnFill
from .leaf_sums import DspSums, LogicSums, SumShape
from .running_loop import RunningLimit, RunningLoop
from .token_totals import SEND_LATENCY, SHORTEST_BLOCK, TokenTotals, totals_memory

__all__ = [
    "TokenMatmul",
    "TokenMatmulConfig",
    "drain_command_layout",
    "matmul_command_layout",
]

CODES = IntegerRange(-127, 127)
RESULT = IntegerRange.of_width(24, signed=True)


def _below(count: int) -> Shape:
    return unsigned(max(1, (count - 1).bit_length()))


def matmul_command_layout(largest_input_blocks: int, largest_output_blocks: int) -> data.StructLayout:
    """A matrix: ``input_blocks`` of T*G inputs and ``output_blocks`` of Q outputs, 1 or more."""
    return data.StructLayout(
        {
            "input_blocks": _below(largest_input_blocks + 1),
            "output_blocks": _below(largest_output_blocks + 1),
        }
    )


def drain_command_layout(lanes: int, largest_output_blocks: int) -> data.StructLayout:
    """What to send: ``blocks`` (1 or more) output blocks of ``lane`` from ``first_block`` on."""
    return data.StructLayout(
        {
            "lane": _below(lanes),
            "first_block": _below(largest_output_blocks),
            "blocks": _below(largest_output_blocks + 1),
        }
    )


@dataclass(frozen=True)
class TokenMatmulConfig:
    """The engine's parameters.

    Parameters
    ----------
    lanes : :class:`int`
        Tokens worked on at once, B.
    queries : :class:`int`
        Outputs a beat of weights, Q; also elements of a write to the buffer, V.
    tables : :class:`int`
        Tables side by side, T: a multiple of ``queries``.
    group : :class:`int`
        Activations of a table, G.
    sign_fold : :class:`bool`
        Store one of each pair of opposite sums.
    buffers : :class:`int`
        1 or 2 tables' worth of memory for each table.
    largest_inputs, largest_outputs : :class:`int`
        Of all matrices.
    adders : ``"logic"`` or ``"dsp"``
        What sums: carry chains, or SIMD lanes of DSP48E2 (four lanes a block; worth it from four
        token lanes on).
    totals : ``"block"`` or ``"ultra"``
        Kind of memory that holds the totals.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    lanes: int
    queries: int
    tables: int
    largest_inputs: int
    largest_outputs: int
    group: int = 3
    sign_fold: bool = True
    buffers: int = 2
    adders: Literal["logic", "dsp"] = "logic"
    totals: Literal["block", "ultra"] = "block"

    def __post_init__(self) -> None:
        for name in ("lanes", "queries", "tables", "group", "largest_inputs", "largest_outputs"):
            value = getattr(self, name)
            if value < 1:
                subject = name.replace("_", " ").capitalize()
                raise ValueError(f"{subject} must be 1 or more, not {value!r}")
        if self.buffers not in (1, 2):
            raise ValueError(f"Buffers must be 1 or 2, not {self.buffers!r}")
        if self.adders not in ("logic", "dsp"):
            raise ValueError(f"Adders must be logic or dsp, not {self.adders!r}")
        if self.totals not in ("block", "ultra"):
            raise ValueError(f"Totals must be block or ultra, not {self.totals!r}")
        if self.total_range.width > RESULT.width:
            limit = (RESULT.high + 1) // CODES.high
            raise ValueError(f"Largest inputs must be at most {limit}, not {self.largest_inputs}")
        _ = self.buffer  # it validates itself

    @property
    def plan(self) -> TablePlan:
        """Entries and the walk that fills them."""
        return plan_table(TERNARY, self.group, self.sign_fold)

    @property
    def block_inputs(self) -> int:
        return self.tables * self.group

    @property
    def index_width(self) -> int:
        """Bits of one weight code: entry and, with folding, the sign above it."""
        return self.plan.index_width

    @property
    def word_range(self) -> IntegerRange:
        """Range of one element of ``weights``."""
        return IntegerRange(0, 2**self.index_width - 1)

    @property
    def leaf_range(self) -> IntegerRange:
        """Range of what a table holds."""
        return CODES * self.group

    @property
    def total_range(self) -> IntegerRange:
        return CODES * self.largest_inputs

    @property
    def largest_input_blocks(self) -> int:
        return beat_count(self.largest_inputs, self.block_inputs)

    @property
    def largest_output_blocks(self) -> int:
        return beat_count(self.largest_outputs, self.queries)

    @property
    def buffer(self) -> ActivationBufferConfig:
        """The buffer of activations: whole blocks of them."""
        inputs = self.largest_input_blocks * self.block_inputs
        return ActivationBufferConfig(self.lanes, self.tables, self.queries, inputs)

    def input_blocks(self, inputs: int) -> int:
        """For the command: blocks of a matrix with so many inputs."""
        return beat_count(inputs, self.block_inputs)

    def output_blocks(self, outputs: int) -> int:
        """For the command: blocks of a matrix with so many outputs."""
        return beat_count(outputs, self.queries)

    def arrange(self, weights: np.ndarray) -> np.ndarray:
        """The matrix [outputs, inputs] with its columns as the groups of the tables take them.

        Inputs are padded with zeros to whole blocks; column ``block*T*G + t*G + g`` of the result
        is column ``block*T*G + g*T + t`` of the matrix. This is the matrix to pack, into
        indices or into the image of the external memory. The kind of number stays what it was.
        """
        weights = np.asarray(weights)
        blocks = self.input_blocks(weights.shape[1])
        padded = np.zeros((len(weights), blocks * self.block_inputs), dtype=weights.dtype)
        padded[:, : weights.shape[1]] = weights
        grouped = padded.reshape(len(weights), blocks, self.group, self.tables)
        return grouped.swapaxes(2, 3).reshape(len(weights), -1)

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The beats of ``weights`` for a matrix [outputs, inputs] of -1, 0 and 1: int64 [rows, Q*T].

        Rows run through input blocks and in each through output blocks; element ``q*T + t`` is the
        index of table t for output q of the block.
        """
        arranged = self.arrange(weights)
        outputs = self.output_blocks(len(arranged)) * self.queries
        padded = np.zeros((outputs, arranged.shape[1]), dtype=np.int64)
        padded[: len(arranged)] = arranged
        return TableMatmulConfig(
            padded.shape[1],
            outputs,
            CODES,
            TERNARY,
            queries=self.queries,
            group=self.group,
            tables=self.tables,
            sign_fold=self.sign_fold,
        ).pack(padded)

    def compute(self, activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Totals [lane, output] of codes [lane, input] and a matrix [output, input]; int64."""
        return np.asarray(activations, dtype=np.int64) @ np.asarray(weights, dtype=np.int64).T

    @property
    def sums(self) -> LogicSums | DspSums:
        """How looked-up values become totals."""
        shape = SumShape(
            self.lanes,
            self.queries,
            self.tables,
            self.leaf_range,
            self.total_range,
            self.plan.entry_width,
            self.sign_fold,
        )
        return DspSums(shape) if self.adders == "dsp" else LogicSums(shape)

    @property
    def row_width(self) -> int:
        """Bits of a row of the memory of totals."""
        return self.lanes * self.queries * self.total_range.width

    def cycles(self, input_blocks: int, output_blocks: int) -> int:
        """Cycles from the acceptance of a command to the first one in which the engine is idle
        again, with weights always there; exact."""
        steps = len(self.plan.steps)
        pause = max(0, SHORTEST_BLOCK - output_blocks)
        fill, ends = 1 - steps, [-pause] * self.buffers
        for _ in range(input_blocks):
            # The first step of a fill, and the last look-up of its block.
            fill = max(fill + steps, ends[-self.buffers] + 1)
            first = max(fill + steps - 1 + FILL_LATENCY, ends[-1] + 1 + pause)
            ends.append(first + output_blocks - 1)
        return ends[-1] + self.sums.read_offset + SHORTEST_BLOCK

    def drain_cycles(self, blocks: int) -> int:
        """Cycles from the acceptance of a drain to the first one in which the engine is idle
        again, with a consumer that is always ready; exact. The first beat is offered after
        ``drain_cycles(0)``."""
        return blocks + SEND_LATENCY + 2

    def create(self) -> TokenMatmul:
        return TokenMatmul(self)


class TokenMatmul(wiring.Component):
    """The engine.

    Attributes
    ----------
    command : stream of `matmul_command_layout`, in
        A matrix to multiply by; ready while nothing is at work.
    activations : `activation_write_signature`, in
        Writes V codes of a lane; not while a command is at work.
    weights : stream of beats, in
        Rows of `TokenMatmulConfig.pack`; ``last`` is not looked at.
    drain : stream of `drain_command_layout`, in
        Totals to send, of the latest command; ready while nothing is at work.
    o : stream of beats of Q 24-bit integers, out
        Totals; ``last`` with the last one of a drain.
    idle : out
        No command or drain is at work and nothing is left to be taken.
    """

    command: stream.Interface
    activations: wiring.PureInterface
    weights: stream.Interface
    drain: stream.Interface
    o: stream.Interface
    idle: Signal

    def __init__(self, config: TokenMatmulConfig) -> None:
        self.config = config
        inputs, outputs = config.largest_input_blocks, config.largest_output_blocks
        write = activation_write_signature(
            config.lanes, config.queries, config.buffer.largest_inputs
        )
        super().__init__(
            {
                "command": In(stream.Signature(matmul_command_layout(inputs, outputs))),
                "activations": In(write),
                "weights": In(beat_signature(config.word_range, config.queries * config.tables)),
                "drain": In(stream.Signature(drain_command_layout(config.lanes, outputs))),
                "o": Out(beat_signature(RESULT, config.queries)),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        start, start_send, accept, release = Signal(), Signal(), Signal(), Signal()
        is_busy = Signal()
        m.d.comb += [
            self.command.ready.eq(~is_busy),
            self.drain.ready.eq(~is_busy & ~self.command.valid),
            start.eq(self.command.valid & self.command.ready),
            start_send.eq(self.drain.valid & self.drain.ready),
            self.idle.eq(~is_busy),
        ]
        command = self.command.payload
        inputs = RunningLimit(m, start, command.input_blocks, "inputs")
        outputs = RunningLimit(m, start, command.output_blocks, "outputs")

        m.submodules.buffer = buffer = config.buffer.create()
        wiring.connect(m, wiring.flipped(self.activations), buffer.write)
        fill = ColumnFill(
            m,
            platform,
            config.plan,
            config.leaf_range,
            config.buffers,
            start=start,
            blocks=command.input_blocks,
            release=release,
            row=buffer.row,
            activations=buffer.activations,
            tables=config.tables,
            lanes=config.lanes,
        )
        output = RunningLoop(m, outputs, accept, "look_up_output")
        m.d.comb += [
            self.weights.ready.eq(fill.is_filled & ~self._pause(m, start, release)),
            accept.eq(self.weights.valid & self.weights.ready),
            release.eq(accept & output.is_last),
        ]

        sums = config.sums
        step = delay(m, accept, sums.read_offset - 1, reset_less=False)
        memory = totals_memory(config.largest_output_blocks, config.row_width, config.totals)
        totals = TokenTotals(m, memory, config.lanes, config.queries, inputs, outputs, step)
        codes = list(self.weights.payload.data)
        totals.store(sums.build(m, platform, fill, codes, totals.previous, totals.clear))
        is_sent = totals.send(start_send, self.drain.payload, self.o)
        with m.If(start | start_send):
            m.d.sync += is_busy.eq(1)
        with m.Elif(totals.is_finished | is_sent):
            m.d.sync += is_busy.eq(0)
        return m

    def _pause(self, m: Module, start: Value, release: Value) -> Value:
        """Whether the next input block must wait for the totals of this one to be written."""
        blocks = self.command.payload.output_blocks
        length = Signal(range(SHORTEST_BLOCK))
        left = Signal(range(SHORTEST_BLOCK))
        is_pausing = Signal()
        with m.If(start):
            m.d.sync += length.eq(Mux(blocks < SHORTEST_BLOCK, SHORTEST_BLOCK - blocks, 0))
        with m.If(release):
            m.d.sync += [left.eq(length), is_pausing.eq(length != 0)]
        with m.Elif(is_pausing):
            m.d.sync += [left.eq(left - 1), is_pausing.eq(left != 1)]
        return is_pausing
