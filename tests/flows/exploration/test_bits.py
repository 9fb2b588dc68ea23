"""Exploring precisions: figures are measured and estimated as said, bad questions are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import sterna_flows
from sterna.building import prepare
from sterna.ir import parse_graph
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.queues import size_queues
from sterna_flows.cli import run
from sterna_flows.models import load_model
from sterna_hw.base import find_device
from sterna_models import zoo

MODEL, TARGET = "digits_int4_mlp", "xck26"


def test_points_are_measured_and_estimated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = sterna_flows.explore_bits(MODEL, TARGET, tmp_path / "api", budgets=2, interval=100)
    graph = load_model(MODEL)
    inputs, labels = zoo.test_set(MODEL)
    assert found.graphs[0] == graph and found.points[0].method == "as it is"
    assert found.samples == len(labels) // 2
    for point, variant in zip(found.points, found.graphs):
        hits = np.asarray(variant.run(inputs[1::2])).argmax(axis=1) == labels[1::2]
        assert point.accuracy == hits.mean()
        assert point.figures.interval <= 100
    trits = [point.trits for point in found.points]
    assert trits == sorted(trits, reverse=True)
    assert found.points[-1].figures.lut < found.points[0].figures.lut
    # Other layers being as they are, fewer planes disturb more.
    for known in found.sensitivities.values():
        assert known[1] > known[2] > known[3] == 0
    device, last = find_device(TARGET), prepare(found.graphs[-1])
    foldings = Planner(last, device).plan(100)
    queues = size_queues(last, device, foldings)
    mapped = map_graph(last, device, foldings, queues=queues)
    assert found.points[-1].figures.lut == round(mapped.accelerator.cost(device).lut)
    record = json.loads((tmp_path / "api" / "bits.json").read_text())
    assert [row["accuracy"] for row in record["points"]] == [p.accuracy for p in found.points]
    text = (tmp_path / "api" / f"{len(found.points) - 1:02d}.sterna").read_text()
    assert parse_graph(text) == found.graphs[-1]
    arguments = ["explore", MODEL, "-t", TARGET, "--bits", "--budgets", "2", "--interval", "100"]
    assert run([*arguments, "-o", str(tmp_path / "command")]) == 0
    output = capsys.readouterr().out
    for point in found.points:
        assert f"{point.accuracy:.2%}" in output and f"{point.trits:,}" in output


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("can_intrusion_mlp", {}, "Network can_intrusion_mlp must have a layer whose weights take"),
        (MODEL, {"budgets": 0}, "Budgets must be 1 or more, not 0"),
        (MODEL, {"data": (np.zeros((3, 64)), np.zeros(2))}, "Data must be two samples or more"),
        (MODEL, {"interval": 1}, "Interval of "),
        (MODEL, {"clock_mhz": 0.0}, "Clock must be above 0 MHz, not 0.0"),
    ],
)
def test_bad_questions_are_refused(tmp_path: Path, model: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sterna_flows.explore_bits(model, TARGET, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
