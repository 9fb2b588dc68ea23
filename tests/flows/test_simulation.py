"""`sterna sim` on a small design: equality, the report, inputs of all kinds, a planted error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import sterna_flows
from sterna.design import Design
from sterna_flows.cli import run
from sterna_flows.models import load_model, sample_inputs
from sterna_flows.report_file import read_report
from sterna_flows.simulation import failures
from sterna_models import zoo

MODEL = "digits_int4_mlp"


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    out = tmp_path_factory.mktemp("built") / "out"
    return sterna_flows.build(load_model(MODEL), target="ecp5-25k", out=out, interval=600)


def test_equal_words_and_cycles_end_in_the_report(
    design: Design, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sim", str(design.directory), "--inputs", "5"]
    assert run([*arguments, "--stall", "none", "--stall", "bursts", "--seed", "3"]) == 0
    assert "Words compared: 100; mismatches: 0" in capsys.readouterr().out
    report = read_report(design.directory)
    assert report["exact"] == {"words": 100, "mismatches": 0}
    assert [entry["profile"] for entry in report["simulation"]] == ["none", "bursts"]
    for cycles in report["cycles"].values():
        assert cycles["simulated"] == cycles["predicted"]
    assert all((design.directory / name).is_file() for name in report["files"])


def test_codes_and_real_values_mean_the_same(design: Design, tmp_path: Path) -> None:
    samples, _ = zoo.test_set(MODEL)
    codes, labels = sample_inputs(design.graph, 3, 0, MODEL)
    assert labels is not None and len(labels) == 3
    np.save(tmp_path / "codes.npy", codes)
    np.save(tmp_path / "reals.npy", samples[:3])
    for name in ("codes", "reals"):
        assert run(["sim", str(design.directory), "--inputs", str(tmp_path / f"{name}.npy")]) == 0
        assert read_report(design.directory)["exact"] == {"words": 30, "mismatches": 0}
    (result,) = sterna_flows.simulate(design, samples[:3])
    assert result.exact and result.cycle_difference == 0 and failures([result]) == []


def test_a_wrong_weight_is_found_and_named(
    design: Design, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "wrong"
    shutil.copytree(design.directory, folder)
    path = folder / "hidden2_weights.hex"
    rows = path.read_text().split()
    # Another index of the table in every row: some output must come out differently.
    rows = [f"{int(row, 16) ^ 1:0{len(row)}x}" for row in rows]
    path.write_text("\n".join(rows) + "\n")
    assert run(["sim", str(folder), "--inputs", "2"]) == 1
    said = capsys.readouterr().err
    assert "words differ" in said and "first difference in layer hidden2" in said
    exact = json.loads((folder / "report.json").read_text())["exact"]
    assert exact["mismatches"] > 0


def test_samples_are_chosen_by_their_seed(design: Design) -> None:
    first, _ = sample_inputs(design.graph, 4, 1, MODEL)
    again, _ = sample_inputs(design.graph, 4, 1, MODEL)
    other, _ = sample_inputs(design.graph, 4, 2, MODEL)
    assert (first == again).all() and (first != other).any()


def test_an_unknown_network_gets_random_codes_over_its_range(design: Design) -> None:
    codes, labels = sample_inputs(design.graph, 200, 0, "yours")
    values = design.graph.types[design.graph.input_name].range
    assert labels is None and (codes.min(), codes.max()) == (values.low, values.high)
