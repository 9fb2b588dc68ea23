"""Frames of several named inputs as payloads, and back; and what every kernel part is held to."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
from amaranth.lib import data

from sterna_hw.base import IntegerRange
from sterna_hw.kernel import KernelConfig
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import PartRun
from sterna_sim.payloads import frames_to_payloads, split_payload

from ..part_checks import PROFILE_NAMES, assert_cycles

Frames = dict[str, np.ndarray]


def random_frames(config: KernelConfig, frame_count: int, seed: int) -> Frames:
    """Over the whole ranges, with the ends more often than chance would have them."""
    generator = np.random.default_rng(seed)
    frames = {}
    for name, values in config.ranges.items():
        length = config.beats if name in config.common else config.elements
        drawn = generator.integers(values.low, values.high + 1, (frame_count, length))
        ends = generator.choice([values.low, values.high], drawn.shape)
        frames[name] = np.where(generator.random(drawn.shape) < 0.2, ends, drawn)
    return frames


def expected_outputs(config: KernelConfig, frames: Frames) -> Frames:
    """By the function on Python integers, element by element."""
    frame_count = len(next(iter(frames.values())))
    found = {
        name: np.zeros((frame_count, config.elements), dtype=np.int64)
        for name in config.result_ranges
    }
    for frame in range(frame_count):
        for element in range(config.elements):
            values = {
                name: int(
                    array[frame, element // config.count if name in config.common else element]
                )
                for name, array in frames.items()
            }
            ordered = [values[name] for name in config.function.inputs]
            given: Any = config.function.function(*ordered, **config.constants)
            if isinstance(given, tuple):
                given = {f"result{place}": value for place, value in enumerate(given)}
            elif not isinstance(given, dict):
                given = {"data": given}
            for name, value in given.items():
                found[name][frame, element] = value
    return found


def to_payloads(config: KernelConfig, frames: Frames) -> list[int]:
    """Of the stream ``i``: each input's beats at the place of its field."""
    layout, payloads = config.input_layout, None
    for name, array in frames.items():
        values = config.ranges[name]
        count = 1 if name in config.common else config.count
        beats = frames_to_payloads(array, values, count)
        field = layout[name if len(frames) > 1 else "data"]
        mask = (1 << field.width) - 1
        placed = [(beat & mask) << field.offset for beat in beats]
        payloads = placed if payloads is None else [a | b for a, b in zip(payloads, placed)]
    assert payloads is not None
    mark = 1 << layout["last"].offset
    return [
        payload | (mark if number % config.beats == config.beats - 1 else 0)
        for number, payload in enumerate(payloads)
    ]


def from_payloads(config: KernelConfig, payloads: list[int]) -> Frames:
    """Of the stream ``o``; the place of ``last`` and the zeros behind a frame are checked."""
    layout: data.StructLayout = config.output_layout
    results: Mapping[str, IntegerRange] = config.result_ranges
    found = {}
    for name, values in results.items():
        field = layout[name if len(results) > 1 else "data"]
        rows = []
        for number, payload in enumerate(payloads):
            elements, _ = split_payload(payload >> field.offset, values, config.count)
            rows.append(elements)
            is_last = bool(payload >> layout["last"].offset & 1)
            assert is_last == (number % config.beats == config.beats - 1)
        frames = np.array(rows, dtype=np.int64).reshape(-1, config.beats * config.count)
        assert not frames[:, config.elements :].any()
        found[name] = frames[:, : config.elements]
    return found


def run(config: KernelConfig, frames: Frames, profile: str, seed: int, **options: Any) -> PartRun:
    payloads = to_payloads(config, frames)
    return run_part(
        config.create(), {"i": payloads}, {"o": len(payloads)}, profile, seed, **options
    )


def assert_equal(found: Frames, expected: Frames) -> None:
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], name)


def check_kernel_part(config: KernelConfig, seed: int, frame_count: int = 4) -> None:
    """Data under stalls, exact cycles without, recovery from a reset, arrays as integers."""
    frames = random_frames(config, frame_count, seed)
    expected = expected_outputs(config, frames)
    computed = config.compute(*frames.values())
    if isinstance(computed, tuple):
        computed = {f"result{place}": array for place, array in enumerate(computed)}
    elif not isinstance(computed, dict):
        computed = {"data": computed}
    assert_equal(computed, expected)

    free = run(config, frames, "none", seed)
    assert_equal(from_payloads(config, free.payloads()), expected)
    assert_cycles(config.timing(), free)
    profile = PROFILE_NAMES[seed % len(PROFILE_NAMES)]
    reset_at = random.Random(seed).randrange(3, 40)
    stalled = run(config, frames, profile, seed, reset_at=reset_at)
    assert_equal(from_payloads(config, stalled.payloads()), expected)
