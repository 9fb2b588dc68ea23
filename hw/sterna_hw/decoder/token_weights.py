"""From scores to weights: an exponential by table and shift, times the scale of the values.

``p = E[d mod 1024] >> (d >> 10)`` with d = maximum - score, E a table of 2**(-i/1024) in 16 bits;
``w = (p * m) >> (16 + behind)`` with the mantissa of the token's value scale and the number of
places its exponent lies behind the largest. Both are zero for absent tokens and where a shift
would be 16 or more. P lanes side by side, each with its own table, multiplier and two shifters.

Scores are taken in cycle 0, value scales in cycle `SCALE_DELAY`; p is there in cycle `P_LATENCY`, w
in cycle `LATENCY`. One step a cycle, no stalls, no enables.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay
from ..memory import MemoryConfig
from .score_scale import SCORE
from .value_scales import weight_layout

__all__ = [
    "LATENCY",
    "P_LATENCY",
    "SCALE_DELAY",
    "WEIGHT_WIDTH",
    "TokenWeights",
    "TokenWeightsConfig",
    "exponential_table",
]

SCALE_DELAY = 2
P_LATENCY = 4
LATENCY = 8
WEIGHT_WIDTH = 16
FRACTION_BITS = 10


def exponential_table() -> list[int]:
    """E: the integers nearest to ``65535 * 2**(-i/1024)``; by decimals, so the same everywhere."""
    with localcontext() as context:
        context.prec = 40
        step = Decimal(2) ** (Decimal(-1) / 1024)
        exact = [65535 * step**index for index in range(1 << FRACTION_BITS)]
        return [int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP)) for value in exact]


@dataclass(frozen=True)
class TokenWeightsConfig:
    """``ports`` tokens side by side."""

    ports: int

    @property
    def table(self) -> MemoryConfig:
        return MemoryConfig("exponential", 1 << FRACTION_BITS, 16, exponential_table())

    def compute(
        self, scores: np.ndarray, mantissas: np.ndarray, behind: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """p and w ``(tokens, heads)`` of scores of that shape, and of each token's mantissa and
        places behind (16: zero)."""
        scores = np.asarray(scores, dtype=np.int64)
        below = scores.max(axis=0) - scores
        table = np.asarray(exponential_table(), dtype=np.int64)
        halvings = below >> FRACTION_BITS
        p = np.where(halvings < 16, table[below & 1023] >> np.minimum(halvings, 16), 0)
        behind = np.asarray(behind)[:, np.newaxis]
        w = (p * np.asarray(mantissas)[:, np.newaxis]) >> (16 + behind)
        return p, np.where(behind < 16, w, 0)

    def cost(self, device: Device) -> Cost:
        """Estimate: a subtraction, two shifters, a table and a multiplier a lane."""
        return (Cost(lut=25 + 32 + 40 + 12, ff=160, dsp=1) + self.table.cost(device)) * self.ports

    def create(self) -> TokenWeights:
        return TokenWeights(self)


class TokenWeights(wiring.Component):
    """The lanes.

    Attributes
    ----------
    scores : in, array of P; maximum : in; present : in, P bits
    scales : in, array of P of `weight_layout`, `SCALE_DELAY` cycles later
    p : out, array of P, in cycle `P_LATENCY`
    w : out, array of P, in cycle `LATENCY`
    """

    scores: data.View
    maximum: Signal
    present: Signal
    scales: data.View
    p: data.View
    w: data.View

    def __init__(self, config: TokenWeightsConfig) -> None:
        self.config = config
        weights = data.ArrayLayout(WEIGHT_WIDTH, config.ports)
        super().__init__(
            {
                "scores": In(data.ArrayLayout(signed(SCORE.width), config.ports)),
                "maximum": In(signed(SCORE.width)),
                "present": In(config.ports),
                "scales": In(data.ArrayLayout(weight_layout(), config.ports)),
                "p": Out(weights),
                "w": Out(weights),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        present = delay(m, self.present, P_LATENCY - 1)
        for port in range(self.config.ports):
            m.submodules[f"table_{port}"] = table = self.config.table.create()
            below = Signal(SCORE.width, name=f"below_{port}", reset_less=True)
            m.d.sync += below.eq(self.maximum - self.scores[port])
            m.d.comb += table.address.eq(below[:FRACTION_BITS])
            halvings = delay(m, below[FRACTION_BITS:], 2)
            is_zero = Signal(name=f"is_zero_{port}", reset_less=True)
            m.d.sync += is_zero.eq(delay(m, below[FRACTION_BITS + 4 :].any(), 1))
            p = Signal(16, name=f"p_{port}", reset_less=True)
            with m.If(is_zero | ~present[port]):
                m.d.sync += p.eq(0)
            with m.Else():
                m.d.sync += p.eq(table.data >> halvings[:4])
            m.d.comb += [self.p[port].eq(p), self.w[port].eq(self._weight(m, p, port))]
        return m

    def _weight(self, m: Module, p: Signal, port: int) -> Value:
        """w, four cycles after p: two inside the multiplier, two of the shifter."""
        scale = self.scales[port]
        mantissa = delay(m, scale.mantissa, P_LATENCY - SCALE_DELAY)
        product = delay(m, p * mantissa, 2)
        behind = delay(m, scale.behind, LATENCY - 2 - SCALE_DELAY)
        is_far = delay(m, scale.is_far, LATENCY - 2 - SCALE_DELAY)
        coarse = Signal(16, name=f"coarse_{port}", reset_less=True)
        m.d.sync += coarse.eq(product[16:] >> (behind & 12))
        weight = Signal(16, name=f"weight_{port}", reset_less=True)
        m.d.sync += weight.eq(Mux(delay(m, is_far, 1), 0, coarse >> delay(m, behind[:2], 1)))
        return weight
