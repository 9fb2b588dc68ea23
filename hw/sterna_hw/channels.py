"""What parts with a setting for each channel share: ports, and which channels a beat carries.

Channels are fastest in the stream, so they come round every ``beats`` beats. A counter says which
beat of the round it is, and with that which row of a table of settings the lanes need. Where the
size of a beat does not divide the number of channels, a frame is one round, and the lanes beyond
the last channel must leave as zero whatever their settings make of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import IntegerRange
from .beat import beat_count, beat_signature
from .credit import CreditQueue, delay

__all__ = ["ChannelConfig", "ChannelPart", "close_pipeline", "open_pipeline", "walk_channels"]


@dataclass(frozen=True)
class ChannelConfig:
    """Base of configurations: ``channels`` C in beats of ``count`` Q elements.

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    channels: int
    count: int

    def __post_init__(self) -> None:
        for subject in ("channels", "count"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")

    @property
    def inputs(self) -> int:
        return self.channels

    @property
    def outputs(self) -> int:
        return self.channels

    @property
    def input_count(self) -> int:
        return self.count

    @property
    def output_count(self) -> int:
        return self.count

    @property
    def beats(self) -> int:
        """Beats after which the channels start again."""
        return beat_count(self.channels, self.count)

    @property
    def is_padded(self) -> bool:
        """Whether some lanes of the last beat carry no channel."""
        return self.channels % self.count != 0

    def channel_of_lanes(self) -> np.ndarray:
        """Channel of each lane, shape ``(beats, count)``; padded lanes stand for one that the lane
        has elsewhere, so that they are no exception in tables."""
        lanes = np.arange(self.beats * self.count)
        lanes[self.channels :] = lanes[self.channels :] % self.count % self.channels
        return lanes.reshape(self.beats, self.count)


class ChannelPart(wiring.Component):
    """The ports of a part with as many elements coming in as going out.

    Attributes
    ----------
    i, o : streams of beats of ``count`` elements, in and out
    load : in, see `load_signature`; only when settings can be loaded
    """

    i: stream.Interface
    o: stream.Interface
    load: Any

    def __init__(
        self, count: int, given: IntegerRange, result: IntegerRange, load: Any = None
    ) -> None:
        """``given`` and ``result`` are the ranges of elements, ``load`` the signature of rows."""
        members = {"i": In(beat_signature(given, count)), "o": Out(beat_signature(result, count))}
        if load is not None:
            members["load"] = In(load)
        super().__init__(members)


def walk_channels(m: Module, config: ChannelConfig, step: Value) -> tuple[Signal, Signal]:
    """The present beat's number in its round, and whether it is the last; ``step`` moves on."""
    beat, is_last = Signal(range(config.beats)), Signal(init=config.beats == 1)
    if config.beats > 1:
        with m.If(step):
            m.d.sync += [
                beat.eq(Mux(is_last, 0, beat + 1)),
                is_last.eq(beat == config.beats - 2),
            ]
    return beat, is_last


def open_pipeline(
    m: Module, config: ChannelConfig, part: Any, queue: CreditQueue
) -> tuple[Signal, Signal]:
    """Connects the streams ``i`` and ``o`` of a part with the queue behind its pipeline; gives the
    counter of `walk_channels`. The pipeline is as long as the queue's configuration says."""
    m.submodules.queue = queue
    cycles = queue.config.latency
    wiring.connect(m, wiring.flipped(part.o), queue.o)
    m.d.comb += [
        part.i.ready.eq(queue.available),
        queue.take.eq(queue.available & part.i.valid),
        queue.push.eq(delay(m, queue.take, cycles, reset_less=False)),
        queue.result.last.eq(delay(m, part.i.payload.last, cycles)),
    ]
    return walk_channels(m, config, queue.take)


def close_pipeline(
    m: Module, config: ChannelConfig, queue: CreditQueue, lanes: list[Value], is_last: Value
) -> None:
    """Gives the queue its lanes, with zero where no channel is; ``is_last`` is from the start of
    the pipeline."""
    used = config.channels - (config.beats - 1) * config.count
    is_padded = delay(m, is_last, queue.config.latency if config.is_padded else 0)
    for number, lane in enumerate(lanes):
        kept = lane if number < used else Mux(is_padded, 0, lane)
        m.d.comb += queue.result.data[number].eq(kept)
