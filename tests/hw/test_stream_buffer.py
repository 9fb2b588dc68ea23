"""The queue: order, rate and fill under every stall profile; exact cycles; errors."""

from __future__ import annotations

import random

import pytest

from sterna_hw.base import IntegerRange, find_device
from sterna_hw.stream_buffer import StreamBufferConfig
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import BenchError
from sterna_sim.stalls import PROFILES

from .part_checks import assert_cycles


@pytest.mark.parametrize("places", [1, 2, 3, 4, 5, 8, 17])
@pytest.mark.parametrize("profile", PROFILES)
def test_keeps_every_beat_in_order(profile: str, places: int) -> None:
    beats = [random.Random(places).getrandbits(9) for _ in range(60)]
    run = run_part(StreamBufferConfig(9, places).create(), {"i": beats}, {"o": 60}, profile, places)
    assert run.payloads() == beats


@pytest.mark.parametrize("places", [1, 2, 3, 4, 9])
def test_cycles_are_the_model_s(places: int) -> None:
    config = StreamBufferConfig(4, places)
    beats = [beat % 16 for beat in range(30)]
    run = run_part(config.create(), {"i": beats}, {"o": 30})
    assert_cycles(config.timing(), run)
    assert run.cycles("o") == [1 + beat * (2 if places == 1 else 1) for beat in range(30)]


@pytest.mark.parametrize("places", [1, 2, 3, 6])
def test_holds_as_many_beats_as_it_has_places(places: int) -> None:
    # Nobody drains it.
    config = StreamBufferConfig(8, places)
    with pytest.raises(BenchError, match=rf"i took {places} of {places + 4}$"):
        run_part(config.create(), {"i": list(range(places + 4))}, {}, max_cycles=4 * places + 8)


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_reset_in_mid_frame_empties_it(seed: int) -> None:
    config = StreamBufferConfig.of_beats(IntegerRange(-3, 4), 3, places=4)
    beats = [random.Random(seed).getrandbits(13) for _ in range(20)]
    run = run_part(config.create(), {"i": beats}, {"o": 20}, "bursts", seed, reset_at=5 + seed)
    assert run.payloads() == beats


def test_places_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"^Places must be 1 or more, not 0$"):
        StreamBufferConfig(8, 0)


def test_cost_grows_with_width_and_places() -> None:
    device = find_device("ecp5-85k")
    small, wide, deep = (
        StreamBufferConfig(*arguments).cost(device) for arguments in ((8, 4), (16, 4), (8, 40))
    )
    assert small.lut < wide.lut and small.lut < deep.lut
    assert small.ff < wide.ff
