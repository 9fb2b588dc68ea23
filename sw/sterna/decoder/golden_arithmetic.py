"""The arithmetic of the golden decoder on rows of integers: scales, norms, exact products.

The rules are those of ``docs/numerics.md``, "Decoders", told in numpy for many rows at once. Matrix
products run in floating point where all sums stay far below the width of its mantissa, so they are
exact and fast. Nothing here is shared with the hardware parts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .scale import Scale

__all__ = [
    "EXPONENTIAL",
    "SIGMOID",
    "RunScale",
    "align",
    "apply_scale",
    "bit_lengths",
    "clip",
    "half_up",
    "multiply",
    "norm",
    "norm_scale",
    "quantise",
]


class RunScale:
    """Scales of many rows: int64 arrays of mantissas and exponents."""

    def __init__(self, mantissa: np.ndarray, exponent: np.ndarray) -> None:
        self.mantissa = mantissa
        self.exponent = np.where(mantissa == 0, 0, exponent)

    @classmethod
    def of(cls, scale: Scale) -> RunScale:
        return cls(np.asarray(scale.mantissa), np.asarray(scale.exponent))

    def __mul__(self, other: RunScale) -> RunScale:
        product = self.mantissa * other.mantissa
        is_long = product >= 1 << 31
        exponent = self.exponent + other.exponent + 15 + is_long
        return RunScale(product >> (15 + is_long), exponent)

    def __getitem__(self, place: Any) -> RunScale:
        return RunScale(self.mantissa[place], self.exponent[place])


def half_up(value: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``value / 2**shift`` to the nearest, ties upwards; shifts of 0 to 63."""
    # Halving after the shift by one less is the same and does not overflow.
    return np.where(shift > 0, ((value >> np.maximum(shift - 1, 0)) + 1) >> 1, value)


def apply_scale(value: np.ndarray, scale: RunScale, fraction: int) -> np.ndarray:
    shift = np.clip(-(scale.exponent + fraction), 0, 63)
    return half_up(value * scale.mantissa, shift)


def clip(value: np.ndarray, width: int) -> np.ndarray:
    return np.clip(value, -(1 << (width - 1)), (1 << (width - 1)) - 1)


def bit_lengths(values: np.ndarray) -> np.ndarray:
    """Bit lengths of integers of 0 or more, exact."""
    flat = [int(value).bit_length() for value in np.ravel(values)]
    return np.array(flat, dtype=np.int64).reshape(np.shape(values))


def align(values: np.ndarray, bits: np.ndarray) -> np.ndarray:
    return np.where(
        bits >= 17, values >> np.maximum(bits - 17, 0), values << np.maximum(17 - bits, 0)
    )


def quantise(vectors: np.ndarray) -> tuple[np.ndarray, RunScale, np.ndarray]:
    """Codes of rows, the scale of each row's maximum, and the aligned maximum."""
    largest = np.abs(vectors).max(axis=1)
    bits = bit_lengths(largest)
    aligned = align(largest, bits)
    reciprocal = np.where(largest > 0, (127 << 24) // np.maximum(aligned, 1), 0)
    elements = align(vectors, bits[:, np.newaxis])
    codes = np.clip((elements * reciprocal[:, np.newaxis] + (1 << 23)) >> 24, -127, 127)
    return codes, RunScale(aligned >> 1, bits - 16), aligned


def norm_scale(x: np.ndarray, aligned: np.ndarray, bits: np.ndarray) -> RunScale:
    """The norm scale of rows x, whose products with the gains have these maxima."""
    mantissas, exponents = [], []
    for row, maximum, length in zip(x, aligned, bits):
        total = int(np.dot(row, row))
        if total == 0 or maximum == 0:
            mantissas.append(0)
            exponents.append(0)
            continue
        drop = total.bit_length() - 48
        drop += drop % 2  # even, and 47 or 48 bits are left
        root = math.isqrt(total >> drop if drop >= 0 else total << -drop)
        ratio = (int(maximum) << 23) // root
        is_long = int(ratio >= 1 << 16)
        mantissas.append(ratio >> is_long)
        exponents.append(int(length) - 40 - drop // 2 + is_long)
    return RunScale(np.array(mantissas, dtype=np.int64), np.array(exponents, dtype=np.int64))


def norm(x: np.ndarray, gains: np.ndarray) -> tuple[np.ndarray, RunScale]:
    """Codes of a norm and its quantiser, and the norm scale, for rows x."""
    products = x * gains.astype(np.int64)
    codes, _, aligned = quantise(products)
    return codes, norm_scale(x, aligned, bit_lengths(np.abs(products).max(axis=1)))


def multiply(codes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """``codes @ matrix.T``, exact: all sums are below 2**24 (ternary) or 2**53."""
    small = matrix.shape[1] * 127 * int(np.abs(matrix).max(initial=0)) < 1 << 24
    kind = np.float32 if small else np.float64
    return (codes.astype(kind) @ matrix.astype(kind).T).astype(np.int64)


EXPONENTIAL = np.array(
    [math.floor(65535 * 2 ** (-i / 1024) + 0.5) for i in range(1024)], dtype=np.int64
)
SIGMOID = np.array(
    [math.floor(65536 / (1 + math.exp(-(i + 0.5) / 128)) + 0.5) for i in range(1024)],
    dtype=np.int64,
)
