"""The matrix engine of the decoder: sizes of a matrix are known at run time only.

The engine is the table engine (see `table_matmul`: groups of G activations, T tables side by side,
Q outputs a beat of weights) for B tokens at once, which share the weights: one index addresses the
tables of all lanes, which lie side by side in one wide distributed memory. A command names the
blocks of a matrix; then one beat of ``weights`` a cycle is looked up, for each block of T*G inputs,
for each block of Q outputs. Raw totals stay in a memory of the engine, from where ``drain`` sends
those of one lane.

Activations are written to the engine's own buffer, V = Q at a time, before the command: see
`activation_buffer`. Neighbouring elements belong to neighbouring tables, so group t of a block is
its elements t, T + t, 2*T + t, ...: the columns of a matrix must be moved so before it is packed
(`TokenMatmulShape.arrange`). Two buffers of tables let fills hide behind look-ups.

It does not scale results; it does not check that a command fits its memories.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..beat import beat_count, beat_signature
from ..credit import delay
from ..memory import MemoryConfig
from ..table_copies import table_copies_cost
from .activation_buffer import ActivationBufferConfig, activation_write_signature
from .column_fill import FILL_LATENCY, ColumnFill, fill_cost
from .leaf_sums import DspSums, SumShape
from .logic_sums import LogicSums
from .matmul_command import drain_command_layout, matmul_command_layout
from .running_loop import RunningLimit, RunningLoop
from .token_matmul_shape import RESULT, TokenMatmulShape
from .token_totals import (
    LARGEST_LANES,
    SEND_LATENCY,
    SHORTEST_BLOCK,
    TokenTotals,
    send_cost,
    short_block_pause,
    totals_memory,
)

__all__ = [
    "TokenMatmul",
    "TokenMatmulConfig",
    "drain_command_layout",
    "matmul_command_layout",
]


@dataclass(frozen=True)
class TokenMatmulConfig(TokenMatmulShape):
    """The engine's parameters.

    Parameters
    ----------
    lanes : :class:`int`
        Tokens worked on at once, B: 1 to 16.
    queries : :class:`int`
        Outputs a beat of weights, Q; also elements of a write to the buffer, V.
    tables : :class:`int`
        Tables side by side, T: ``queries`` times a power of two.
    group : :class:`int`
        Activations of a table, G.
    sign_fold : :class:`bool`
        Store one of each pair of opposite sums.
    buffers : :class:`int`
        1 or 2 tables' worth of memory for each table.
    largest_inputs, largest_outputs : :class:`int`
        Of all matrices.
    adders : ``"logic"``, ``"three"`` or ``"dsp"``
        What sums: carry chains, carry chains of three operands each (fewer look-up tables on Xilinx
        devices, more on others), or SIMD lanes of DSP48E2 (four lanes a block; worth it from four
        token lanes on).
    totals : ``"block"`` or ``"ultra"``
        Kind of memory that holds the totals.
    fill_parts : :class:`int`
        In how many parts, one after the other, tables are filled: a power of two up to ``tables``.
        More parts take fewer adders and narrower memories; a fill, which look-ups hide, takes
        so many times the steps of the plan. 0 (the default) takes T/V parts, which read what a
        write to the buffer writes.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    buffers: int = 2
    adders: Literal["logic", "three", "dsp"] = "logic"
    totals: Literal["block", "ultra"] = "block"
    fill_parts: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lanes > LARGEST_LANES:
            raise ValueError(f"Lanes must be 1 to {LARGEST_LANES}, not {self.lanes!r}")
        if self.buffers not in (1, 2):
            raise ValueError(f"Buffers must be 1 or 2, not {self.buffers!r}")
        if self.adders not in ("logic", "three", "dsp"):
            raise ValueError(f"Adders must be logic, three or dsp, not {self.adders!r}")
        if self.totals not in ("block", "ultra"):
            raise ValueError(f"Totals must be block or ultra, not {self.totals!r}")
        ratio = self.tables // self.queries
        if self.tables % self.queries or ratio & (ratio - 1):
            raise ValueError(
                f"Tables must be {self.queries} (the queries) times a power of two,"
                f" not {self.tables!r}"
            )
        if self.fill_parts == 0:
            object.__setattr__(self, "fill_parts", ratio)
        parts = self.fill_parts
        if parts < 1 or parts & (parts - 1) or self.tables % parts:
            raise ValueError(
                f"Fill parts must be a power of two that divides {self.tables}, not {parts!r}"
            )
        _ = self.buffer  # it validates itself

    @property
    def buffer(self) -> ActivationBufferConfig:
        """The buffer of activations. A last block may end beyond it: what is read there instead
        meets weights of zero."""
        inputs = beat_count(self.largest_inputs, self.tables) * self.tables
        row = self.tables // self.fill_parts
        return ActivationBufferConfig(self.lanes, row, self.queries, inputs)

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
        if self.adders == "dsp":
            return DspSums(shape)
        return LogicSums(shape, operands=3 if self.adders == "three" else 2)

    @property
    def memory(self) -> MemoryConfig:
        """The memory of totals."""
        width = self.lanes * self.queries * self.total_range.width
        return totals_memory(self.largest_output_blocks, width, self.totals)

    def cycles(
        self,
        input_blocks: int,
        output_blocks: int,
        look_up: Callable[[int, float], float] | None = None,
    ) -> float:
        """Cycles from the acceptance of a command to the first one in which the engine is idle
        again; exact.

        Weights are always there, unless ``look_up(block, first)`` says otherwise: it gives the
        cycle of an input block's last look-up, whose first one may be in cycle ``first``.
        """
        steps = len(self.plan.steps) * self.fill_parts
        pause = max(0, SHORTEST_BLOCK - output_blocks)
        fill: float = 1 - steps
        ends: list[float] = [-pause] * self.buffers
        for block in range(input_blocks):
            # The first step of a fill, and the last look-up of its block.
            fill = max(fill + steps, ends[-self.buffers] + 1)
            first = max(fill + steps - 1 + FILL_LATENCY, ends[-1] + 1 + pause)
            ends.append(look_up(block, first) if look_up else first + output_blocks - 1)
        return ends[-1] + self.sums.read_offset + SHORTEST_BLOCK

    def drain_cycles(self, blocks: int) -> int:
        """Cycles from the acceptance of a drain to the first one in which the engine is idle
        again, with a consumer that is always ready; exact. The first beat is offered after
        ``drain_cycles(0)``."""
        return blocks + SEND_LATENCY + 3

    def cost(self, device: Device) -> Cost:
        """Estimate: the sum of the engine's parts and some control."""
        plan, width = self.plan, self.leaf_range.width * self.lanes
        depth = self.buffers << plan.entry_width
        return (
            table_copies_cost(device, depth, width) * (self.queries * self.tables)
            + fill_cost(self.leaf_range, self.buffer.row, self.lanes, self.adders == "dsp")
            + self.sums.cost(device)
            + self.memory.cost(device)
            + send_cost(self.total_range.width * self.queries, self.lanes)
            + self.buffer.cost(device)
            + Cost(lut=150, ff=200)
        )

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
            buffer=buffer,
            tables=config.tables,
            in_blocks=config.adders == "dsp",
        )
        output = RunningLoop(m, outputs, accept, "look_up_output")
        m.d.comb += [
            self.weights.ready.eq(fill.is_filled & ~short_block_pause(m, outputs, release)),
            accept.eq(self.weights.valid & self.weights.ready),
            release.eq(accept & output.is_last),
        ]

        sums = config.sums
        step = delay(m, accept, sums.read_offset - 1, reset_less=False)
        totals = TokenTotals(m, config.memory, config.lanes, config.queries, inputs, outputs, step)
        codes = list(self.weights.payload.data)
        totals.store(sums.build(m, platform, fill, codes, totals.previous, totals.clear))
        is_sent = totals.send(start_send, self.drain.payload, self.o)
        with m.If(start | start_send):
            m.d.sync += is_busy.eq(1)
        with m.Elif(totals.is_finished | is_sent):
            m.d.sync += is_busy.eq(0)
        return m
