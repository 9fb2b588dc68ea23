"""The AXI4-Stream input edge: every TLAST makes one whole frame, whatever came before it.

The edge knows how many elements make a frame and counts beats, so what follows never sees a frame
of another length. A TLAST that comes early ends the frame: the elements that are missing are zero,
and filling them in takes one cycle a beat. When TLAST is late, the frame is complete without it and
what follows is dropped up to and including the beat with TLAST. Either way the next frame starts
with the beat after TLAST, and exactly one frame came out for each TLAST. Bytes behind the frame's
end in its last beat are ignored. An element whose bytes do not hold a value of its range keeps its
lower bits and raises ``element_range``.

A queue stands in front and another behind, of two places each, so that nothing that is decided
about a beat runs back over the pins: latency 2, one beat a cycle. It does not support TKEEP or null
bytes, nor TID, TDEST and TUSER. How beats look is `axi_stream`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi_stream import StreamEdgeConfig, axi_signature, element_bytes
from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_layout, beat_signature
from .wide_buffer import WideBufferConfig

__all__ = ["AxiStreamInput", "AxiStreamInputConfig"]


@dataclass(frozen=True)
class AxiStreamInputConfig(StreamEdgeConfig):
    __doc__ = StreamEdgeConfig.__doc__

    @property
    def entry(self) -> WideBufferConfig:
        """The queue in front."""
        return WideBufferConfig(axi_signature(self.values, self.count).members["payload"].shape)

    @property
    def buffer(self) -> WideBufferConfig:
        """The queue behind."""
        return WideBufferConfig(beat_layout(self.values, self.count))

    def timing(self) -> Timing:
        """Two queues one behind the other."""
        arrive = Step(take=("i", "free"), give=(("arrived", 1),))
        leave = Step(take=("arrived", "places"), give=(("free", 1), ("o", 1)))
        return Timing(
            ("i",),
            ("o",),
            (Process("arrive", (arrive,)), Process("leave", (leave,))),
            {"free": self.entry.places, "places": self.buffer.places},
            {"o": "places"},
        )

    def compute(self, beats: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Frames (int64, shape ``(frames, elements)``) from AXI beats.

        ``beats`` has shape ``(beats, count)`` and holds the padded elements as integers, ``last``
        one flag a beat. A frame that has neither all its beats nor a TLAST yet is not in the
        result.
        """
        frames: list[np.ndarray] = []
        frame: list[int] = []
        dropping = False
        for beat, ends in zip(np.asarray(beats, dtype=np.int64), last):
            if not dropping:
                frame += [self._cut(int(value)) for value in beat]
                if ends or len(frame) >= self.elements:
                    frame = (frame + [0] * self.elements)[: self.elements]
                    frames.append(np.array(frame, dtype=np.int64))
                    frame, dropping = [], True
            dropping = dropping and not ends
        return np.array(frames, dtype=np.int64).reshape(-1, self.elements)

    def _cut(self, value: int) -> int:
        """An element's lower bits, as a number of the range's width."""
        width = self.values.width
        value &= (1 << width) - 1
        return value - (1 << width) if self.values.signed and value >> (width - 1) else value

    def cost(self, device: Device) -> Cost:
        """Estimate: the queues, zeros for padding, the frame counter and the range checks."""
        queues = self.entry.cost(device) + self.buffer.cost(device)
        width, counter = self.values.width, (self.beats - 1).bit_length()
        padded = 8 * element_bytes(self.values)
        # Of a range that is all numbers of a width only the extension is looked at.
        whole = self.values == IntegerRange.of_width(width, self.values.signed)
        looked_at = padded - width + self.values.signed if whole else padded
        looked_at -= whole and looked_at == self.values.signed
        checked = self.count * (looked_at > 0)
        # Whether a beat counts is the same for all elements but those behind the end.
        flags = (checked > 0) * (2 + (self.tail < self.count))
        return queues + logic(
            device,
            "input_edge",
            ff=counter + 7 + checked * (1 + looked_at) + flags,
            bits=self.count * width,
            compared_bits=self.count * looked_at * (not whole) * (1 + self.values.signed),
            extended_bits=self.count * looked_at * whole,
            elements=self.count,
            checked=checked,
            counter_bits=counter,
            each=1,
        )

    def create(self) -> AxiStreamInput:
        return AxiStreamInput(self)


