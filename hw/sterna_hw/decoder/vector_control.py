"""The control of the vector unit: walks one command at a time through its states, and counts.

    SETUP -> LOAD                                               (words into memories)
    SETUP -> SIGMA -> PASS_A -> MEASURE                         (sums with the residual)
    SETUP [-> SIGMA] -> PASS_A -> MEASURE -> PASS_B -> FINISH   (all others)

SIGMA waits for the scale with which raw results are multiplied, PASS_A takes (or reads) the vector,
MEASURE waits until it is kept and the scalar unit has its reciprocal, PASS_B reads it again as the
output queue has room, FINISH waits until codes and scales have been taken. Counters of beats give
the addresses: they count at the place of the pipeline where the address is needed.

It moves no elements. Each state that waits for one event is left in the cycle after that event.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay
from .vector_command import VectorKind, vector_command_layout
from .vector_datapath import switch_layout

__all__ = ["LOADS", "NORMS", "QUANTISES", "SCALED", "VectorControl", "VectorControlConfig"]

LOADS = (VectorKind.EMBED, VectorKind.ROPE, VectorKind.CONSTANTS, VectorKind.GAINS)
SCALED = (VectorKind.ADD, VectorKind.GATE)
"""Kinds that begin with the product of raw results and sigma."""
QUANTISES = (VectorKind.ROPE_QUANTISE, VectorKind.QUANTISE)
NORMS = (VectorKind.NORM, VectorKind.GATE, VectorKind.ATTENTION_NORM)


class _State(IntEnum):
    IDLE = 0
    SETUP = 1
    LOAD = 2
    SIGMA = 3
    PASS_A = 4
    MEASURE = 5
    PASS_B = 6
    FINISH = 7


@dataclass(frozen=True)
class VectorControlConfig:
    """The control.

    Parameters
    ----------
    lanes, largest_beats, head_beats : :class:`int`
        Token lanes; beats of the longest vector and of a head.
    sigma_latency : :class:`int`
        Cycles from ``starts`` to sigma.
    statistics_latency : :class:`int`
        Cycles from x to statistics that include it.
    """

    lanes: int
    largest_beats: int
    head_beats: int
    sigma_latency: int
    statistics_latency: int

    def first_beat(self, kind: VectorKind) -> int:
        """Cycles from a command's transfer to its first beat, if that is there: set-up, and where
        sigma is needed so late that it stands when the beat comes out of the source's register."""
        return self.sigma_latency if kind in SCALED else 2

    def cost(self, device: Device) -> Cost:
        """Estimate: counters and flags."""
        counters = 6 * self.largest_beats.bit_length()
        return Cost(lut=2 * counters + 40, ff=counters + 30 + self.statistics_latency)

    def create(self) -> VectorControl:
        return VectorControl(self)


