"""The deep queue: order, exact cycles, every depth from one row up, back-pressure."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import IntegerRange, queue
from sterna_hw.frame_queue import FrameQueueConfig

from .part_checks import check_part, random_frames

NIBBLE = IntegerRange(-8, 7)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 16])
@pytest.mark.parametrize("style", ["block", "distributed"])
def test_every_depth(rows: int, style: str) -> None:
    config = FrameQueueConfig(11, NIBBLE, 3, rows, style=style)  # type: ignore[arg-type]
    for seed in range(3):
        check_part(config, random_frames(config, 5, seed), seed)


@pytest.mark.parametrize("seed", range(20), ids=lambda seed: f"seed{seed}")
def test_random(seed: int) -> None:
    generator = random.Random(seed)
    config = FrameQueueConfig(
        generator.randrange(1, 30),
        NIBBLE,
        generator.randrange(1, 9),
        generator.randrange(1, 40),
        style=generator.choice(["block", "distributed"]),
    )
    check_part(config, random_frames(config, 4, seed), seed)


def test_holds_its_rows_while_nothing_leaves() -> None:
    config = FrameQueueConfig(1, NIBBLE, 1, 20)
    blocked = queue(1, 1)
    links = [(("deep", "o"), ("slow", "i"))]
    parts = {"deep": config.timing(), "slow": blocked}
    taken = simulate_network(Network(parts, links), 100).transfers["deep", "i"]
    # The slow part takes a beat every other cycle: the queue fills by one beat in two cycles.
    assert np.array_equal(taken[:30], np.arange(30))


@pytest.mark.parametrize("field", ["elements", "count", "rows"])
def test_errors(field: str) -> None:
    fields: dict[str, Any] = {"elements": 4, "count": 1, "rows": 4, field: 0}
    with pytest.raises(ValueError) as error:
        FrameQueueConfig(input_range=NIBBLE, **fields)
    assert str(error.value) == f"{field.capitalize()} must be 1 or more, not 0"
