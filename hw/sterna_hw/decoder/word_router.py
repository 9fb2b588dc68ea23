"""Hands each transfer's words to the unit they are for.

Words come from memory in the order in which the fetcher asked for them; for each transfer it also
said whose they are, in the same order. The end of a transfer is marked in the stream of words, so
no word is counted: the route in hand changes with the word that is marked. Latency 0: payloads go
by untouched, only ``valid`` is gated, and ``i.ready`` is that of the unit that the route names (a
unit's ``ready`` comes from a register, by the rules of streams). One word a cycle, without a gap
between transfers as long as routes are there.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .pass_layout import Route
from .vector_command import word_layout

__all__ = ["WordRouter", "WordRouterConfig"]


@dataclass(frozen=True)
class WordRouterConfig:
    """A router for words of ``ports`` memory ports.

    Raises
    ------
    ValueError
        If ports are not 1 to 4.
    """

    ports: int

    def __post_init__(self) -> None:
        if not 1 <= self.ports <= 4:
            raise ValueError(f"Ports must be 1 to 4, not {self.ports!r}")

    def compute(self, routes: list[int], words: list[tuple[int, bool]]) -> dict[Route, list[int]]:
        """The words of each unit, from (word, last) pairs in order and the routes of transfers."""
        taken: dict[Route, list[int]] = {route: [] for route in Route}
        transfer = 0
        for word, last in words:
            taken[Route(routes[transfer])].append(word)
            transfer += last
        return taken

    def cost(self, device: Device) -> Cost:
        return Cost(lut=8, ff=3)

    def create(self) -> WordRouter:
        return WordRouter(self)


class WordRouter(wiring.Component):
    """The router.

    Attributes
    ----------
    i : stream of `word_layout`, in
    route : stream of `Route`, in
    header, vector, matrix, attention : streams of `word_layout`, out
    """

    i: stream.Interface
    route: stream.Interface
    header: stream.Interface
    vector: stream.Interface
    matrix: stream.Interface
    attention: stream.Interface

    def __init__(self, config: WordRouterConfig) -> None:
        self.config = config
        words = stream.Signature(word_layout(config.ports))
        super().__init__(
            {
                "i": In(words),
                "route": In(stream.Signature(Route)),
                **{route.name.lower(): Out(words) for route in Route},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        route, held = Signal(Route), Signal()
        finished = Signal()
        m.d.comb += finished.eq(self.i.valid & self.i.ready & self.i.payload.last)
        with m.If(finished | ~held):
            m.d.comb += self.route.ready.eq(1)
            m.d.sync += [held.eq(self.route.valid), route.eq(self.route.payload)]
        with m.Switch(route):
            for name in Route:
                unit = getattr(self, name.name.lower())
                m.d.comb += unit.payload.eq(self.i.payload)
                with m.Case(name):
                    m.d.comb += [
                        unit.valid.eq(self.i.valid & held),
                        self.i.ready.eq(unit.ready & held),
                    ]
        return m
