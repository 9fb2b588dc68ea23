"""AXI4-Stream at the edges: bytes outside, beats of elements inside; the output edge.

An AXI4-Stream beat carries ``count`` elements, each padded to whole bytes (sign- or zero-extended),
element 0 in the lowest bytes, little-endian; TLAST marks the last beat of a frame. TDATA and TLAST
are the payload of an ordinary stream (`axi_signature`), so that both edges are parts like all
others; the accelerator's top gives the signals their AXI names. The other edge is in
`axi_stream_input`.

The output edge adds TKEEP, which is low only for bytes behind the frame's end in its last beat. It
is a queue of two places: latency 1, one beat a cycle. It has no TID, TDEST and TUSER.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Timing
from .beat import beat_count, beat_signature
from .stream_buffer import StreamBufferConfig

__all__ = [
    "AxiStreamOutput",
    "AxiStreamOutputConfig",
    "StreamEdgeConfig",
    "axi_signature",
    "element_bytes",
]


def element_bytes(values: IntegerRange) -> int:
    """Bytes of one element on AXI4-Stream."""
    return -(-values.width // 8)


def axi_signature(values: IntegerRange, count: int) -> stream.Signature:
    """A stream with the payload ``data`` (TDATA: padded elements) and ``last`` (TLAST)."""
    padded = Shape(8 * element_bytes(values), values.signed)
    return stream.Signature(data.StructLayout({"data": data.ArrayLayout(padded, count), "last": 1}))


@dataclass(frozen=True)
class StreamEdgeConfig:
    """What both edges are made from.

    Parameters
    ----------
    elements : :class:`int`
        Elements of a frame.
    values : :class:`IntegerRange`
        Range of an element.
    count : :class:`int`
        Elements in a beat.

    Raises
    ------
    ValueError
        If elements or count are not positive.
    """

    elements: int
    values: IntegerRange
    count: int

    def __post_init__(self) -> None:
        for subject, value in (("Elements", self.elements), ("Count", self.count)):
            if value < 1:
                raise ValueError(f"{subject} of a stream edge must be 1 or more, not {value!r}")

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return beat_count(self.elements, self.count)

    @property
    def tail(self) -> int:
        """Elements in the last beat of a frame."""
        return self.elements - (self.beats - 1) * self.count

    @property
    def bytes(self) -> int:
        """Bytes of a beat."""
        return self.count * element_bytes(self.values)


@dataclass(frozen=True)
class AxiStreamOutputConfig(StreamEdgeConfig):
    __doc__ = StreamEdgeConfig.__doc__

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """Padding to bytes changes no value."""
        return np.asarray(frames, dtype=np.int64)

    @property
    def buffer(self) -> StreamBufferConfig:
        """The queue."""
        return StreamBufferConfig.of_beats(self.values, self.count)

    def timing(self) -> Timing:
        return self.buffer.timing()

    def cost(self, device: Device) -> Cost:
        """Estimate: the queue; padding and TKEEP are wires."""
        return self.buffer.cost(device)

    def create(self) -> AxiStreamOutput:
        return AxiStreamOutput(self)


class AxiStreamOutput(wiring.Component):
    """The output edge.

    Attributes
    ----------
    i : stream of beats, in
    o : stream of `axi_signature`, out
    keep : out
        TKEEP of the beat on ``o``, one bit a byte.
    """

    def __init__(self, config: AxiStreamOutputConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(config.values, config.count)),
                "o": Out(axi_signature(config.values, config.count)),
                "keep": Out(config.bytes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.buffer = buffer = config.buffer.create()
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        m.d.comb += [
            self.o.valid.eq(buffer.o.valid),
            buffer.o.ready.eq(self.o.ready),
            self.o.payload.last.eq(buffer.o.payload.last),
        ]
        for place in range(config.count):
            m.d.comb += self.o.payload.data[place].eq(buffer.o.payload.data[place])
        kept = config.tail * element_bytes(config.values)
        dropped = config.bytes - kept
        m.d.comb += self.keep.eq(Cat(Const(-1, kept), (~buffer.o.payload.last).replicate(dropped)))
        return m
