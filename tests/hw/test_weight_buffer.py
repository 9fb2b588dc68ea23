"""The weight buffer: rows in order for ever, exact cycles, restart, reload between passes."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from sterna.cycles import Network, simulate_network
from sterna_hw.base import IntegerRange, Process, Step, Timing, find_device
from sterna_hw.weight_buffer import WeightBufferConfig
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import rows_to_payloads
from sterna_sim.stalls import PROFILES


def random_config(seed: int, **fields: Any) -> tuple[WeightBufferConfig, np.ndarray]:
    generator = random.Random(seed)
    low = generator.choice([0, -3])
    elements = IntegerRange(low, generator.randrange(1, 27))
    rows, count = generator.randrange(1, 9), generator.randrange(1, 5)
    contents = np.random.default_rng(seed).integers(low, elements.high + 1, (rows, count))
    fields.setdefault("style", generator.choice(["block", "distributed"]))
    config = WeightBufferConfig(
        "weights", rows, elements, count, read_latency=generator.choice([1, 2]), **fields
    )
    return config, contents


def filled(config: WeightBufferConfig, contents: np.ndarray) -> WeightBufferConfig:
    return WeightBufferConfig(**{**vars(config), "words": config.pack(contents)})


def payloads(config: WeightBufferConfig, contents: np.ndarray, beats: int) -> list[int]:
    passes = np.tile(contents, (-(-beats // len(contents)), 1))[:beats]
    return rows_to_payloads(passes, config.element_range, config.row_count)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_plays_its_rows(seed: int, profile: str) -> None:
    config, contents = random_config(seed, reloadable=True)
    config = filled(config, contents)
    np.testing.assert_array_equal(config.compute(2), np.tile(contents, (2, 1)))
    reset_at = 4 + seed if seed % 2 else None
    run = run_part(
        config.create(), {}, {"o": 40}, profile, seed, reset_at=reset_at, linger_cycles=0
    )
    assert run.payloads() == payloads(config, contents, 40)


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_cycles_are_the_model_s(seed: int) -> None:
    config, contents = random_config(seed, reloadable=True)
    config = filled(config, contents)
    run = run_part(config.create(), {}, {"o": 30}, linger_cycles=0)
    # A consumer that takes as many rows as its other input has beats, so that the model ends.
    consumer = Timing(
        ("i", "go"), ("o",), (Process("take", (Step(take=("i", "go"), give=(("o", 1),)),)),)
    )
    network = Network(
        {"buffer": config.timing(), "consumer": consumer}, [(("buffer", "o"), ("consumer", "i"))]
    )
    times = simulate_network(network, 30).transfers
    assert run.cycles("o") == times["buffer", "o"].tolist()
    assert run.cycles("o")[0] == config.read_latency + 2


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_reload_then_restart_plays_the_new_rows_only(seed: int) -> None:
    config, contents = random_config(seed, reloadable=True)
    words = config.pack(contents)
    rows = len(words)
    if seed % 2:
        config = filled(config, contents[::-1])
    # Held in restart until all rows are there: nothing of the old contents may come out.
    run = run_part(
        config.create(),
        {},
        {"o": 3 * rows},
        "ready_only_when_valid",
        seed,
        linger_cycles=0,
        controls={
            "load.enable": [0] * 5 + [1] * rows + [0],
            "load.address": [0] * 5 + list(range(rows)),
            "load.data": [0] * 5 + list(words),
            "restart": [1] * (6 + rows) + [0],
        },
    )
    assert run.payloads() == payloads(config, contents, 3 * rows)


def test_restart_drops_what_was_read_ahead() -> None:
    config = WeightBufferConfig("weights", 5, IntegerRange(0, 7), 1, range(5))
    run = run_part(
        config.create(), {}, {"o": 16}, linger_cycles=0, controls={"restart": [0] * 9 + [1, 0]}
    )
    # Six rows, offered from cycle 4 on, leave up to cycle 9, then row 0 again.
    rows = [payload & 7 for payload in run.payloads()]
    assert rows == [0, 1, 2, 3, 4, 0] + [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    assert run.cycles("o")[6] == 10 + config.read_latency + 2


FIELDS = {
    "name": "weights",
    "row_count": 2,
    "element_range": IntegerRange(0, 26),
    "count": 3,
    "words": (0, 0),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row_count": 0}, "Row count must be 1 or more, not 0"),
        ({"count": 0}, "Count must be 1 or more, not 0"),
        ({"words": None}, "Memory weights must have contents or be reloadable"),
        ({"words": (0,)}, "Contents of memory weights must be 2 rows, not 1"),
        ({"words": (0, 1 << 15)}, "Rows of memory weights must be 15-bit numbers, not 32768"),
        ({"name": "0"}, "Name of a memory must be an identifier, not '0'"),
    ],
)
def test_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        WeightBufferConfig(**{**FIELDS, **change})
    assert str(error.value) == message


def test_pack_refuses_what_does_not_fit() -> None:
    config = WeightBufferConfig(**FIELDS)
    with pytest.raises(ValueError) as error:
        config.pack(np.zeros((2, 4)))
    assert str(error.value) == "Rows of weights must have shape (2, 3), not (2, 4)"
    with pytest.raises(ValueError) as error:
        config.pack(np.array([[0, 1, 2], [3, 27, 4]]))
    assert str(error.value) == "Elements of weights must be within [0, 26], not 27"


def test_cost_counts_the_memory() -> None:
    config = WeightBufferConfig("weights", 512, IntegerRange(0, 26), 14, (0,) * 512)
    assert config.cost(find_device("ecp5-85k")).bram == 2
