"""The builder: scales are checked as the network's number type holds them."""

from __future__ import annotations

import numpy as np
import pytest

from sterna.source.builder import SourceBuilder

LOST = "must be finite and above zero as float32, not"


def builder() -> tuple[SourceBuilder, str]:
    made = SourceBuilder("net", "float32")
    return made, made.input("x", (4,))


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (1e-60, f"scale {LOST} 1e-60"),
        (1e60, f"scale {LOST} 1e+60"),
        (np.array([0.5, 0.5, 1e-60, 0.5]), f"scale {LOST} 1e-60"),
        (0.0, "scale must be finite and above zero, not 0.0"),
        (np.float32(-0.25), "scale must be finite and above zero, not -0.25"),
        (np.inf, "scale must be finite and above zero, not inf"),
        (np.nan, "scale must be finite and above zero, not nan"),
    ],
)
def test_scales_that_a_float32_cannot_hold_are_refused(scale, message: str) -> None:
    made, x = builder()
    made.quantise("quant", x, scale, 0, 8, True, False, "ROUND")
    weights = np.ones((4, 4), dtype=np.int64)
    made.linear("fc", x, weights, np.reshape(scale, (-1, 1)), None)
    found = {problem.layer: problem.reason for problem in made.problems}
    assert found == {"quant": message, "fc": f"weight {message}"}


@pytest.mark.parametrize("scale", [1e-38, 0.5, 1e38])
def test_scales_that_it_can_hold_are_taken(scale: float) -> None:
    made, x = builder()
    made.quantise("quant", x, scale, 0, 8, True, False, "ROUND")
    made.linear("fc", x, np.ones((4, 4), dtype=np.int64), scale, None)
    assert made.problems == []
