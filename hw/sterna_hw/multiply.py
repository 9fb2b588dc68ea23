"""An exact product of two integers, cut into pieces that fit a DSP block and added in a pipeline.

Both factors are cut into 17-bit pieces, unsigned but for the top one, so every partial product fits
a signed 18 x 18 multiplier. Partial products are registered; a tree of registered additions joins
them. A factor that is one power of two is a shift of wires; other constants are left to synthesis.

Latency: no register for a power of two, otherwise the inputs', the products', and one for each
level of the additions. One product a cycle, no stalls, no enables.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Const, Module, Signal, Value

from .base import Cost, Device, IntegerRange
from .base.cost_table import logic
from .beat import shape_of
from .credit import delay
from .packed_products import takes_multiplier, with_sign

__all__ = ["MultiplyConfig"]

PIECE_WIDTH = 17


@dataclass(frozen=True)
class MultiplyConfig:
    """Product of a value and a multiplier; ``fixed`` is the multiplier where it is a constant."""

    value_range: IntegerRange
    multiplier_range: IntegerRange
    fixed: int | None = None

    @property
    def product_range(self) -> IntegerRange:
        return self.value_range * self.multiplier_range

    @property
    def is_shift(self) -> bool:
        return self.fixed is not None and abs(self.fixed).bit_count() <= 1

    @property
    def product_zeros(self) -> int:
        """Low bits of the product that are zero since the multiplier only shifts."""
        return abs(self.fixed or 1).bit_length() - 1 if self.is_shift else 0

    @property
    def pieces(self) -> tuple[int, int]:
        """Into how many pieces value and multiplier are cut."""
        return _piece_count(self.value_range), _piece_count(self.multiplier_range)

    @property
    def latency(self) -> int:
        if self.is_shift:
            return 0
        products = self.pieces[0] * self.pieces[1]
        return 2 + (products - 1).bit_length()

    def cost(self, device: Device) -> Cost:
        """Estimate: one DSP a partial product (none for a shift), registers, and the additions."""
        if self.is_shift:
            negated = self.fixed is not None and self.fixed < 0
            return logic(device, "negate", bits=self.product_range.width) if negated else Cost()
        products = self.pieces[0] * self.pieces[1]
        value, scale, product = (
            values.width for values in (self.value_range, self.multiplier_range, self.product_range)
        )
        if products > 1:
            inputs = value + scale * (self.fixed is None)
            terms, joined = self._piece_bits()
            blocks = sum(
                takes_multiplier(device, one, other, one + other)
                for one in self._widths_of_pieces[0]
                for other in self._widths_of_pieces[1]
            )
            return Cost(dsp=blocks) + logic(
                device, "multiply_in_pieces", ff=inputs + terms + joined, joined_bits=joined
            )
        registers = value + scale * (self.fixed is None) + product
        if self.is_block(device):
            return Cost(ff=registers, dsp=1)
        return logic(
            device, "multiply_in_logic", ff=registers, multiplied_bits=value * scale, each=1
        )

    @property
    def _widths_of_pieces(self) -> tuple[list[int], ...]:
        """Of value and multiplier, from the lowest piece on."""
        return tuple(
            [PIECE_WIDTH] * (count - 1) + [values.width - PIECE_WIDTH * (count - 1)]
            for values, count in zip((self.value_range, self.multiplier_range), self.pieces)
        )

    def _piece_bits(self) -> tuple[int, int]:
        """Bits of the partial products, and of their sums in a tree."""
        pieces = self._widths_of_pieces
        terms = sorted(
            (PIECE_WIDTH * (one + other), pieces[0][one] + pieces[1][other])
            for one in range(self.pieces[0])
            for other in range(self.pieces[1])
        )
        products, joined = sum(width for _, width in terms), 0
        while len(terms) > 1:
            pairs = [
                (low, max(low_width, high + width - low) + 1)
                for (low, low_width), (high, width) in zip(terms[::2], terms[1::2])
            ]
            pairs += terms[-1:] if len(terms) % 2 else []
            joined += sum(width for _, width in pairs)
            terms = pairs
        return products, joined

    def is_block(self, device: Device) -> bool:
        """Whether it is a multiplier block, or more than one, and not logic."""
        if self.is_shift:
            return False
        value, scale = with_sign(self.value_range), with_sign(self.multiplier_range)
        return self.pieces != (1, 1) or takes_multiplier(
            device, value.width, scale.width, self.product_range.width
        )

    def build(self, m: Module, value: Value, multiplier: Value) -> Value:
        """The product of this cycle's factors, `latency` cycles later."""
        shape = shape_of(self.product_range)
        if self.is_shift:
            assert self.fixed is not None
            product = Signal(shape)
            size = abs(self.fixed)
            shifted = value << (size.bit_length() - 1) if size else Const(0)
            m.d.comb += product.eq(-shifted if self.fixed < 0 else shifted)
            return product
        terms: list[tuple[int, Value]] = []
        for value_at, value_piece in _cut(m, delay(m, value, 1), self.pieces[0]):
            for multiplier_at, piece in _cut(m, delay(m, multiplier, 1), self.pieces[1]):
                product = value_piece * piece
                term = Signal(product.shape(), reset_less=True)
                m.d.sync += term.eq(product)
                terms.append((value_at + multiplier_at, term))
        terms.sort(key=lambda term: term[0])
        while len(terms) > 1:
            joined = []
            for (low_at, low), (high_at, high) in zip(terms[::2], terms[1::2]):
                total = low + (high << (high_at - low_at))
                register = Signal(total.shape(), reset_less=True)
                m.d.sync += register.eq(total)
                joined.append((low_at, register))
            if len(terms) % 2:
                at, rest = terms[-1]
                joined.append((at, delay(m, rest, 1)))
            terms = joined
        product = Signal(shape)
        m.d.comb += product.eq(terms[0][1] << terms[0][0])
        return product


def _piece_count(values: IntegerRange) -> int:
    """A signed top piece may have 18 bits, an unsigned one 17."""
    return max(1, -(-(values.width - (1 if values.signed else 0)) // PIECE_WIDTH))


def _cut(m: Module, value: Value, count: int) -> list[tuple[int, Value]]:
    """Pieces with the place of their lowest bit."""
    pieces: list[tuple[int, Value]] = []
    for number in range(count):
        low = number * PIECE_WIDTH
        if number < count - 1:
            pieces.append((low, value[low : low + PIECE_WIDTH]))
        else:
            top = value[low:]
            pieces.append((low, top.as_signed() if value.shape().signed else top))
    return pieces
