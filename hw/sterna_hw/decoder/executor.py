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

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring

from ..base import Cost, Device
from .executor_sizes import ExecutorSizes
from .instruction import Opcode
from .pass_layout import count_shape
from .record_address import RECORD_ADDRESS_CYCLES
from .unit_commands import TAKING, any_of, offer_payloads
from .write_release import WriteReleaseConfig

__all__ = [
    "FIRST_COMMAND_CYCLES",
    "NEXT_LANE_CYCLES",
    "RECORD_CYCLES",
    "REST_CYCLES",
    "SHORTEST_CYCLES",
    "SKIP_CYCLES",
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

SKIP_CYCLES = 3
"""From the cycle in which an instruction without commands is taken to the next instruction."""

_SETTLE_CYCLES = 4

_ONCE = (Opcode.CONSTANTS, Opcode.GAINS, Opcode.MATMUL)
_LAST_LANE = (Opcode.FINAL_NORM, Opcode.HEAD)


@dataclass(frozen=True)
class ExecutorConfig(ExecutorSizes):
    """Its fields are those of `ExecutorSizes`."""

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
        m.d.sync += writes.eq(any_of(work.opcode, TAKING["cache"]))
        due = {name: Signal(name=f"{name}_due") for name in TAKING}
        for name, is_due in due.items():
            unit = getattr(self, name)
            m.d.comb += unit.valid.eq(is_due)
            with m.If(unit.ready):
                m.d.sync += is_due.eq(0)
        offer_payloads(m, self, lane, slot, port, record)
        m.submodules.write_release = write_release = WriteReleaseConfig().create()
        m.d.comb += [
            write_release.idle.eq(self.cache_idle),
            self.release.eq(write_release.release),
        ]

        settle = Signal(range(_SETTLE_CYCLES))
        idle = Signal()
        m.d.sync += [idle.eq(self.units_idle), settle.eq(settle - 1), self.finished.eq(0)]
        with m.FSM():
            with m.State("TAKE"):
                m.d.sync += [
                    lane.eq(Mux(any_of(work.opcode, _LAST_LANE), current.active - 1, 0)),
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
                for name, opcodes in TAKING.items():
                    m.d.sync += due[name].eq(any_of(work.opcode, opcodes))
                m.d.sync += is_last_lane.eq(
                    (lane + 1 == current.active) | any_of(work.opcode, _ONCE)
                )
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
                        write_release.start.eq(work.opcode == Opcode.KEY),
                    ]
                    m.next = "TAKE"
            with m.State("FAILED"):
                pass
        return m
