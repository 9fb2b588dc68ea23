"""Hands codes of the vector unit and their scales to whom they belong.

A beat of codes says what it is for: activations go to the engine's buffer, which takes everything
at once, queries to the attention unit, keys and values to the cache writer. Scales of queries go to
the attention unit (and the latest one stays readable: after the last norm it is what makes logits
real), those of keys and values to the cache writer. Latency 0: wires and a few gates between
registered outputs and their takers.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..beat import beat_signature
from .activation_buffer import activation_write_signature
from .attention_command import cache_scale_layout, lane_scale_layout, query_layout
from .cache_writer import CODE
from .vector_command import Destination, code_layout, scale_layout, scale_report_layout

__all__ = ["CodeRouter", "CodeRouterConfig"]


@dataclass(frozen=True)
class CodeRouterConfig:
    """For ``lanes`` lanes, vectors of ``largest_beats`` beats of ``count`` codes, and a buffer of
    ``largest_inputs`` activations."""

    lanes: int
    count: int
    largest_beats: int
    largest_inputs: int

    def cost(self, device: Device) -> Cost:
        return Cost(lut=12, ff=28)

    def create(self) -> CodeRouter:
        return CodeRouter(self)


class CodeRouter(wiring.Component):
    """The router.

    Attributes
    ----------
    codes : stream of `code_layout`, in
    scale : stream of `scale_report_layout`, in
    activations : `activation_write_signature`, out
    query : stream of `query_layout`, out
    query_scale : stream of `lane_scale_layout`, out
    cache_codes : stream of beats, out
    cache_scale : stream of `cache_scale_layout`, out
    latest : out, `scale_layout`
        The latest scale of a query or of the head's vector.
    """

    codes: stream.Interface
    scale: stream.Interface
    activations: wiring.PureInterface
    query: stream.Interface
    query_scale: stream.Interface
    cache_codes: stream.Interface
    cache_scale: stream.Interface
    latest: data.View

    def __init__(self, config: CodeRouterConfig) -> None:
        self.config = config
        lanes, count = config.lanes, config.count
        query = stream.Signature(query_layout(lanes, count))
        scale = stream.Signature(lane_scale_layout(lanes))
        super().__init__(
            {
                "codes": In(stream.Signature(code_layout(lanes, config.largest_beats, count))),
                "scale": In(stream.Signature(scale_report_layout(lanes))),
                "activations": Out(activation_write_signature(lanes, count, config.largest_inputs)),
                "query": Out(query),
                "query_scale": Out(scale),
                "cache_codes": Out(beat_signature(CODE, count)),
                "cache_scale": Out(stream.Signature(cache_scale_layout())),
                "latest": Out(scale_layout()),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        codes, scale = self.codes.payload, self.scale.payload
        for_cache, for_query, for_engine = Signal(), Signal(), Signal()
        cache_scale = Signal()
        m.d.comb += [
            for_cache.eq(
                (codes.destination == Destination.KEY) | (codes.destination == Destination.VALUE)
            ),
            for_query.eq(codes.destination == Destination.QUERY),
            for_engine.eq(codes.destination == Destination.ACTIVATION),
            cache_scale.eq(
                (scale.destination == Destination.KEY) | (scale.destination == Destination.VALUE)
            ),
            self.codes.ready.eq(
                for_engine | (for_query & self.query.ready) | (for_cache & self.cache_codes.ready)
            ),
            self.activations.enable.eq(self.codes.valid & for_engine),
            self.activations.lane.eq(codes.lane),
            self.activations.address.eq(codes.address),
            self.activations.data.eq(codes.data),
            self.query.valid.eq(self.codes.valid & for_query),
            self.query.payload.data.eq(codes.data),
            self.query.payload.last.eq(codes.last),
            self.query.payload.lane.eq(codes.lane),
            self.cache_codes.valid.eq(self.codes.valid & for_cache),
            self.cache_codes.payload.data.eq(codes.data),
            self.cache_codes.payload.last.eq(codes.last),
            self.scale.ready.eq(Mux(cache_scale, self.cache_scale.ready, self.query_scale.ready)),
            self.query_scale.valid.eq(self.scale.valid & ~cache_scale),
            self.query_scale.payload.scale.eq(scale.scale),
            self.query_scale.payload.lane.eq(scale.lane),
            self.cache_scale.valid.eq(self.scale.valid & cache_scale),
            self.cache_scale.payload.scale.eq(scale.scale),
        ]
        with m.If(self.query_scale.valid & self.query_scale.ready):
            m.d.sync += self.latest.eq(scale.scale)
        return m
