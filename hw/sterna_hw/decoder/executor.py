"""Does the instructions of a program: tells the units what to do, one instruction after another.

For each lane of an instruction the executor offers a command to every unit that takes part in it; a
unit takes it when it is free, so the next lane's commands wait at the units' doors and, say, one
lane's attention is at work while the vector unit still has the lane before. When all commands of
all lanes are taken and the units are at rest, the next instruction begins. Units that need words
wait for them by themselves; so do units that need another unit's results.

When the keys and values of a layer have been written and memory has acknowledged them all,
``release`` tells the fetcher; meanwhile the executor goes on.

Operands that a unit could not follow (vectors longer than its memories, rows beyond the vocabulary,
records of another size, records outside the declared memory) raise ``operand_error`` until reset.
An instruction costs about twelve cycles besides the work of the units.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .attention_command import AttentionKind, attention_command_layout, cache_command_layout
from .instruction import Opcode
from .operand_check import OperandCheckConfig
from .pass_layout import count_shape, index_shape, pass_layout
from .program_reader import work_layout
from .record_address import RECORD_ADDRESS_CYCLES, RecordAddress, RecordAddressConfig
from .token_matmul import drain_command_layout, matmul_command_layout
from .vector_command import Destination, VectorKind, vector_command_layout

__all__ = [
    "FIRST_COMMAND_CYCLES",
    "NEXT_LANE_CYCLES",
    "RECORD_CYCLES",
    "REST_CYCLES",
    "SHORTEST_CYCLES",
    "Executor",
    "ExecutorConfig",
]

FIRST_COMMAND_CYCLES = 4
"""From the cycle in which an instruction is taken up to its first command's offer."""

NEXT_LANE_CYCLES = 4
"""From the acceptance of a lane's last command to the offer of the next lane's."""

RECORD_CYCLES = 1 + RECORD_ADDRESS_CYCLES
"""More of both where a record's address is made."""

SHORTEST_CYCLES = 7
"""From the acceptance of the last command to the next instruction at the earliest."""

REST_CYCLES = 2
"""From the first cycle in which all units rest to the next instruction."""

_SETTLE_CYCLES = 4
_RELEASE_CYCLES = 4

# What an opcode means to the vector unit: kind, constant, destination.
_VECTOR = {
    Opcode.EMBED: (VectorKind.EMBED, 0, Destination.ACTIVATION),
    Opcode.ROTATION: (VectorKind.ROPE, 0, Destination.ACTIVATION),
    Opcode.CONSTANTS: (VectorKind.CONSTANTS, 0, Destination.ACTIVATION),
    Opcode.GAINS: (VectorKind.GAINS, 0, Destination.ACTIVATION),
    Opcode.NORM: (VectorKind.NORM, 0, Destination.ACTIVATION),
    Opcode.QUERY: (VectorKind.ROPE_QUANTISE, 0, Destination.QUERY),
    Opcode.VALUE: (VectorKind.QUANTISE, 1, Destination.VALUE),
    Opcode.KEY: (VectorKind.ROPE_QUANTISE, 2, Destination.KEY),
    Opcode.ATTEND: (VectorKind.ATTENTION_NORM, 0, Destination.ACTIVATION),
    Opcode.ADD: (VectorKind.ADD, 0, Destination.ACTIVATION),
    Opcode.GATE: (VectorKind.GATE, 4, Destination.ACTIVATION),
    Opcode.FINAL_NORM: (VectorKind.NORM, 0, Destination.QUERY),
}
# Which opcodes give a command to which unit.
_TAKING = {
    "vector": tuple(_VECTOR),
    "matrix": (Opcode.MATMUL,),
    "drain": (Opcode.QUERY, Opcode.VALUE, Opcode.KEY, Opcode.ADD, Opcode.GATE),
    "attention": (Opcode.ATTEND, Opcode.HEAD),
    "cache": (Opcode.VALUE, Opcode.KEY),
}
_ONCE = (Opcode.CONSTANTS, Opcode.GAINS, Opcode.MATMUL)
_LAST_LANE = (Opcode.FINAL_NORM, Opcode.HEAD)


