"""Trits in bytes: known bytes, the inverse, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from sterna_hw.trits import pack_trits, unpack_trits


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], b""),
        ([-1, -1, -1, -1, -1], b"\x00"),
        ([1, 1, 1, 1, 1], bytes([242])),
        ([1, -1, -1, -1, -1], bytes([2])),
        ([-1, -1, -1, -1, 1], bytes([162])),
        ([0, 1, -1, 0, 1], bytes([1 + 2 * 3 + 0 * 9 + 1 * 27 + 2 * 81])),
        ([1], bytes([2 + 3 + 9 + 27 + 81])),  # the rest of a byte is weight 0
        ([0] * 6, bytes([121, 121])),
    ],
)
def test_known_bytes(values: list[int], expected: bytes) -> None:
    assert pack_trits(np.array(values, dtype=np.int8)) == expected
    np.testing.assert_array_equal(unpack_trits(expected, len(values)), values)


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_unpacks_what_was_packed(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(-1, 2, int(generator.integers(1, 3000)))
    packed = pack_trits(values.reshape(1, -1))
    assert len(packed) == -(-len(values) // 5)
    unpacked = unpack_trits(packed, len(values))
    assert unpacked.dtype == np.int8
    np.testing.assert_array_equal(unpacked, values)
    assert not unpack_trits(packed, 5 * len(packed))[len(values) :].any()


def test_every_byte_that_occurs() -> None:
    for value in range(243):
        trits = unpack_trits(bytes([value]), 5)
        assert sum((int(trit) + 1) * 3**place for place, trit in enumerate(trits)) == value
        assert pack_trits(trits) == bytes([value])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pack_trits(np.array([0, 2])), "Trits must be -1, 0 or 1, not 2"),
        (lambda: pack_trits(np.array([-300])), "Trits must be -1, 0 or 1, not -300"),
        (lambda: unpack_trits(b"\xf3", 5), "Bytes of trits must be at most 242, not 243"),
        (
            lambda: unpack_trits(b"\x00", 6),
            "Count of trits must be 0 to 5, which the bytes hold, not 6",
        ),
    ],
)
def test_errors(call, message: str) -> None:
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
