"""What each opcode means to the units: who takes part in it, and what they are told.

Two tables say which units get a command for an opcode and what kind of work it is for the vector
unit; `offer_payloads` fills in the commands' fields, which come from the instruction and from the
lane. Everything here is wires: when a command is offered is the executor's business.
"""

from __future__ import annotations

from collections.abc import Iterable

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from .attention_command import AttentionKind
from .instruction import Opcode
from .record_address import RecordAddress
from .vector_command import Destination, VectorKind

__all__ = ["TAKING", "VECTOR_COMMANDS", "any_of", "offer_payloads"]

# What an opcode means to the vector unit: kind, constant, destination.
VECTOR_COMMANDS = {
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
TAKING = {
    "vector": tuple(VECTOR_COMMANDS),
    "matrix": (Opcode.MATMUL,),
    "drain": (Opcode.QUERY, Opcode.VALUE, Opcode.KEY, Opcode.ADD, Opcode.GATE),
    "attention": (Opcode.ATTEND, Opcode.HEAD),
    "cache": (Opcode.VALUE, Opcode.KEY),
}


def offer_payloads(
    m: Module,
    executor: wiring.Component,
    lane: Signal,
    slot: Signal,
    port: Signal,
    record: RecordAddress,
) -> None:
    """Payloads of all commands, from the fields of the instruction and of the lane.

    ``executor`` has the streams ``work``, ``vector``, ``matrix``, ``drain``, ``attention`` and
    ``cache``; ``slot`` and ``port`` are the lane's position in the cache. The operands of
    ``record`` are given as well.
    """
    work = executor.work.payload
    attends = work.opcode == Opcode.ATTEND
    is_gate = work.opcode == Opcode.GATE
    takes_drain = any_of(work.opcode, TAKING["drain"])
    blocks_of_vector = Mux(is_gate, work.extra >> 1, work.extra)
    with m.Switch(work.opcode):
        for opcode, (kind, constant, destination) in VECTOR_COMMANDS.items():
            with m.Case(opcode):
                m.d.comb += [
                    executor.vector.payload.kind.eq(kind),
                    executor.vector.payload.constant.eq(
                        work.address if opcode is Opcode.ADD else constant
                    ),
                    executor.vector.payload.destination.eq(destination),
                ]
    m.d.comb += [
        executor.vector.payload.lane.eq(lane),
        executor.vector.payload.beats.eq(Mux(takes_drain, blocks_of_vector, work.count)),
        executor.matrix.payload.input_blocks.eq(work.count),
        executor.matrix.payload.output_blocks.eq(work.extra),
        executor.drain.payload.lane.eq(lane),
        executor.drain.payload.first_block.eq(work.count),
        executor.drain.payload.blocks.eq(work.extra),
        executor.attention.payload.kind.eq(Mux(attends, AttentionKind.ATTEND, AttentionKind.HEAD)),
        executor.attention.payload.lane.eq(lane),
        executor.attention.payload.last_slot.eq(Mux(attends, slot, work.stride)),
        executor.attention.payload.last_port.eq(Mux(attends, port, work.count)),
        executor.cache.payload.lane.eq(lane),
        executor.cache.payload.is_key.eq(work.opcode == Opcode.KEY),
        executor.cache.payload.port.eq(port),
        executor.cache.payload.address.eq(record.address << 4),
        record.base.eq(work.address),
        record.region.eq(work.stride),
        record.layer.eq(work.layer),
        record.is_value.eq(work.opcode == Opcode.VALUE),
        record.slot.eq(slot),
        record.memory_words.eq(executor.memory_words),
    ]


def any_of(opcode: Value, opcodes: Iterable[Opcode]) -> Value:
    """Whether an opcode is one of these."""
    return Cat(opcode == one for one in opcodes).any()
