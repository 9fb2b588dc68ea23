"""The queue in memory, behind a pipeline of any length: nothing lost, full rate, exact cycles."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from sterna_hw.base import find_device
from sterna_hw.credit import delay
from sterna_hw.memory_queue import MemoryQueueConfig
from sterna_sim.part_bench import run_part
from sterna_sim.stalls import PROFILES

from .part_checks import assert_cycles

STYLES = ("distributed", "block", "ultra")


class Pipeline(wiring.Component):
    """Adds one, ``latency`` cycles later, without enables."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: MemoryQueueConfig, latency: int) -> None:
        self.config, self.latency = config, latency
        signature = stream.Signature(config.shape)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self.config.create()
        result: Value = (self.i.payload + 1)[: len(self.i.payload)]
        m.d.comb += [
            self.i.ready.eq(queue.available),
            queue.take.eq(queue.available & self.i.valid),
            queue.push.eq(delay(m, queue.take, self.latency, reset_less=False)),
            queue.result.eq(delay(m, result, self.latency)),
        ]
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return m


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("latency", "places"), [(0, 1), (0, 3), (3, 2), (5, 12)])
def test_no_result_is_lost(latency: int, places: int, style, profile: str) -> None:
    config = MemoryQueueConfig(8, places, style)
    beats = [random.Random(latency).getrandbits(8) for _ in range(50)]
    run = run_part(Pipeline(config, latency), {"i": beats}, {"o": 50}, profile, latency)
    assert run.payloads() == [(beat + 1) % 256 for beat in beats]


@pytest.mark.parametrize("latency", range(4))
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("places", [1, 2, 3, 7, 20])
def test_cycles_are_the_model_s(latency: int, style, places: int) -> None:
    config = MemoryQueueConfig(8, places, style)
    run = run_part(Pipeline(config, latency), {"i": list(range(40))}, {"o": 40})
    assert_cycles(config.timing(pipeline=latency), run)


@pytest.mark.parametrize("style", STYLES)
def test_sustains_a_beat_a_cycle(style) -> None:
    config = MemoryQueueConfig(8, 8, style)
    run = run_part(Pipeline(config, 0), {"i": list(range(30))}, {"o": 30})
    assert run.cycles("o") == [config.latency + beat for beat in range(30)]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reset_at", range(2, 9))
def test_reset_drops_what_is_inside(reset_at: int, style) -> None:
    config = MemoryQueueConfig(8, 5, style)
    beats = {"i": list(range(20))}
    run = run_part(Pipeline(config, 3), beats, {"o": 20}, "one_in_eight", 3, reset_at=reset_at)
    assert run.payloads() == list(range(1, 21))


def test_costs_less_than_a_queue_with_a_way_around() -> None:
    device = find_device("xck26")
    config = MemoryQueueConfig(512, 32)
    assert config.cost(device).lut < 512
    assert MemoryQueueConfig(576, 4096, "ultra").cost(device).uram == 8


def test_errors() -> None:
    with pytest.raises(ValueError) as error:
        MemoryQueueConfig(8, 0)
    assert str(error.value) == "Places must be 1 or more, not 0"
