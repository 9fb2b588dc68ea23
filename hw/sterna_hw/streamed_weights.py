"""The memory side of an accelerator: all its weight streams, their ports, and one image for them.

Each layer whose weights come from external memory has a stream with an AXI4 read port of its own
(`weight_stream`), so none waits for another and each one's timing stands for itself; all read from
one image, whose place software writes once. Sharing a port would need an arbiter, whose choices
depend on all layers at once. The ports are the reading half of AXI4, ``m_axi0_araddr`` and so on.

Between ports and registers stand a few registers on the way. It does not make streams: they belong
to their stages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from .memory_port.axi4 import BEAT_BYTES, read_signature
from .weight_stream import ADDRESS_WIDTH, WeightStream, WeightStreamConfig

__all__ = ["MOST_STREAMS", "StreamedWeights"]

MOST_STREAMS = 15
"""Layers of a design whose weights may come from external memory."""


@dataclass(frozen=True)
class StreamedWeights:
    """Streams by stage, in the order of their ports, and the hash of their image.

    Raises
    ------
    ValueError
        If there are too many, their regions of the image overlap, or the hash does not fit.
    """

    streams: Mapping[str, WeightStreamConfig]
    image_hash: int = 0

    def __post_init__(self) -> None:
        streams = self.streams
        if not 0 <= self.image_hash < 1 << 32:
            raise ValueError(f"Image hash must fit 32 bits, not {self.image_hash!r}")
        if len(streams) > MOST_STREAMS:
            raise ValueError(
                f"Layers with weights in external memory must be {MOST_STREAMS} at most, each "
                f"having a port, not {len(streams)}"
            )
        regions = sorted((item.offset, item.region_bytes, name) for name, item in streams.items())
        for (offset, size, name), (next_offset, _, next_name) in zip(regions, regions[1:]):
            if offset + size > next_offset:
                raise ValueError(f"Regions of {name} and {next_name} must be apart in the image")

    @property
    def image_bytes(self) -> int:
        """Size of the image that streams read; 0 if there are none."""
        return max((item.offset + item.region_bytes for item in self.streams.values()), default=0)

    @property
    def identity(self) -> dict[str, int]:
        """What the registers say of it: fields of `register_map.Identity`."""
        return {
            "memory_ports": len(self.streams),
            "image_hash": self.image_hash,
            "image_words": self.image_bytes // BEAT_BYTES,
        }

    def members(self) -> dict[str, wiring.Member]:
        """The top's ports."""
        return {
            f"m_axi{port}_{name}": member
            for port in range(len(self.streams))
            for name, member in read_signature(ADDRESS_WIDTH).members.items()
        }

    def connect(self, m: Module, top: Any, control: Any, parts: Sequence[WeightStream]) -> None:
        """Joins the streams' parts with the ports of the ``top`` and with `control`."""
        start, base = Signal(), Signal(ADDRESS_WIDTH)
        failed, had_failed = Signal(), Signal()
        m.d.sync += [
            start.eq(control.read_weights),
            base.eq(control.image_base),
            control.reading_weights.eq(Cat(part.begun for part in parts).all()),
            control.image_header.eq(Cat(part.wrong for part in parts).any()),
            failed.eq(Cat(part.failed for part in parts).any()),
            had_failed.eq(failed),
        ]
        m.d.comb += control.read_response.eq(failed & ~had_failed)
        for port, part in enumerate(parts):
            m.d.comb += [
                part.start.eq(start),
                part.base.eq(base),
                part.image_hash.eq(self.image_hash),
            ]
            for name, member in part.memory.signature.members.items():
                outer, inner = getattr(top, f"m_axi{port}_{name}"), getattr(part.memory, name)
                m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
