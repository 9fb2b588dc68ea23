"""Ternary weights in memory: five to a byte, 1.6 bits each.

A byte holds five trits as the digits of a number in base 3, the first trit as the lowest digit; the
digit of a weight w is w + 1. Five digits make a number up to 242, so 13 of the 256 values of a byte
never occur. A list of weights that does not fill its last byte is filled up with weight 0.

This is plain numpy. Where a matrix's weights lie in an image is the business of `trit_layout`.
"""

from __future__ import annotations

import numpy as np

__all__ = ["TRITS_PER_BYTE", "pack_trits", "unpack_trits"]

TRITS_PER_BYTE = 5
LARGEST_BYTE = 3**TRITS_PER_BYTE - 1


def pack_trits(values: np.ndarray) -> bytes:
    """Bytes of weights in {-1, 0, 1} (any integer type and shape, read row by row).

    Raises
    ------
    ValueError
        If a weight is another number.
    """
    flat = np.asarray(values).ravel()
    strays = (flat < -1) | (flat > 1)
    if strays.any():
        raise ValueError(f"Trits must be -1, 0 or 1, not {flat[strays][0]}")
    count = -(-len(flat) // TRITS_PER_BYTE)
    digits = np.ones(count * TRITS_PER_BYTE, dtype=np.uint8)
    digits[: len(flat)] = flat + 1
    digits = digits.reshape(count, TRITS_PER_BYTE)
    packed = np.zeros(count, dtype=np.uint8)
    for place in reversed(range(TRITS_PER_BYTE)):
        packed = packed * np.uint8(3) + digits[:, place]
    return packed.tobytes()


def unpack_trits(packed: bytes | np.ndarray, count: int) -> np.ndarray:
    """The first ``count`` weights (int8) of packed bytes.

    Raises
    ------
    ValueError
        If there are fewer, or a byte is greater than 242.
    """
    rest = np.frombuffer(packed, dtype=np.uint8) if isinstance(packed, bytes) else packed.ravel()
    if not 0 <= count <= len(rest) * TRITS_PER_BYTE:
        most = len(rest) * TRITS_PER_BYTE
        raise ValueError(f"Count of trits must be 0 to {most}, which the bytes hold, not {count}")
    if len(rest) and int(rest.max()) > LARGEST_BYTE:
        raise ValueError(f"Bytes of trits must be at most {LARGEST_BYTE}, not {int(rest.max())}")
    digits = np.empty((len(rest), TRITS_PER_BYTE), dtype=np.int8)
    for place in range(TRITS_PER_BYTE):
        digits[:, place] = rest % 3
        rest = rest // np.uint8(3)
    return digits.ravel()[:count] - np.int8(1)
