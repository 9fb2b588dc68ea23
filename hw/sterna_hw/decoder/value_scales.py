"""The scales of the values of all tokens, and how far each exponent lies below the largest.

The header of a key brings the scale kappa_v of its token's value. It is kept for the pass over the
values, and the largest exponent of a present token with a scale that is not zero is found on the
way (all tokens have to be known before any value is weighted). Read for a slot, this part gives
each token's mantissa and how many places its exponent lies behind, 16 standing for 16 or more.

Four cycles from an address to the answer; the largest exponent is known `WRITE_LATENCY` cycles
after the last header. Absent tokens come out with whatever junk they had: whoever uses them masks
them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay
from ..memory import MemoryConfig
from .attention_command import index_shape
from .vector_command import scale_layout

__all__ = ["READ_LATENCY", "WRITE_LATENCY", "ValueScales", "ValueScalesConfig", "weight_layout"]

READ_LATENCY = 4
WRITE_LATENCY = 4


def weight_layout() -> data.StructLayout:
    """A token's mantissa, and how far its exponent is behind: ``is_far`` is 16 places or more."""
    return data.StructLayout({"mantissa": 16, "behind": 4, "is_far": 1})


@dataclass(frozen=True)
class ValueScalesConfig:
    """Room for ``slots`` rows of ``ports`` scales."""

    ports: int
    slots: int

    @property
    def memory(self) -> MemoryConfig:
        width = self.ports * scale_layout().size
        return MemoryConfig("value_scales", self.slots, width, reloadable=True, read_latency=2)

    def compute(self, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mantissas, and places behind (at most 16), of scales ``(tokens, 2)``."""
        scales = np.asarray(scales, dtype=np.int64)
        mantissas, exponents = scales[:, 0], scales[:, 1]
        if not mantissas.any():
            return mantissas, np.full(len(scales), 16)
        largest = exponents[mantissas > 0].max()
        return mantissas, np.where(mantissas > 0, np.clip(largest - exponents, 0, 16), 16)

    def cost(self, device: Device) -> Cost:
        """Estimate: the memory, two comparisons or subtractions of 12 bits a port."""
        return self.memory.cost(device) + Cost(lut=36 * self.ports + 12, ff=50 * self.ports + 20)

    def create(self) -> ValueScales:
        return ValueScales(self)


class ValueScales(wiring.Component):
    """The store.

    Attributes
    ----------
    start : in
        The next header belongs to slot 0; forgets the largest exponent.
    valid, scales, present : in
        Scales of P tokens, and which of them count.
    slot : in
        What to read.
    weights : out, array of P of `weight_layout`, `READ_LATENCY` cycles later
    """

    start: Signal
    valid: Signal
    scales: data.View
    present: Signal
    slot: Signal
    weights: data.View

    def __init__(self, config: ValueScalesConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "valid": In(1),
                "scales": In(data.ArrayLayout(scale_layout(), config.ports)),
                "present": In(config.ports),
                "slot": In(index_shape(config.slots)),
                "weights": Out(data.ArrayLayout(weight_layout(), config.ports)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.memory = rows = config.memory.create()
        m.d.comb += [
            rows.load.enable.eq(self.valid),
            rows.load.data.eq(self.scales.as_value()),
            rows.address.eq(self.slot),
        ]
        with m.If(self.start):
            m.d.sync += rows.load.address.eq(0)
        with m.Elif(self.valid):
            m.d.sync += rows.load.address.eq(rows.load.address + 1)

        largest = self._largest(m)
        stored = data.View(data.ArrayLayout(scale_layout(), config.ports), rows.data)
        for port in range(config.ports):
            scale, weight = stored[port], self.weights[port]
            behind = Signal(signed(13), reset_less=True, name=f"behind_{port}")
            m.d.sync += [
                behind.eq(largest - scale.exponent),
                weight.behind.eq(behind[:4]),
                weight.is_far.eq(behind[4:].any()),
            ]
            m.d.comb += weight.mantissa.eq(delay(m, scale.mantissa, 2))
        return m

    def _largest(self, m: Module) -> Signal:
        """The largest exponent so far."""
        nodes: list[tuple[Value, Value]] = []
        for port in range(self.config.ports):
            scale = self.scales[port]
            counts = Signal(name=f"counts_{port}", reset_less=True)
            exponent = Signal(signed(12), name=f"exponent_{port}", reset_less=True)
            m.d.sync += [
                counts.eq(self.present[port] & scale.mantissa.any()),
                exponent.eq(scale.exponent),
            ]
            nodes.append((exponent, counts))
        for _ in range(2):
            merged: list[tuple[Value, Value]] = []
            for left in range(0, len(nodes), 2):
                value, counts = nodes[left]
                if left + 1 < len(nodes):
                    other, other_counts = nodes[left + 1]
                    wins = other_counts & (~counts | (other > value))
                    value, counts = Mux(wins, other, value), counts | other_counts
                register, flag = Signal(signed(12), reset_less=True), Signal(reset_less=True)
                m.d.sync += [register.eq(value), flag.eq(counts)]
                merged.append((register, flag))
            nodes = merged
        exponent, counts = nodes[0]
        valid = delay(m, self.valid, 3, reset_less=False)
        largest, is_known = Signal(signed(12)), Signal()
        with m.If(self.start):
            m.d.sync += is_known.eq(0)
        with m.Elif(valid & counts & (~is_known | (exponent > largest))):
            m.d.sync += [largest.eq(exponent), is_known.eq(1)]
        return largest