@dataclass(frozen=True)
class ExecutorConfig:
    """An executor for units of certain sizes.

    Parameters
    ----------
    lanes : :class:`int`
        Token lanes, 1 to 16.
    ports : :class:`int`
        Memory ports, 1 to 4.
    context : :class:`int`
        Largest number of positions.
    slots : :class:`int`
        Of the attention unit: cached records or rows of the head on a port.
    record_words : :class:`int`
        Words of a record of the cache.
    largest_beats : :class:`int`
        Of the vector unit.
    largest_input_blocks, largest_output_blocks : :class:`int`
        Of the engine.
    depth : :class:`int`
        Instructions of a program at most.
    address_width : :class:`int`
        Bits of a byte address in a port's region.

    Raises
    ------
    ValueError
        If lanes or ports are out of range.
    """

    lanes: int
    ports: int
    context: int
    slots: int
    record_words: int
    largest_beats: int
    largest_input_blocks: int
    largest_output_blocks: int
    depth: int = 64
    address_width: int = 32

    def __post_init__(self) -> None:
        if not 1 <= self.lanes <= 16:
            raise ValueError(f"Lanes must be 1 to 16, not {self.lanes!r}")
        if not 1 <= self.ports <= 4:
            raise ValueError(f"Ports must be 1 to 4, not {self.ports!r}")

    @property
    def check(self) -> OperandCheckConfig:
        return OperandCheckConfig(
            self.ports,
            self.slots,
            self.record_words,
            self.largest_beats,
            self.largest_input_blocks,
            self.largest_output_blocks,
            self.depth,
        )

    @property
    def record(self) -> RecordAddressConfig:
        slots = -(-self.context // self.ports)
        return RecordAddressConfig(
            self.address_width, index_shape(slots + 1).width, self.record_words
        )

    @property
    def members(self) -> dict[str, wiring.Member]:
        """Ports of the executor."""
        lanes, ports = self.lanes, self.ports
        work = work_layout(self.depth)
        inputs, outputs = self.largest_input_blocks, self.largest_output_blocks
        return {
            "passes": In(stream.Signature(pass_layout(lanes, self.context, ports))),
            "work": In(stream.Signature(work)),
            "vector": Out(stream.Signature(vector_command_layout(lanes, self.largest_beats))),
            "matrix": Out(stream.Signature(matmul_command_layout(inputs, outputs))),
            "drain": Out(stream.Signature(drain_command_layout(lanes, outputs))),
            "attention": Out(stream.Signature(attention_command_layout(lanes, self.slots, ports))),
            "cache": Out(stream.Signature(cache_command_layout(lanes, ports, self.address_width))),
            "units_idle": In(1),
            "cache_idle": In(1),
            "memory_words": In(self.address_width - 4),
            "release": Out(1),
            "finished": Out(1),
            "operand_error": Out(1),
            "place": Out(work["place"].shape),
            "layer": Out(work["layer"].shape),
        }

    def cost(self, device: Device) -> Cost:
        """Estimate: checks, the address of records, some 200 LUTs of control."""
        return self.check.cost(device) + self.record.cost(device) + Cost(lut=200, ff=120)

    def create(self) -> Executor:
        return Executor(self)


class Executor(wiring.Component):
    """The executor.

    Attributes
    ----------
    passes : stream of `pass_layout`, in
        Passes to be done; taken at the program's FINISH.
    work : stream of `work_layout`, in
        From a program reader that was started for the same pass.
    vector, matrix, drain, attention, cache : streams, out
        Commands, in the layouts of the units.
    units_idle : in
        Vector unit, engine and attention unit are at rest.
    cache_idle : in
        The cache writer is at rest and memory has acknowledged all writes.
    memory_words : in
        Words of the memory.
    release : out
        High for a cycle: a layer's cache writes are in memory.
    finished : out
        High for a cycle at the end of a pass.
    operand_error : out
        An instruction asked for what no unit can do, until reset; ``place`` and ``layer`` say
        where.
    place, layer : out
        Where the program is.
    """

    passes: stream.Interface
    work: stream.Interface
    vector: stream.Interface
    matrix: stream.Interface
    drain: stream.Interface
    attention: stream.Interface
    cache: stream.Interface
    units_idle: Signal
    cache_idle: Signal
    memory_words: Signal
    release: Signal
    finished: Signal
    operand_error: Signal
    place: Signal
    layer: Signal

    def __init__(self, config: ExecutorConfig) -> None:
        self.config = config
        super().__init__(config.members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        current, work = self.passes.payload, self.work.payload
        m.submodules.check = check = config.check.create()
        m.submodules.record = record = config.record.create()
        m.d.comb += [
            self.place.eq(work.place),
            self.layer.eq(work.layer),
            check.i.eq(work),
        ]

        lane = Signal(count_shape(config.lanes))
        slot = Signal(config.record.index_width)
        port = Signal(range(max(2, config.ports)))
        is_last_lane, writes = Signal(), Signal()
        m.d.sync += writes.eq(_any(work.opcode, _TAKING["cache"]))
        due = {name: Signal(name=f"{name}_due") for name in _TAKING}
        for name, is_due in due.items():
            unit = getattr(self, name)
            m.d.comb += unit.valid.eq(is_due)
            with m.If(unit.ready):
                m.d.sync += is_due.eq(0)
        self._commands(m, lane, slot, port, record)
        key_done = self._release(m)

        settle = Signal(range(_SETTLE_CYCLES))
        idle = Signal()
        m.d.sync += [idle.eq(self.units_idle), settle.eq(settle - 1), self.finished.eq(0)]
        with m.FSM():
            with m.State("TAKE"):
                m.d.sync += [
                    lane.eq(Mux(_any(work.opcode, _LAST_LANE), current.active - 1, 0)),
                    slot.eq(current.slot),
                    port.eq(current.port),
                ]
                with m.If(self.passes.valid & self.work.valid):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.next = "CHECKED"
            with m.State("CHECKED"):
                with m.If(~check.ok):
                    m.d.sync += self.operand_error.eq(1)
                    m.next = "FAILED"
                with m.Elif(work.opcode == Opcode.FINISH):
                    m.d.comb += [self.work.ready.eq(1), self.passes.ready.eq(1)]
                    m.d.sync += self.finished.eq(1)
                    m.next = "TAKE"
                with m.Elif(work.opcode == Opcode.STREAM):
                    m.d.comb += self.work.ready.eq(1)
                    m.next = "TAKE"
                with m.Elif(writes):
                    m.next = "RECORD"
                with m.Else():
                    m.next = "OFFER"
            with m.State("RECORD"):
                m.d.comb += record.start.eq(1)
                m.next = "RECORD_WAIT"
            with m.State("RECORD_WAIT"):
                with m.If(record.done & record.in_memory):
                    m.next = "OFFER"
                with m.Elif(record.done):
                    m.d.sync += self.operand_error.eq(1)
                    m.next = "FAILED"
            with m.State("OFFER"):
                for name, opcodes in _TAKING.items():
                    m.d.sync += due[name].eq(_any(work.opcode, opcodes))
                m.d.sync += is_last_lane.eq((lane + 1 == current.active) | _any(work.opcode, _ONCE))
                m.next = "OFFERED"
            with m.State("OFFERED"):
                m.d.sync += settle.eq(_SETTLE_CYCLES - 1)
                with m.If(~Cat(due.values()).any()):
                    with m.If(is_last_lane):
                        m.next = "SETTLE"
                    with m.Else():
                        m.next = "NEXT_LANE"
            with m.State("NEXT_LANE"):
                m.d.sync += lane.eq(lane + 1)
                with m.If(port == config.ports - 1):
                    m.d.sync += [port.eq(0), slot.eq(slot + 1)]
                with m.Else():
                    m.d.sync += port.eq(port + 1)
                with m.If(writes):
                    m.next = "RECORD"
                with m.Else():
                    m.next = "OFFER"
            # Units show a little later that they took a command.
            with m.State("SETTLE"):
                with m.If(settle == 0):
                    m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(idle):
                    m.d.comb += [
                        self.work.ready.eq(1),
                        key_done.eq(work.opcode == Opcode.KEY),
                    ]
                    m.next = "TAKE"
            with m.State("FAILED"):
                pass
        return m

    def _commands(
        self, m: Module, lane: Signal, slot: Signal, port: Signal, record: RecordAddress
    ) -> None:
        """Payloads of all commands: fields of the instruction and of the lane."""
        work = self.work.payload
        attends = work.opcode == Opcode.ATTEND
        is_gate = work.opcode == Opcode.GATE
        takes_drain = _any(work.opcode, _TAKING["drain"])
        blocks_of_vector = Mux(is_gate, work.extra >> 1, work.extra)
        with m.Switch(work.opcode):
            for opcode, (kind, constant, destination) in _VECTOR.items():
                with m.Case(opcode):
                    m.d.comb += [
                        self.vector.payload.kind.eq(kind),
                        self.vector.payload.constant.eq(
                            work.address if opcode is Opcode.ADD else constant
                        ),
                        self.vector.payload.destination.eq(destination),
                    ]
        m.d.comb += [
            self.vector.payload.lane.eq(lane),
            self.vector.payload.beats.eq(Mux(takes_drain, blocks_of_vector, work.count)),
            self.matrix.payload.input_blocks.eq(work.count),
            self.matrix.payload.output_blocks.eq(work.extra),
            self.drain.payload.lane.eq(lane),
            self.drain.payload.first_block.eq(work.count),
            self.drain.payload.blocks.eq(work.extra),
            self.attention.payload.kind.eq(Mux(attends, AttentionKind.ATTEND, AttentionKind.HEAD)),
            self.attention.payload.lane.eq(lane),
            self.attention.payload.last_slot.eq(Mux(attends, slot, work.stride)),
            self.attention.payload.last_port.eq(Mux(attends, port, work.count)),
            self.cache.payload.lane.eq(lane),
            self.cache.payload.is_key.eq(work.opcode == Opcode.KEY),
            self.cache.payload.port.eq(port),
            self.cache.payload.address.eq(record.address << 4),
            record.base.eq(work.address),
            record.region.eq(work.stride),
            record.layer.eq(work.layer),
            record.is_value.eq(work.opcode == Opcode.VALUE),
            record.slot.eq(slot),
            record.memory_words.eq(self.memory_words),
        ]

    def _release(self, m: Module) -> Signal:
        """Waits beside the program until all writes are acknowledged; returns what starts it."""
        start, waiting = Signal(), Signal()
        # As with units: only an idleness that lasts counts.
        calm = Signal(range(_RELEASE_CYCLES + 1))
        m.d.sync += self.release.eq(0)
        with m.If(start):
            m.d.sync += [waiting.eq(1), calm.eq(0)]
        with m.Elif(waiting):
            m.d.sync += calm.eq(Mux(self.cache_idle, calm + 1, 0))
            with m.If(calm == _RELEASE_CYCLES):
                m.d.sync += [waiting.eq(0), self.release.eq(1)]
        return start


def _any(opcode: Value, opcodes: Iterable[Opcode]) -> Value:
    return Cat(opcode == one for one in opcodes).any()