class VectorControl(wiring.Component):
    """The control.

    Attributes
    ----------
    command : stream of `vector_command_layout`, in
    idle : out
        ``command`` is ready.
    work : out
        The command at work.
    starts, is_load, is_gate, norms, quantises : out
        A command begins (for one cycle), and of which kind it is.
    loader_busy, scales_busy : in
    drain_valid, attention_valid : in
    drain_ready, attention_ready : out
    switches : out, see `switch_layout`
    source_valid : out
        Of the source's register, which takes what is transferred now.
    kept_valid, kept_address : out
        A beat of what is kept is read.
    kept_is_last : out
        It is the last one.
    adds, total_valid : in
    total_address : out
    x_valid : in
    x_address, x_first, measures : out
    rotation_address : out
        Of the beat in the source's register.
    scalar_starts : out
        Statistics are complete.
    reciprocal_valid : in
    queue_available, codes_end : in
        There is room for codes; the last codes leave in this cycle.
    queue_take : out
        Codes will come.
    """

    def __init__(self, config: VectorControlConfig) -> None:
        self.config = config
        address = Shape.cast(range(max(config.largest_beats, 2)))
        command = vector_command_layout(config.lanes, config.largest_beats)
        flags_in = (
            "loader_busy", "scales_busy", "drain_valid", "attention_valid", "adds", "total_valid",
            "x_valid", "reciprocal_valid", "queue_available", "codes_end",
        )  # fmt: skip
        flags_out = (
            "idle", "starts", "is_load", "is_gate", "norms", "quantises", "drain_ready",
            "attention_ready", "source_valid", "kept_valid", "kept_is_last", "x_first",
            "measures", "scalar_starts", "queue_take",
        )  # fmt: skip
        addresses = ("kept_address", "total_address", "x_address", "rotation_address")
        super().__init__(
            {
                "command": In(stream.Signature(command)),
                "work": Out(command),
                "switches": Out(switch_layout()),
                **dict.fromkeys(flags_in, In(1)),
                **dict.fromkeys(flags_out, Out(1)),
                **dict.fromkeys(addresses, Out(address)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(_State)
        self._decode(m)
        self._count(m)
        last_beat = Signal(range(max(self.config.largest_beats, 2)))
        m.d.comb += [
            self.idle.eq(state == _State.IDLE),
            self.command.ready.eq(self.idle),
            self.starts.eq(state == _State.SETUP),
        ]
        m.d.sync += last_beat.eq(self.work.beats - 1)
        takes_source = self.drain_ready & self.drain_valid
        takes_source |= self.attention_ready & self.attention_valid
        m.d.sync += self.source_valid.eq(takes_source)
        self._walk(m, state, takes_source, last_beat)
        return m

    def _decode(self, m: Module) -> None:
        """What follows from the kind alone."""
        kind = self.work.kind
        m.d.comb += [
            self.is_load.eq(_among(kind, LOADS)),
            self.is_gate.eq(kind == VectorKind.GATE),
            self.norms.eq(_among(kind, NORMS)),
            self.quantises.eq(_among(kind, QUANTISES)),
        ]
        m.d.sync += [
            self.switches.is_rotation.eq(kind == VectorKind.ROPE_QUANTISE),
            self.switches.is_gate.eq(self.is_gate),
            self.switches.is_add.eq(kind == VectorKind.ADD),
            self.switches.is_scratch.eq(kind != VectorKind.NORM),
            self.switches.has_gains.eq(self.norms),
        ]

    def _count(self, m: Module) -> None:
        """Addresses of x, of sums, and of rotations, which come round with every head."""
        with m.If(self.x_valid):
            m.d.sync += [self.x_address.eq(self.x_address + 1), self.x_first.eq(0)]
        with m.If(self.total_valid):
            m.d.sync += self.total_address.eq(self.total_address + 1)
        with m.If(self.source_valid):
            ends = self.rotation_address == self.config.head_beats - 1
            m.d.sync += self.rotation_address.eq(Mux(ends, 0, self.rotation_address + 1))
        with m.If(self.kept_valid | self.adds):
            m.d.sync += self.kept_address.eq(self.kept_address + 1)

    def _walk(self, m: Module, state: Signal, takes_source: Value, last_beat: Signal) -> None:
        """The states."""
        config = self.config
        work, kind = self.work, self.work.kind
        left = Signal(range(2 * config.largest_beats + 1))
        codes_wait = Signal()
        needs_sigma, is_norm, is_add = _among(kind, SCALED), Signal(), Signal()
        x_last, total_last = Signal(), Signal()
        m.d.comb += [
            is_norm.eq(kind == VectorKind.NORM),
            is_add.eq(kind == VectorKind.ADD),
            x_last.eq(self.x_valid & self.measures & (self.x_address == last_beat)),
            total_last.eq(self.total_valid & (self.total_address == last_beat)),
            self.scalar_starts.eq(delay(m, x_last, config.statistics_latency, reset_less=False)),
            self.kept_is_last.eq(left == 1),
        ]
        # One less for the cycle of the transition, one for the source's register.
        sigma_soon = delay(m, self.starts, config.sigma_latency - 2, reset_less=False)
        in_a = state == _State.PASS_A
        m.d.comb += [
            self.drain_ready.eq(in_a & (_among(kind, QUANTISES) | needs_sigma)),
            self.attention_ready.eq(in_a & (kind == VectorKind.ATTENTION_NORM)),
        ]
        with m.If(self.codes_end):
            m.d.sync += codes_wait.eq(0)
        with m.Switch(state):
            with m.Case(_State.IDLE):
                m.d.sync += work.eq(self.command.payload)
                with m.If(self.command.valid):
                    m.d.sync += state.eq(_State.SETUP)
            with m.Case(_State.SETUP):
                m.d.sync += [
                    left.eq(Mux(self.is_gate, work.beats << 1, work.beats)),
                    self.kept_address.eq(0),
                    self.total_address.eq(0),
                    self.rotation_address.eq(0),
                    self.x_address.eq(0),
                    self.x_first.eq(1),
                    self.measures.eq(~is_add),
                    self.switches.is_kept.eq(is_norm),
                    codes_wait.eq(~is_add),
                    state.eq(
                        Mux(
                            self.is_load,
                            _State.LOAD,
                            Mux(needs_sigma, _State.SIGMA, _State.PASS_A),
                        )
                    ),
                ]
            with m.Case(_State.LOAD):
                with m.If(~self.loader_busy):
                    m.d.sync += state.eq(_State.IDLE)
            with m.Case(_State.SIGMA):
                with m.If(sigma_soon):
                    m.d.sync += state.eq(_State.PASS_A)
            with m.Case(_State.PASS_A):
                m.d.comb += self.kept_valid.eq(is_norm)
                with m.If(is_norm | takes_source):
                    m.d.sync += left.eq(left - 1)
                    with m.If(self.kept_is_last):
                        m.d.sync += state.eq(_State.MEASURE)
            with m.Case(_State.MEASURE):
                with m.If(total_last):
                    m.d.sync += state.eq(_State.IDLE)
                with m.If(self.reciprocal_valid):
                    m.d.sync += [
                        state.eq(_State.PASS_B),
                        left.eq(work.beats),
                        self.kept_address.eq(0),
                        self.x_address.eq(0),
                        self.measures.eq(0),
                        self.switches.is_kept.eq(1),
                    ]
            with m.Case(_State.PASS_B):
                m.d.comb += [self.kept_valid.eq(self.queue_available), self.queue_take.eq(1)]
                with m.If(self.queue_available):
                    m.d.sync += left.eq(left - 1)
                    with m.If(self.kept_is_last):
                        m.d.sync += state.eq(_State.FINISH)
            with m.Case(_State.FINISH):
                with m.If(~codes_wait & ~self.scales_busy):
                    m.d.sync += state.eq(_State.IDLE)


def _among(kind: Value, kinds: tuple[VectorKind, ...]) -> Value:
    """Whether the kind is one of these."""
    found = Value.cast(kind == kinds[0])
    for other in kinds[1:]:
        found = found | (kind == other)
    return found
