"""Windows of a stream: side by side, spread evenly, refused when there is none."""

import numpy as np
import pytest

from sterna_models.data.windows import window_starts


@pytest.mark.parametrize(
    ("tokens", "length", "limit", "expected"),
    [
        (9, 4, None, [0, 4]),
        (8, 4, None, [0]),  # the last window would lack the token after it
        (101, 10, 3, [0, 30, 60]),
        (101, 10, 1, [0]),
        (101, 10, 99, list(range(0, 100, 10))),
    ],
)
def test_starts(tokens, length, limit, expected):
    assert window_starts(tokens, length, limit).tolist() == expected


@pytest.mark.parametrize("seed", range(5), ids=lambda seed: f"seed{seed}")
def test_windows_never_overlap_and_stay_inside(seed):
    random = np.random.default_rng(seed)
    length, limit = int(random.integers(1, 50)), int(random.integers(1, 40))
    tokens = int(random.integers(length + 1, 2000))
    starts = window_starts(tokens, length, limit)
    assert (np.diff(starts) >= length).all()
    assert 0 <= starts[0] and starts[-1] + length + 1 <= tokens


@pytest.mark.parametrize(
    ("tokens", "limit", "message"),
    [
        (10, None, "Stream must hold more than 10 tokens, not 10"),
        (50, 0, "Limit of windows must be 1 or more, not 0"),
    ],
)
def test_refuses(tokens, limit, message):
    with pytest.raises(ValueError, match=message):
        window_starts(tokens, 10, limit)
