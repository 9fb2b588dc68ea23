"""The numbers of a decoder's vectors, told from docs/numerics.md on plain Python integers.

It imports nothing of the hardware: what it shares with it is the page.
"""

import math
from fractions import Fraction


def bits(n):
    return len(bin(n)) - 2 if n else 0


def clip(v, width):
    return max(-(2 ** (width - 1)), min(2 ** (width - 1) - 1, v))


def half_up(v, shift):
    """To the nearest, ties upwards, by exact fractions."""
    return math.floor(Fraction(v, 2**shift) + Fraction(1, 2)) if shift else v


def product(first, second):
    (m1, e1), (m2, e2) = first, second
    p = m1 * m2
    if p == 0:
        return 0, 0
    return (p >> 16, e1 + e2 + 16) if p >= 2**31 else (p >> 15, e1 + e2 + 15)


def apply(v, scale, f):
    m, e = scale
    return half_up(v * m, max(0, min(63, -(e + f)))) if m else 0


def align(v, n):
    return v >> (n - 17) if n >= 17 else v << (17 - n)


def quantise(vector):
    """Codes, and the scale of the maximum."""
    a = max(abs(v) for v in vector)
    if a == 0:
        return [0] * len(vector), (0, 0)
    n = bits(a)
    top = align(a, n)
    reciprocal = 127 * 2**24 // top
    codes = [(align(v, n) * reciprocal + 2**23) >> 24 for v in vector]
    return [max(-127, min(127, code)) for code in codes], (top >> 1, n - 16)


def norm_scale(x, v):
    """rho of elements x whose products with the gains are v."""
    total, a = sum(element * element for element in x), max(abs(element) for element in v)
    if total == 0 or a == 0:
        return 0, 0
    z = next(
        z
        for z in range(-60, 60, 2)
        if 2**46 <= math.floor(Fraction(total) / Fraction(2) ** z) < 2**48
    )
    root = math.isqrt(math.floor(Fraction(total) / Fraction(2) ** z))
    t, e = align(a, bits(a)) * 2**23 // root, bits(a) - 40 - z // 2
    return (t, e) if t < 2**16 else (t >> 1, e + 1)


def rotate(vector, row):
    """Every head turned by a row of (cosine, sine)."""
    turned = []
    for place in range(0, len(vector), 2):
        a, b = vector[place : place + 2]
        cosine, sine = row[(place // 2) % len(row)]
        turned += [(a * cosine - b * sine + 2**13) >> 14, (a * sine + b * cosine + 2**13) >> 14]
    return turned


SIGMOID = [math.floor(65536 / (1 + math.exp(-(i + 0.5) / 128)) + 0.5) for i in range(1024)]


def gate(g, u, sigma, activation, shift):
    z = clip(apply(g, sigma, 10), 16)
    if activation == "silu":
        entry = SIGMOID[min(abs(z) >> 3, 1023)]
        act = (z * (entry if z >= 0 else 65536 - entry) + 2**11) >> 12
    else:
        act = (max(z, 0) ** 2 + 2**5) >> 6
    return clip((act * u + 2 ** (shift - 1)) >> shift, 24)


class Unit:
    """What a vector unit keeps between commands, and what each command makes of it."""

    def __init__(self, lanes, activation, embedding_shift, gate_shift):
        self.activation, self.embedding_shift = activation, embedding_shift
        self.gate_shift = gate_shift
        self.residual = [[0]] * lanes
        self.row = [[(0, 0)]] * lanes
        self.rho = [(0, 0)] * lanes
        self.constants = []
        self.gains = []

    def embed(self, lane, codes):
        self.residual[lane] = [code * 2**self.embedding_shift for code in codes]

    def sigma(self, lane, constant):
        return product(self.rho[lane], self.constants[constant])

    def add(self, lane, constant, y):
        sigma = self.sigma(lane, constant)
        self.residual[lane] = [
            clip(x + clip(apply(v, sigma, 0), 24), 24) for x, v in zip(self.residual[lane], y)
        ]

    def norm(self, lane, x=None):
        """Codes; rho is kept."""
        x = self.residual[lane] if x is None else x
        v = [element * gain for element, gain in zip(x, self.gains)]
        self.rho[lane] = norm_scale(x, v)
        return quantise(v)[0]

    def gated(self, lane, constant, y):
        sigma = self.sigma(lane, constant)
        pairs = zip(y[::2], y[1::2])
        h = [gate(g, u, sigma, self.activation, self.gate_shift) for g, u in pairs]
        return self.norm(lane, h)

    def quantised(self, lane, constant, y, rotated):
        """Codes and kappa."""
        codes, maximum = quantise(rotate(y, self.row[lane]) if rotated else y)
        return codes, product(self.sigma(lane, constant), maximum)
