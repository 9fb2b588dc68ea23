"""Whether an instruction asks for something that the units can do.

Compares operands with the sizes of the units' memories: vectors with the vector unit's, blocks with
the engine's, the last row of the head with the vocabulary, records with the cache writer's. Every
comparison ends in a register, the choice by opcode in a second one: ``ok`` follows the instruction
by two cycles. It does not compare the words of a transfer with what a unit will take; a program
that starves a unit is the watchdog's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .instruction import Opcode
from .program_reader import work_layout
from .vector_command import CONSTANT_COUNT

__all__ = ["OperandCheck", "OperandCheckConfig"]

_BEATS = (
    Opcode.EMBED,
    Opcode.ROTATION,
    Opcode.CONSTANTS,
    Opcode.GAINS,
    Opcode.NORM,
    Opcode.FINAL_NORM,
    Opcode.ATTEND,
)
_DRAIN = (Opcode.QUERY, Opcode.VALUE, Opcode.KEY, Opcode.ADD)
_RECORD = (Opcode.VALUE, Opcode.KEY, Opcode.ATTEND)


@dataclass(frozen=True)
class OperandCheckConfig:
    """Sizes of the units, as in `sterna_hw.decoder.executor.ExecutorConfig`."""

    ports: int
    slots: int
    record_words: int
    largest_beats: int
    largest_input_blocks: int
    largest_output_blocks: int
    depth: int = 64

    def compute(
        self, opcode: int, words: int, stride: int, count: int, extra: int, address: int = 0
    ) -> bool:
        """Whether such slots are in order."""
        beats = 1 <= count <= self.largest_beats
        blocks = extra >= 1 and count + extra <= self.largest_output_blocks
        record = words == self.record_words
        if opcode == Opcode.GATE:
            return blocks and extra % 2 == 0 and extra // 2 <= self.largest_beats
        if opcode == Opcode.MATMUL:
            inputs = 1 <= count <= self.largest_input_blocks
            return inputs and 1 <= extra <= self.largest_output_blocks
        if opcode == Opcode.HEAD:
            return stride < self.slots and count < self.ports
        good = True
        if opcode in _BEATS:
            good = good and beats
        if opcode in _DRAIN:
            good = good and blocks and extra <= self.largest_beats
        if opcode in _RECORD:
            good = good and record
        if opcode == Opcode.ADD:
            good = good and address < CONSTANT_COUNT
        return good

    def cost(self, device: Device) -> Cost:
        """Estimate: nine comparisons."""
        return Cost(lut=120, ff=14)

    def create(self) -> OperandCheck:
        return OperandCheck(self)


class OperandCheck(wiring.Component):
    """Ports: ``i`` (`work_layout`, stands for three cycles) and ``ok``."""

    i: data.View
    ok: Signal

    def __init__(self, config: OperandCheckConfig) -> None:
        self.config = config
        super().__init__({"i": In(work_layout(config.depth)), "ok": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, i = self.config, self.i
        facts = {
            "count_some": i.count.any(),
            "extra_some": i.extra.any(),
            "count_is_beats": i.count <= config.largest_beats,
            "extra_is_beats": i.extra <= config.largest_beats,
            "half_is_beats": (i.extra >> 1) <= config.largest_beats,
            "blocks_fit": i.count + i.extra <= config.largest_output_blocks,
            "count_is_blocks": i.count <= config.largest_input_blocks,
            "extra_is_blocks": i.extra <= config.largest_output_blocks,
            "record_fits": i.words == config.record_words,
            "slot_fits": i.stride < config.slots,
            "port_fits": i.count < config.ports,
            "constant_fits": i.address < CONSTANT_COUNT,
            "is_even": ~i.extra[0],
        }
        known = {name: Signal(name=name) for name in facts}
        for name, fact in facts.items():
            m.d.sync += known[name].eq(fact)

        def all_of(*names: str) -> Value:
            return Cat(known[name] for name in names).all()

        needs: list[tuple[Iterable[Opcode], Value]] = [
            (_BEATS, all_of("count_some", "count_is_beats")),
            (_DRAIN, all_of("extra_some", "blocks_fit", "extra_is_beats")),
            ((Opcode.GATE,), all_of("extra_some", "blocks_fit", "half_is_beats", "is_even")),
            (_RECORD, known["record_fits"]),
            (
                (Opcode.MATMUL,),
                all_of("count_some", "count_is_blocks", "extra_some", "extra_is_blocks"),
            ),
            ((Opcode.HEAD,), all_of("slot_fits", "port_fits")),
            ((Opcode.ADD,), known["constant_fits"]),
        ]
        is_group = [Signal(name=f"is_group{number}") for number in range(len(needs))]
        for is_one, (opcodes, _) in zip(is_group, needs):
            m.d.sync += is_one.eq(Cat(i.opcode == opcode for opcode in opcodes).any())
        m.d.sync += self.ok.eq(
            Cat(~is_one | holds for is_one, (_, holds) in zip(is_group, needs)).all()
        )
        return m
