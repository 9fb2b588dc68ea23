"""Two products of one multiplier: how weights are written into wide numbers, and how far that goes.

A DSP block multiplies a wide number by a narrow one. Two weights that meet the same activation are
written into one wide number, ``(upper << F) + lower``; times the activation that is
``(upper*x << F) + lower*x``, two products in one word. Such words are added as they are, as long as
the lower sum fits F bits; then they are taken apart: the lower sum is the low F bits with their
sign, and the upper one is what is above, plus one if the lower sum is negative, since it has
borrowed. The same borrow is in the wide number itself: the packer writes ``upper - (lower < 0)``
above the bits of ``lower``, so that the wide number is wire.

How far F reaches is settled by ranges: the multiplier's wide port has 27 bits on UltraScale+, 25 on
older Xilinx devices, 18 on ECP5. More inputs than fit are cut into groups, each taken apart for
itself. Where not even one pair fits, or there is one output, every product has a multiplier of its
own, and a word is a weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .base import Device, IntegerRange
from .beat import beat_count

__all__ = [
    "NARROW_PORT",
    "WIDEST_PORT",
    "PackedProducts",
    "multiplier_port",
    "takes_multiplier",
    "with_sign",
]

NARROW_PORT = 18
"""Bits of a multiplier's narrow port, on all devices."""

WIDEST_PORT = 27
"""Bits of the wide port where it is widest."""


def multiplier_port(device: Device) -> int:
    """Bits of the wide port of a device's multipliers."""
    return {"xcup": WIDEST_PORT, "xc7": 25}.get(device.family, 18)


def takes_multiplier(device: Device, one_width: int, other_width: int, product_width: int) -> bool:
    """Whether Yosys makes a product of so wide numbers a multiplier block, not logic."""
    return min(one_width, other_width) > 1 and (product_width > 8 or device.family == "ecp5")


def with_sign(values: IntegerRange) -> IntegerRange:
    """The range with room for a sign."""
    return values.union(IntegerRange(-1, 0))


@dataclass(frozen=True)
class PackedProducts:
    """The words of a matrix engine's multipliers.

    Parameters
    ----------
    weights, activations : :class:`IntegerRange`
        What is multiplied.
    outputs, inputs : :class:`int`
        Of the block that is worked on at once.
    port : :class:`int`
        Bits of the multiplier's wide port, signed; see `multiplier_port`.
    """

    weights: IntegerRange
    activations: IntegerRange
    outputs: int
    inputs: int
    port: int

    @property
    def lower_width(self) -> int:
        """Bits of a weight with its sign."""
        return with_sign(self.weights).width

    @property
    def activation_width(self) -> int:
        """Bits of an activation with its sign."""
        return with_sign(self.activations).width

    @property
    def upper_range(self) -> IntegerRange:
        """Of the upper weight with the borrow of the lower one."""
        values = with_sign(self.weights)
        return IntegerRange(values.low - self.weights.signed, values.high)

    @property
    def product_range(self) -> IntegerRange:
        return self.weights * self.activations.with_zero()

    def _field(self, terms: int) -> int:
        """Bits that the lower sum of so many products needs, with its sign."""
        return with_sign(self.product_range * terms).width

    @cached_property
    def terms(self) -> int:
        """Products that are added before they are taken apart; 0 if none are put together."""
        if self.outputs == 1 or self.activation_width > NARROW_PORT:
            return 0
        room = self.port - self.upper_range.width
        # Sums grow with their terms, so the first that has no room ends the search.
        most = 0
        while most < self.inputs and self._field(most + 1) <= room:
            most += 1
        if not most:
            return 0
        # As many groups as this takes, as equal as they can be.
        return beat_count(self.inputs, beat_count(self.inputs, most))

    @property
    def is_packed(self) -> bool:
        return self.terms > 0

    @property
    def pairs(self) -> int:
        """Multipliers for one activation: pairs of outputs, or outputs."""
        return beat_count(self.outputs, 2) if self.is_packed else self.outputs

    @property
    def field(self) -> int:
        """Bits of the lower sum (F)."""
        return self._field(self.terms)

    @property
    def width(self) -> int:
        """Bits of a word of the weights."""
        return self.lower_width + self.is_packed * self.upper_range.width

    def sums(self, terms: int) -> IntegerRange:
        """Range of a sum of so many words behind the multipliers."""
        sums = self.product_range * terms
        return with_sign(sums * (1 << self.field) + sums if self.is_packed else sums)

    @property
    def sum_width(self) -> int:
        """Bits of the words that are taken apart."""
        return self.sums(max(self.terms, 1)).width

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """Words of weights ``[..., outputs, inputs]``: int64 ``[..., pairs, inputs]``, the even
        output's weight in the low bits, the odd one's with the borrow above."""
        low = (1 << self.lower_width) - 1
        if not self.is_packed:
            return weights & low
        if self.outputs % 2:
            weights = np.concatenate([weights, np.zeros_like(weights[..., :1, :])], axis=-2)
        lower, upper = weights[..., ::2, :], weights[..., 1::2, :]
        high = (1 << self.upper_range.width) - 1
        return lower & low | ((upper - (lower < 0)) & high) << self.lower_width

    def unpack(self, words: np.ndarray) -> np.ndarray:
        """The weights of words as from `pack`."""
        weights = _low_bits(words, self.lower_width)
        if not self.is_packed:
            return weights
        upper = _low_bits(words >> self.lower_width, self.upper_range.width)
        both = np.stack([weights, upper + (weights < 0)], axis=-2)
        return both.reshape(*both.shape[:-3], -1, self.inputs)[..., : self.outputs, :]


def _low_bits(words: np.ndarray, width: int) -> np.ndarray:
    """The low bits of words as two's complement numbers."""
    half = 1 << width - 1
    return ((words & 2 * half - 1) ^ half) - half
