"""Attention as `docs/numerics.md` tells it, number by number in plain Python; no part is used.

Slow and simple on purpose: Python integers, loops over heads and tokens, one rule a line.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

__all__ = ["Case", "attend", "half_up", "product", "random_case"]

Scale = tuple[int, int]


def product(a: Scale, b: Scale) -> Scale:
    p = a[0] * b[0]
    if p == 0:
        return 0, 0
    if p >= 2**31:
        return p >> 16, a[1] + b[1] + 16
    return p >> 15, a[1] + b[1] + 15


def half_up(v: int, s: int) -> int:
    return math.floor(Fraction(v, 2**s) + Fraction(1, 2)) if s > 0 else v


def apply(v: int, scale: Scale, f: int) -> int:
    m, e = scale
    return half_up(v * m, min(max(-(e + f), 0), 63)) if m else 0


def clip24(v: int) -> int:
    return min(max(v, -(2**23)), 2**23 - 1)


def exponential(i: int) -> int:
    return math.floor(65535 * 2 ** (-i / 1024) + 0.5)


def attend(
    query: np.ndarray,
    kappa_q: Scale,
    keys: np.ndarray,
    kappa_k: list[Scale],
    values: np.ndarray,
    kappa_v: list[Scale],
) -> list[int]:
    """``query`` is ``(heads, size)``, ``keys`` and ``values`` ``(tokens, key heads, size)``."""
    heads, size = query.shape
    tokens, kv_heads, _ = keys.shape
    results: list[int] = []
    known = [e for m, e in kappa_v if m > 0]
    for head in range(heads):
        key_head = head // (heads // kv_heads)
        z = []
        for j in range(tokens):
            dot = sum(int(a) * int(b) for a, b in zip(query[head], keys[j, key_head]))
            z.append(clip24(apply(dot, product(kappa_q, kappa_k[j]), 10)))
        p, w = [], []
        for j in range(tokens):
            d = max(z) - z[j]
            p.append(exponential(d % 1024) >> (d >> 10) if d >> 10 < 16 else 0)
            m, e = kappa_v[j]
            near = m > 0 and max(known) - e < 16
            w.append((p[j] * m) >> (16 + max(known) - e) if near else 0)
        total = sum(p)
        n = total.bit_length()
        aligned = total >> (n - 17) if n >= 17 else total << (17 - n)
        reciprocal = min(2**32 // aligned, 65535)
        for i in range(size):
            o = sum(w[j] * int(values[j, key_head, i]) for j in range(tokens))
            results.append((o * reciprocal + 2 ** (n - 2)) >> (n - 1))
    return results


class Case:
    """One query and its past, of random or extreme numbers."""

    def __init__(
        self, rng: np.random.Generator, heads: int, kv_heads: int, size: int, tokens: int
    ) -> None:
        kind = int(rng.integers(0, 5))
        shape = (tokens, kv_heads, size)
        top = 127 if kind != 3 else 3
        self.query = rng.integers(-top, top + 1, (heads, size))
        self.keys = rng.integers(-127, 128, shape)
        self.values = rng.integers(-127, 128, shape)
        if kind == 1:
            self.query[:] = 127
            self.keys[:] = 127 * rng.choice([-1, 1], (tokens, 1, 1))
            self.values[:] = rng.choice([-127, 127], shape)
        if kind == 2:
            self.keys[:] = 0
        # Spreads of scores from nothing to far beyond the clip.
        middle = int(rng.integers(-30, -8)) if kind else -24
        spread = int(rng.integers(1, 6))
        self.kappa_q = self._scale(rng, middle - 10, 1)
        self.kappa_k = [self._scale(rng, -14, spread) for _ in range(tokens)]
        wide = int(rng.choice([1, 3, 20, 1000]))
        self.kappa_v = [self._scale(rng, int(rng.integers(-1900, 1900)), wide) for _ in range(1)]
        base = self.kappa_v[0][1]
        self.kappa_v += [self._scale(rng, base, wide) for _ in range(tokens - 1)]
        if kind == 4:
            for j in range(tokens):
                if rng.random() < 0.4:
                    self.kappa_v[j] = (0, 0)
                if rng.random() < 0.2:
                    self.kappa_k[j] = (0, 0)

    @staticmethod
    def _scale(rng: np.random.Generator, exponent: int, spread: int) -> Scale:
        offset = int(rng.integers(-spread, spread + 1))
        # Exponents have 12 bits.
        exponent = min(max(exponent + offset, -2048), 2047)
        return int(rng.integers(1 << 15, 1 << 16)), exponent

    @property
    def expected(self) -> list[int]:
        return attend(self.query, self.kappa_q, self.keys, self.kappa_k, self.values, self.kappa_v)


def random_case(seed: int, heads: int, kv_heads: int, size: int, tokens: int) -> Case:
    return Case(np.random.default_rng(seed), heads, kv_heads, size, tokens)
