"""Drops low bits with a named rounding, then clips to a range: the end of every requantisation.

Half of the rounding unit has already been added to the sum, with the offset, so rounding to nearest
is a plain cut; half-even then clears the lowest bit of what was a tie, which shows in the dropped
bits being all zero. Clipping is two comparisons, then a choice; neither is built where the proven
range makes it idle.

Latency: one register for ties, two for clipping, none for the cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal, Value

from .base import Cost, Device, IntegerRange, Rounding
from .base.cost_table import logic
from .beat import shape_of
from .credit import delay

__all__ = ["RoundAndClipConfig"]


@dataclass(frozen=True)
class RoundAndClipConfig:
    """From sums in ``sum_range``, `half` included, to ``output_range``."""

    sum_range: IntegerRange
    shift: int
    rounding: Rounding
    output_range: IntegerRange

    @staticmethod
    def half(shift: int, rounding: Rounding) -> int:
        """What must have been added to the sum: half of what the shift divides by, or nothing."""
        return 0 if rounding is Rounding.FLOOR or not shift else 1 << (shift - 1)

    @property
    def breaks_ties(self) -> bool:
        return self.rounding is Rounding.HALF_EVEN and self.shift > 0

    @property
    def rounded_range(self) -> IntegerRange:
        """Before clipping; a tie may go one below the lowest cut."""
        low, high = self.sum_range.low >> self.shift, self.sum_range.high >> self.shift
        return IntegerRange(low - (low & 1 if self.breaks_ties else 0), high)

    @property
    def clips(self) -> bool:
        return not self.output_range.contains(self.rounded_range)

    @property
    def latency(self) -> int:
        return self.breaks_ties + 2 * self.clips

    def cost(self, device: Device) -> Cost:
        """Estimate: a comparison of the dropped bits, comparators, registers."""
        rounded, output = self.rounded_range.width, self.output_range.width
        total = Cost()
        if self.breaks_ties:
            total += logic(device, "tie", ff=rounded, dropped_bits=self.shift)
        if self.clips:
            total += logic(
                device,
                "clip",
                ff=min(rounded, output) + output + 2,
                compared_bits=rounded,
                output_bits=output,
            )
        return total

    def build(self, m: Module, total: Value, lane: int) -> Value:
        """The result for this cycle's sum, `latency` cycles later; ``lane`` numbers the names."""
        cut = Signal(shape_of(self.rounded_range), name=f"cut{lane}")
        m.d.comb += cut.eq(total >> self.shift)
        if self.breaks_ties:
            even = Signal(cut.shape(), name=f"even{lane}", reset_less=True)
            is_tie = total[: self.shift] == 0
            m.d.sync += [even.eq(cut), even[0].eq(cut[0] & ~is_tie)]
            cut = even
        if not self.clips:
            return cut
        low, high = self.output_range.low, self.output_range.high
        below, above = Signal(reset_less=True), Signal(reset_less=True)
        clipped = Signal(shape_of(self.output_range), name=f"clipped{lane}", reset_less=True)
        m.d.sync += [
            below.eq(cut < low),
            above.eq(cut > high),
            clipped.eq(Mux(below, low, Mux(above, high, delay(m, cut, 1)))),
        ]
        return clipped