class AxiStreamInput(wiring.Component):
    """The input edge.

    Attributes
    ----------
    i : stream of `axi_signature`, in
    o : stream of beats, out
    open : in
        A new frame may begin, which is with the beat after one with TLAST; frames that have begun
        go on regardless.
    frame_begun, short_frame, long_frame, element_range : out
        Events, one cycle each.
    """

    def __init__(self, config: AxiStreamInputConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(axi_signature(config.values, config.count)),
                "o": Out(beat_signature(config.values, config.count)),
                "open": In(1, init=1),
                "frame_begun": Out(1),
                "short_frame": Out(1),
                "long_frame": Out(1),
                "element_range": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.entry = entry = config.entry.create()
        m.submodules.buffer = buffer = config.buffer.create()
        wiring.connect(m, buffer.o, wiring.flipped(self.o))

        is_first, may_enter, enters = Signal(init=1), Signal(), Signal()
        m.d.comb += [
            may_enter.eq(self.open | ~is_first),
            self.i.ready.eq(entry.i.ready & may_enter),
            entry.i.valid.eq(self.i.valid & may_enter),
            entry.i.payload.eq(self.i.payload),
            enters.eq(self.i.valid & self.i.ready),
        ]
        with m.If(enters):
            m.d.sync += is_first.eq(self.i.payload.last)
        m.d.sync += self.frame_begun.eq(enters & is_first)

        remaining = Signal(range(config.beats), init=config.beats - 1)
        at_end = Signal(init=int(config.beats == 1))
        filling, dropping = Signal(), Signal()
        accept, push = Signal(), Signal()
        arrived = entry.o.payload
        m.d.comb += [
            entry.o.ready.eq(buffer.i.ready & ~filling),
            accept.eq(entry.o.valid & entry.o.ready),
            push.eq((accept & ~dropping) | (filling & buffer.i.ready)),
            buffer.i.valid.eq((entry.o.valid & ~dropping) | filling),
            buffer.i.payload.last.eq(at_end),
        ]
        for place in range(config.count):
            is_padding = filling | (at_end if place >= config.tail else Const(0))
            m.d.comb += buffer.i.payload.data[place].eq(Mux(is_padding, 0, arrived.data[place]))

        if config.beats > 1:
            with m.If(push):
                m.d.sync += [
                    remaining.eq(Mux(at_end, config.beats - 1, remaining - 1)),
                    at_end.eq(remaining == 1),
                ]
        ends_early, ends_late = Signal(), Signal()
        m.d.comb += [
            ends_early.eq(accept & ~dropping & ~at_end & arrived.last),
            ends_late.eq(accept & ~dropping & at_end & ~arrived.last),
        ]
        with m.If(ends_early):
            m.d.sync += filling.eq(1)
        with m.Elif(push & at_end):
            m.d.sync += filling.eq(0)
        with m.If(ends_late):
            m.d.sync += dropping.eq(1)
        with m.Elif(accept & arrived.last):
            m.d.sync += dropping.eq(0)
        m.d.sync += [
            self.short_frame.eq(ends_early),
            self.long_frame.eq(ends_late),
        ]

        # Ranges are checked beside the data path, from copies, as two comparisons behind a memory
        # were the slowest path of a small design.
        strays = Signal(config.count)
        for place in range(config.count):
            copy = Signal.like(arrived.data[place], name=f"copy{place}", reset_less=True)
            counts = Signal(name=f"counts{place}")
            covers = ~at_end if place >= config.tail else Const(1)
            m.d.sync += [
                copy.eq(arrived.data[place]),
                counts.eq(accept & ~dropping & covers),
                strays[place].eq(counts & ~_inside(copy, config.values)),
            ]
        m.d.sync += self.element_range.eq(strays.any())
        return m


def _inside(padded: Value, values: IntegerRange) -> Value:
    """Whether a padded element holds a value of its range."""
    whole = IntegerRange.of_width(values.width, values.signed)
    if values == whole:
        # Only the extension can be wrong: one small gate instead of two comparisons.
        if values.signed:
            upper = Value.cast(padded)[values.width - 1 :]
            return upper.all() | ~upper.any()
        upper = Value.cast(padded)[values.width :]
        return ~upper.any() if len(upper) else Const(1)
    return (padded >= values.low) & (padded <= values.high)
