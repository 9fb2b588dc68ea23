"""The space of decoders: figures are those of the estimate and of a build, choices that do not fit
say why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import sterna_flows
from sterna.decoder.building import check_room
from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.hardware import DecoderHardware, recommended_hardware
from sterna.decoder.lowering import lower_decoder
from sterna.decoder.source import DecoderSource
from sterna_flows.decoder_flow import find_model
from sterna_flows.exploration.decoders import PROMPT, DecoderEvaluation, DecoderJob
from sterna_flows.exploration.sampling import Point
from sterna_flows.exploration.verification import DecoderBuilder, measured_before, verify
from sterna_flows.report_file import read_report
from sterna_hw.base import find_device
from tests.sw.decoder.random_decoder import ON_CHIP, TINY

MODEL = "shakespeare_tiny"


@pytest.mark.parametrize("target", ["xck26", "ecp5-85k"])
def test_recommended_choices_come_first(target: str) -> None:
    source, device = find_model(MODEL), find_device(target)
    assert source is not None
    shape = source.checkpoint.shape
    space = DecoderJob.of(shape, target, device.clock_mhz).space()
    points = space.sweep(0, 40, [])
    design = space.design(points[0])
    assert DecoderHardware(**design["hardware"]) == recommended_hardware(device, shape)
    assert list(space.sweep(7, 2, [])) == list(points[7:9])
    for point in points:
        for name, distribution in space.distributions.items():
            assert distribution._contains(distribution.to_internal_repr(point[name]))


@pytest.mark.parametrize("target", ["xck26", "ecp5-85k"])
def test_figures_are_those_of_estimate_and_build(target: str) -> None:
    source, device = find_model(MODEL), find_device(target)
    assert source is not None
    shape = source.checkpoint.shape
    hardware = recommended_hardware(device, shape)
    outcome = DecoderEvaluation(shape, device, 100.0).evaluate({"hardware": hardware.record()})
    figures = outcome.figures
    assert figures is not None and outcome.excess <= 0
    cost = check_room(lower_decoder(source.checkpoint), hardware, device)
    assert (figures.lut, figures.ff, figures.bram, figures.dsp) == (
        round(cost.lut),
        round(cost.ff),
        cost.bram,
        cost.dsp,
    )
    run = DecoderEstimate(hardware.core(shape), hardware.memory_timing).run(PROMPT, 2)
    assert run.interval is not None
    assert figures.interval == round(run.interval)
    assert figures.latency == round(run.latency)
    assert figures.throughput == pytest.approx(1e8 / figures.interval)


def test_choices_that_do_not_fit_each_other_say_why() -> None:
    source, device = find_model(MODEL), find_device("xck26")
    assert source is not None
    shape = source.checkpoint.shape
    hardware = replace(recommended_hardware(device, shape), tables=4, queries=4)
    outcome = DecoderEvaluation(shape, device, 100.0).evaluate({"hardware": hardware.record()})
    assert outcome.figures is None and "must" in outcome.problem


def test_a_decoder_is_explored(tmp_path: Path) -> None:
    options = {"trials": 24, "objectives": ("throughput", "lut"), "workers": 1}
    found = sterna_flows.explore(MODEL, "xck26", tmp_path, **options)
    assert found.model == MODEL and len(found.frontier) > 1
    assert any(point.outcome.figures is None for point in found.points)
    for option, text in (({"top_k": 1}, "Best classes"), ({"memory": "on-chip"}, "Memory")):
        with pytest.raises(ValueError, match=f"{text} must go with a streaming network"):
            sterna_flows.explore(MODEL, "xck26", tmp_path / "other", **option, **options)


def test_a_point_is_built_synthesised_and_simulated(tmp_path: Path) -> None:
    """The smallest decoder that there is, with memory on the chip, where cycles are exact."""
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    hardware = replace(ON_CHIP, best_count=1)
    evaluation = DecoderEvaluation(TINY, find_device("ecp5-85k"), 125.0)
    point = Point(7, {}, evaluation.evaluate({"hardware": hardware.record()}))
    told: list[str] = []
    builder = DecoderBuilder(source, "ecp5-85k")
    found, failed = verify(builder, [point], tmp_path, told.append)
    assert failed == {} and list(found) == [7]
    assert told == ["Point 7 (1 of 1): build, synthesis, simulation"]
    item, figures = found[7], point.outcome.figures
    assert figures is not None
    assert (item.interval, item.latency) == (figures.interval, figures.latency)
    assert item.words > 0 and item.mismatches == 0
    report = read_report(tmp_path / item.folder)
    assert item.lut == report["resources"]["lut"] > 0 and item.source.startswith("Yosys")
    assert measured_before([point], tmp_path) == found
