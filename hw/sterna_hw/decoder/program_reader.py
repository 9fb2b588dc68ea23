"""Walks through a program: gives its instructions one by one, with repeats done and checks made.

A small memory holds the program; a few cycles bring a word out of it and look at the opcode. REPEAT
and an open FINISH are done here, so what comes out of ``o`` is plain work in order, each
instruction with the number of its layer and its place in the program; FINISH is the last of a pass.
The fetcher and the executor have a reader each, since they are at different places at any time.

An instruction takes five cycles, those that are done here as well, and two wait in the queue at
the output, so the reader is ahead of any user that works for longer. A program that cannot go on
(unknown opcode, end of the memory, wrong REPEAT) raises ``illegal`` or ``past_end`` for good: the
reader then stands still until reset. It does not look at operands of other instructions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..memory import MemoryConfig, load_signature
from ..stream_buffer import StreamBufferConfig
from .instruction import INSTRUCTION_WIDTH, SLOTS, Opcode, instruction_layout

__all__ = ["INSTRUCTION_CYCLES", "ProgramReader", "ProgramReaderConfig", "work_layout"]

INSTRUCTION_CYCLES = 5
"""From ``start``, or from an instruction's entry into the queue, to the next one's."""

_READ_LATENCY = 2


def work_layout(depth: int) -> data.StructLayout:
    """An instruction as it leaves the reader: its slots, ``layer`` and ``place``."""
    return data.StructLayout(
        {**SLOTS, "layer": SLOTS["extra"], "place": max(1, (depth - 1).bit_length())}
    )


@dataclass(frozen=True)
class ProgramReaderConfig:
    """A reader with its memory.

    Parameters
    ----------
    depth : :class:`int`
        Instructions that the memory holds, 2 or more.
    program : sequence of :class:`int`
        Encoded instructions that the memory holds after configuration, at most ``depth``.

    Raises
    ------
    ValueError
        If a field breaks its rule.
    """

    depth: int = 64
    program: Sequence[int] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.depth < 2:
            raise ValueError(f"Depth must be 2 or more, not {self.depth!r}")
        object.__setattr__(self, "program", tuple(int(word) for word in self.program))
        if len(self.program) > self.depth:
            raise ValueError(
                f"Program must be at most {self.depth} instructions, not {len(self.program)}"
            )
        for word in self.program:
            if not 0 <= word < 1 << INSTRUCTION_WIDTH:
                raise ValueError(f"Instruction must fit {INSTRUCTION_WIDTH} bits, not {word:#x}")

    @property
    def memory(self) -> MemoryConfig:
        rows = (*self.program, *(0 for _ in range(self.depth - len(self.program))))
        return MemoryConfig(
            "program", self.depth, INSTRUCTION_WIDTH, rows, "distributed", True, _READ_LATENCY
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, the queue and some 60 LUTs of walking."""
        queue = StreamBufferConfig(work_layout(self.depth)).cost(device)
        return self.memory.cost(device) + queue + Cost(lut=60, ff=60)

    def create(self) -> ProgramReader:
        return ProgramReader(self)


class ProgramReader(wiring.Component):
    """The reader.

    Attributes
    ----------
    start : in
        Begins a pass in the next cycle; only while ``idle``.
    result : in
        Whether the pass has a result; sampled with ``start``.
    idle : out
        No pass is being read.
    o : stream of `work_layout`, out
        Instructions to be done; the last of a pass is FINISH.
    load : in, see `sterna_hw.memory.load_signature`
        Writes the program; only while idle.
    illegal, past_end : out
        The program cannot go on, until reset; ``place`` says where.
    place : out
        Number of the instruction being read; ``depth`` when it is past the end.
    """

    start: Signal
    result: Signal
    idle: Signal
    o: stream.Interface
    illegal: Signal
    past_end: Signal
    place: Signal

    def __init__(self, config: ProgramReaderConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "result": In(1),
                "idle": Out(1),
                "o": Out(stream.Signature(work_layout(config.depth))),
                "load": In(load_signature(config.depth, INSTRUCTION_WIDTH)),
                "illegal": Out(1),
                "past_end": Out(1),
                "place": Out(range(config.depth + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.memory = memory = config.memory.create()
        m.submodules.queue = queue = StreamBufferConfig(work_layout(config.depth)).create()
        wiring.connect(m, wiring.flipped(self.load), memory.load)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        # One bit wider than an address, so that the end is a bit and not a wrap.
        place = Signal(range(config.depth + 1))
        layer = Signal(SLOTS["extra"])
        result, looped = Signal(), Signal()
        word = Signal(instruction_layout())
        known, is_repeat, is_finish = Signal(), Signal(), Signal()
        # REPEAT's facts, each from registers.
        backwards, some_times, last_time = Signal(), Signal(), Signal()
        m.d.comb += [
            self.place.eq(place),
            memory.address.eq(place),
            queue.i.payload.place.eq(place),
            queue.i.payload.layer.eq(layer),
            *(getattr(queue.i.payload, name).eq(getattr(word, name)) for name in SLOTS),
        ]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(1)
                m.d.sync += [place.eq(0), layer.eq(0), looped.eq(0), result.eq(self.result)]
                with m.If(self.start):
                    m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(place == config.depth):
                    m.d.sync += self.past_end.eq(1)
                    m.next = "FAILED"
                with m.Else():
                    m.next = "READ"
            with m.State("READ"):
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.sync += word.eq(memory.data)
                m.next = "LOOK"
            with m.State("LOOK"):
                m.d.sync += [
                    known.eq((word.opcode != 0) & (word.opcode <= max(Opcode))),
                    is_repeat.eq(word.opcode == Opcode.REPEAT),
                    is_finish.eq(word.opcode == Opcode.FINISH),
                    backwards.eq(word.count <= place),
                    some_times.eq(word.extra.any()),
                    last_time.eq(layer + 1 == word.extra),
                ]
                m.next = "DECIDE"
            with m.State("DECIDE"):
                with m.If(~known | (is_repeat & (looped | ~backwards | ~some_times))):
                    m.d.sync += self.illegal.eq(1)
                    m.next = "FAILED"
                with m.Elif(is_repeat):
                    m.d.sync += layer.eq(layer + 1)
                    with m.If(last_time):
                        m.d.sync += [looped.eq(1), place.eq(place + 1)]
                    with m.Else():
                        m.d.sync += place.eq(word.count)
                    m.next = "WAIT"
                with m.Elif(is_finish & word.count[0] & result):
                    m.d.sync += place.eq(place + 1)
                    m.next = "WAIT"
                with m.Else():
                    m.d.comb += queue.i.valid.eq(1)
                    with m.If(queue.i.ready & is_finish):
                        m.next = "IDLE"
                    with m.Elif(queue.i.ready):
                        m.d.sync += place.eq(place + 1)
                        m.next = "WAIT"
            with m.State("FAILED"):
                pass
        return m
