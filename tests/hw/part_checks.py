"""What every part between streams is held to, in one call.

The part runs in the Amaranth simulator on seeded frames: under a stall profile its output must
equal ``compute`` exactly; unstalled, each transfer must happen in the cycle that its timing says,
difference 0; after a reset in mid-frame it must do all of it again.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sterna.cycles import Network, simulate_network
from sterna_hw.base import Timing
from sterna_hw.beat import beat_count
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import PartRun
from sterna_sim.payloads import frames_to_payloads, payloads_to_frames
from sterna_sim.stalls import PROFILES, StallProfile, find_profile

PROFILE_NAMES = list(PROFILES)


def check_part(config: Any, frames: np.ndarray, seed: int) -> None:
    """Data under stalls, exact cycles without, and recovery from a reset.

    ``config`` names its ends: ``inputs``, ``input_range``, ``input_count``, and so for outputs.
    """
    expected = config.compute(frames)
    assert expected.shape == (len(frames), config.outputs)
    profile = PROFILE_NAMES[seed % len(PROFILE_NAMES)]
    np.testing.assert_array_equal(
        output_frames(config, run_frames(config, frames, profile, seed)), expected
    )

    free = run_frames(config, frames, "none", seed)
    np.testing.assert_array_equal(output_frames(config, free), expected)
    assert_cycles(config.timing(), free)

    reset_at = random.Random(seed).randrange(3, 40)
    again = run_frames(config, frames, profile, seed, reset_at=reset_at)
    np.testing.assert_array_equal(output_frames(config, again), expected)


def check_ports(
    config: Any, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray], seed: int
) -> None:
    """The same for a part with several inputs or outputs, whose ``port_shapes`` says what they
    carry: frames given to and expected from each."""

    def payloads(port: str, frames: np.ndarray) -> list[int]:
        shape = config.port_shapes[port]
        return frames_to_payloads(frames, shape.values, shape.count)

    given = {port: payloads(port, frames) for port, frames in inputs.items()}
    wanted = {port: payloads(port, frames) for port, frames in outputs.items()}
    counts = {port: len(beats) for port, beats in wanted.items()}
    profile = PROFILE_NAMES[seed % len(PROFILE_NAMES)]
    reset_at = random.Random(seed).randrange(3, 40)
    for stalls, reset in ((profile, None), ("none", None), (profile, reset_at)):
        run = run_part(config.create(), given, counts, stalls, seed, reset_at=reset)
        assert {port: run.payloads(port) for port in wanted} == wanted
        if stalls == "none":
            assert_cycles(config.timing(), run)


def run_frames(
    config: Any, frames: np.ndarray, profile: str | StallProfile, seed: int, **options: Any
) -> PartRun:
    beats = frames_to_payloads(frames, config.input_range, config.input_count)
    count = len(frames) * beat_count(config.outputs, config.output_count)
    return run_part(config.create(), {"i": beats}, {"o": count}, profile, seed, **options)


def run_reloaded(
    config: Any, rows: Sequence[int], frames: np.ndarray, seed: int, profile: str = "none"
) -> PartRun:
    """Writes all rows through ``load``, and only then offers the frames."""

    def after_loading(generator: random.Random, end: str) -> Iterator[bool]:
        wait = itertools.repeat(False, len(rows) + 2 if end == "source" else 0)
        return itertools.chain(wait, find_profile(profile).rule(generator, end))

    controls = {
        "load.enable": [1] * len(rows) + [0],
        "load.address": list(range(len(rows))),
        "load.data": list(rows),
    }
    loading = StallProfile("loading", "input waits for the reload", after_loading)
    return run_frames(config, frames, loading, seed, controls=controls)


def output_frames(config: Any, run: PartRun) -> np.ndarray:
    return payloads_to_frames(
        run.payloads(), config.output_range, config.output_count, config.outputs
    )


def assert_cycles(timing: Timing, run: PartRun) -> None:
    """The transfers of an unstalled run happened exactly when the timing says."""
    beats = {("part", port): len(run.cycles(port)) for port in timing.inputs}
    times = simulate_network(Network({"part": timing}, []), beats).transfers
    for port in (*timing.inputs, *timing.outputs):
        assert run.cycles(port) == times["part", port].tolist(), port


def random_frames(config: Any, frame_count: int, seed: int) -> np.ndarray:
    """Frames over the whole input range, with its ends more often than chance would have them."""
    generator = np.random.default_rng(seed)
    low, high = config.input_range.low, config.input_range.high
    frames = generator.integers(low, high + 1, (frame_count, config.inputs))
    ends = generator.choice([low, high], frames.shape)
    return np.where(generator.random(frames.shape) < 0.15, ends, frames)
