"""Fork: every reader gets every beat, exact cycles, stalls."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna_hw.base import IntegerRange
from sterna_hw.fork import ForkConfig

from .part_checks import check_ports

BYTE = IntegerRange(-128, 127)


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    config = ForkConfig(
        generator.randint(1, 9), BYTE, generator.randint(1, 4), generator.randint(1, 4)
    )
    frames = np.random.default_rng(seed).integers(-128, 128, (9, config.elements))
    check_ports(config, {"i": frames}, dict.fromkeys(config.outputs, frames), seed)


@pytest.mark.parametrize("field", ["elements", "count", "readers"])
def test_refuses(field: str) -> None:
    fields: dict[str, Any] = {"elements": 1, "count": 1, "readers": 1, field: 0}
    with pytest.raises(ValueError, match=f"{field.capitalize()} must be 1 or more, not 0"):
        ForkConfig(input_range=BYTE, **fields)
