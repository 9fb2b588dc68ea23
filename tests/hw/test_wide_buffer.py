"""The wide queue: order under every stall profile, exact cycles, room, reset, errors, cost."""

from __future__ import annotations

import random

import pytest

from sterna_hw.base import find_device
from sterna_hw.credit import CreditQueueConfig
from sterna_hw.stream_buffer import StreamBufferConfig
from sterna_hw.wide_buffer import WideBufferConfig
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import BenchError
from sterna_sim.stalls import PROFILES

from .part_checks import assert_cycles


@pytest.mark.parametrize("places", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("profile", PROFILES)
def test_keeps_every_beat_in_order(profile: str, places: int) -> None:
    beats = [random.Random(places).getrandbits(130) for _ in range(60)]
    run = run_part(WideBufferConfig(130, places).create(), {"i": beats}, {"o": 60}, profile, places)
    assert run.payloads() == beats


@pytest.mark.parametrize("places", [2, 3, 4, 9])
def test_cycles_are_the_model_s_and_those_of_a_stream_buffer(places: int) -> None:
    config = WideBufferConfig(4, places)
    beats = [beat % 16 for beat in range(30)]
    run = run_part(config.create(), {"i": beats}, {"o": 30})
    assert_cycles(config.timing(), run)
    assert config.timing() == StreamBufferConfig(4, places).timing()


@pytest.mark.parametrize("places", [2, 3, 6, 8])
def test_holds_as_many_beats_as_it_has_places(places: int) -> None:
    # Nobody drains it.
    config = WideBufferConfig(8, places)
    with pytest.raises(BenchError, match=rf"i took {places} of {places + 4}$"):
        run_part(config.create(), {"i": list(range(places + 4))}, {}, max_cycles=4 * places + 8)


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_reset_in_mid_frame_empties_it(seed: int) -> None:
    beats = [random.Random(seed).getrandbits(13) for _ in range(20)]
    config = WideBufferConfig(13, 4)
    run = run_part(config.create(), {"i": beats}, {"o": 20}, "bursts", seed, reset_at=5 + seed)
    assert run.payloads() == beats


def test_two_places_are_the_fewest() -> None:
    with pytest.raises(ValueError, match=r"^Places must be 2 or more, not 1$"):
        WideBufferConfig(8, 1)


def test_no_payload_bit_has_a_flip_flop() -> None:
    device = find_device("ecp5-85k")
    narrow, wide = (WideBufferConfig(width, 4).cost(device) for width in (8, 400))
    assert narrow.ff == wide.ff and narrow.lut < wide.lut
    assert CreditQueueConfig(400, 2, is_wide=True).buffer == WideBufferConfig(400, 4)
