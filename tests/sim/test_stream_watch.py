"""The watch sees every stream of an accelerator, in the cycles of the model, after a reset too."""

from __future__ import annotations

import numpy as np

from sterna.cycles import Network, simulate_network
from sterna_sim.axi_words import expected_words
from sterna_sim.design_description import FrameShape
from sterna_sim.stream_watch import watch_streams

from ..hw.toy_network import random_toy


def test_every_stream_in_its_cycle() -> None:
    toy = random_toy(3)
    frames = toy.random_frames(np.random.default_rng(3), 2)
    stalled, free = watch_streams(toy.config, frames, ["one_in_eight", "none"], 5)
    edge = toy.config.output_edge
    shape = FrameShape(edge.elements, edge.values, edge.count)
    for run in (stalled, free):
        assert run.violations == []
        assert [word for _, word in run.given] == expected_words(toy.compute(frames), shape)
    parts, links = toy.config.network()
    beats = {("input_edge", "i"): toy.config.input_edge.beats * len(frames)}
    times = simulate_network(Network(parts, links), beats).transfers
    assert list(free.streams)[0] == ("input_edge", "o")
    assert list(free.streams)[-1] == ("output_edge", "o")
    for stream, seen in free.streams.items():
        assert [cycle for cycle, _ in seen] == times[stream].tolist(), stream
    assert free.taken == times["input_edge", "i"].tolist()
    assert stalled.given[-1][0] > free.given[-1][0]


def test_what_does_not_come_is_missing() -> None:
    toy = random_toy(3)
    frames = toy.random_frames(np.random.default_rng(3), 2)
    (run,) = watch_streams(toy.config, frames, ["none"], max_cycles=3)
    assert run.given == [] and run.taken
