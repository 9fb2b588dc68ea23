"""The credit queue behind a pipeline of any length: nothing lost, full rate, exact cycles."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from sterna_hw.credit import CreditQueueConfig, delay
from sterna_sim.part_bench import run_part
from sterna_sim.stalls import PROFILES

from .part_checks import assert_cycles


class Pipeline(wiring.Component):
    """Adds one, ``latency`` cycles later, without enables."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: CreditQueueConfig) -> None:
        self.config = config
        signature = stream.Signature(config.shape)
        super().__init__({"i": In(signature), "o": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self.config.create()
        result: Value = (self.i.payload + 1)[: len(self.i.payload)]
        m.d.comb += [
            self.i.ready.eq(queue.available),
            queue.take.eq(queue.available & self.i.valid),
            queue.push.eq(delay(m, queue.take, self.config.latency, reset_less=False)),
            queue.result.eq(delay(m, result, self.config.latency)),
            self.o.payload.eq(queue.o.payload),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
        ]
        return m


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("latency", "places"), [(0, 0), (1, 1), (3, 2), (3, 0), (5, 12)])
def test_no_result_is_lost(latency: int, places: int, profile: str) -> None:
    config = CreditQueueConfig(8, latency, places)
    beats = [random.Random(latency).getrandbits(8) for _ in range(50)]
    run = run_part(Pipeline(config), {"i": beats}, {"o": 50}, profile, latency)
    assert run.payloads() == [(beat + 1) % 256 for beat in beats]


@pytest.mark.parametrize("latency", range(5))
@pytest.mark.parametrize("places", [0, 1, 2, 3, 7])
def test_cycles_are_the_model_s(latency: int, places: int) -> None:
    config = CreditQueueConfig(8, latency, places)
    run = run_part(Pipeline(config), {"i": list(range(30))}, {"o": 30})
    assert_cycles(config.timing(), run)


@pytest.mark.parametrize("latency", range(5))
def test_default_places_sustain_a_beat_a_cycle(latency: int) -> None:
    run = run_part(Pipeline(CreditQueueConfig(8, latency)), {"i": list(range(30))}, {"o": 30})
    assert run.cycles("o") == [latency + 1 + beat for beat in range(30)]


@pytest.mark.parametrize("reset_at", range(2, 9))
def test_reset_drops_what_is_inside(reset_at: int) -> None:
    config = CreditQueueConfig(8, 3)
    run = run_part(
        Pipeline(config), {"i": list(range(20))}, {"o": 20}, "one_in_eight", 3, reset_at=reset_at
    )
    assert run.payloads() == list(range(1, 21))


@pytest.mark.parametrize(
    ("latency", "places", "message"),
    [
        (-1, 1, "Latency must be 0 or more, not -1"),
        (1, -2, "Places must be 0 or more, not -2"),
    ],
)
def test_errors(latency: int, places: int, message: str) -> None:
    with pytest.raises(ValueError) as error:
        CreditQueueConfig(8, latency, places)
    assert str(error.value) == message
