"""Says when a layer's cache writes are in memory, while the executor goes on with other work.

From ``start`` on it waits for an idleness of writer and memory that lasts a few cycles (units show
a little later that they took something), then raises ``release`` for one cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device

__all__ = ["WriteRelease", "WriteReleaseConfig"]


@dataclass(frozen=True)
class WriteReleaseConfig:
    """``calm_cycles`` of idleness are wanted, 1 or more."""

    calm_cycles: int = 4

    def __post_init__(self) -> None:
        if self.calm_cycles < 1:
            raise ValueError(f"Calm cycles must be 1 or more, not {self.calm_cycles!r}")

    @property
    def latency(self) -> int:
        """Cycles from the first idle one after ``start`` to ``release``."""
        return self.calm_cycles + 1

    def cost(self, device: Device) -> Cost:
        return Cost(lut=6, ff=2 + self.calm_cycles.bit_length())

    def create(self) -> WriteRelease:
        return WriteRelease(self)


class WriteRelease(wiring.Component):
    """The unit.

    Attributes
    ----------
    start : in
        All writes of the layer have been given to the cache writer.
    idle : in
        The cache writer is at rest and memory has acknowledged all writes.
    release : out
    """

    start: Signal
    idle: Signal
    release: Signal

    def __init__(self, config: WriteReleaseConfig) -> None:
        self.config = config
        super().__init__({"start": In(1), "idle": In(1), "release": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        waiting, calm = Signal(), Signal(range(self.config.calm_cycles + 1))
        m.d.sync += self.release.eq(0)
        with m.If(self.start):
            m.d.sync += [waiting.eq(1), calm.eq(0)]
        with m.Elif(waiting):
            m.d.sync += calm.eq(Mux(self.idle, calm + 1, 0))
            with m.If(calm == self.config.calm_cycles):
                m.d.sync += [waiting.eq(0), self.release.eq(1)]
        return m
