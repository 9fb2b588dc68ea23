"""The vector unit: all element-wise work of a decoder between its matrices, one lane at a time.

Work on a vector is two passes over it. Pass A makes the vector, keeps it (in the residual or in a
scratch memory) and finds its largest magnitude and the sum of its squares; a small serial unit
turns these into a reciprocal and a scale; pass B reads the vector again and makes its codes. Both
passes move V elements a cycle.

One command at a time: ``command.ready`` is low until all that the command sends has left.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import IntegerRange
from ..beat import beat_signature
from .vector_command import code_layout, scale_report_layout, vector_command_layout, word_layout

__all__ = ["VectorUnit", "VectorUnitConfig"]

ELEMENT = IntegerRange.of_width(24, signed=True)


@dataclass(frozen=True)
class VectorUnitConfig:
    """A vector unit.

    Parameters
    ----------
    lanes : :class:`int`
        Token lanes, B.
    count : :class:`int`
        Elements a beat, V: a power of two, 2 or more.
    ports : :class:`int`
        Memory ports, 1 to 4: a word has 16 bytes of each.
    hidden : :class:`int`
        Largest number of elements of the residual, a multiple of V.
    largest : :class:`int`
        Elements of the longest vector of all kinds, a multiple of V.
    head_size : :class:`int`
        Elements of a head, a multiple of V: a position row has half as many pairs.
    activation : :class:`str`
        ``"silu"`` or ``"squared_relu"``.
    embedding_shift : :class:`int`
        s: embedding codes are multiplied by 2**s.
    gate_shift : :class:`int`
        The constant G of the gate.
    """

    lanes: int
    count: int
    ports: int
    hidden: int
    largest: int
    head_size: int
    activation: str = "silu"
    embedding_shift: int = 0
    gate_shift: int = 10

    @property
    def largest_beats(self) -> int:
        return max(self.largest, self.hidden) // self.count

    def create(self) -> VectorUnit:
        return VectorUnit(self)


class VectorUnit(wiring.Component):
    """The unit.

    Attributes
    ----------
    command : stream of `vector_command_layout`, in
    words : stream of `word_layout`, in
        What loads take, in the order of the commands.
    drain : stream of beats of V 24-bit integers, in
        Raw results of the matrix of one lane.
    attention : stream of beats of V 24-bit integers, in
        Results of attention of one lane.
    codes : stream of `code_layout`, out
    scale : stream of `scale_report_layout`, out
    idle : out
        No command is at work and nothing is left to be taken.
    """

    command: stream.Interface
    words: stream.Interface
    drain: stream.Interface
    attention: stream.Interface
    codes: stream.Interface
    scale: stream.Interface
    idle: Signal

    def __init__(self, config: VectorUnitConfig) -> None:
        self.config = config
        lanes, beats, count = config.lanes, config.largest_beats, config.count
        super().__init__(
            {
                "command": In(stream.Signature(vector_command_layout(lanes, beats))),
                "words": In(stream.Signature(word_layout(config.ports))),
                "drain": In(beat_signature(ELEMENT, count)),
                "attention": In(beat_signature(ELEMENT, count)),
                "codes": Out(stream.Signature(code_layout(lanes, beats, count))),
                "scale": Out(stream.Signature(scale_report_layout(lanes))),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        return Module()
