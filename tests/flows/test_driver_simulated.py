"""The driver that a build folder carries, on its Verilog, as on a board: an MLP, a CNN, a decoder.

Real samples go in over AXI4-Stream and everything else over AXI4-Lite, by the code that runs on
boards; what comes out must be what the golden model says.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sterna.decoder.design import DecoderDesign
from sterna.decoder.engine import GoldenEngine, continue_text
from sterna.decoder.sampling import Sampler
from sterna.design import Design
from sterna.ir import Graph, MatMul
from sterna.reload import reload_rows
from sterna_flows.build_flow import build_with_regression
from sterna_flows.decoder_flow import build_decoder_folder, find_model
from sterna_flows.models import load_model
from sterna_models import zoo
from sterna_sim.verilator import build_model, run_model

from .driver_bench import JOB, RESULT


def drive(folder: Path, work: Path, job: dict[str, Any]) -> dict[str, Any]:
    """What the folder's own driver gives in a simulation of the folder's Verilog."""
    name = json.loads((folder / "driver.json").read_text())["name"]
    names = (folder / "sources.f").read_text().split()
    model = build_model({file: (folder / file).read_text() for file in names}, name)
    work.mkdir()
    for contents in folder.glob("*.hex"):
        shutil.copyfile(contents, work / contents.name)
    (work / JOB).write_text(json.dumps({"folder": str(folder), **job}))
    run_model(model, name, f"{__package__}.driver_bench", work)
    return json.loads((work / RESULT).read_text())


def with_classes_turned(graph: Graph) -> Graph:
    """The same network with the weights of its classes in another order."""
    *others, matmul = graph.ops
    assert isinstance(matmul, MatMul)
    return graph.with_ops((*others, replace(matmul, weights=np.roll(matmul.weights, 1, axis=0))))


@pytest.mark.parametrize(
    ("name", "count", "options"),
    [
        ("shuttle_anomaly_mlp", 12, {"interval": 200, "reloadable": True}),
        ("digits_ternary_cnn", 3, {"interval": 2500}),
    ],
)
def test_real_samples_through_axi(
    name: str, count: int, options: dict[str, Any], tmp_path: Path
) -> None:
    graph = load_model(name)
    design = build_with_regression(graph, "ecp5-85k", tmp_path / "design", **options)
    samples, labels = zoo.test_set(name)
    samples = samples[:count]
    np.save(tmp_path / "samples.npy", samples)
    turned = with_classes_turned(design.graph) if options.get("reloadable") else None
    rows = {} if turned is None else reload_rows(design, turned)
    job = {"samples": str(tmp_path / "samples.npy"), "reload": rows}
    found = drive(design.directory, tmp_path / "work", job)
    expected = Design(design.directory).graph.run(samples).reshape(count, -1)
    assert found["labels"] == expected.argmax(axis=1).tolist()
    assert np.mean(np.array(found["labels"]) == labels[:count]) > 0.8
    codes = found_codes(design, samples)
    assert found["outputs"] == design.expected(codes).tolist()
    assert (found["counters"]["frames_in"], found["counters"]["frames_out"]) == (2 * count,) * 2
    assert "must report no error, not short_frame" in found["message"]
    assert (found["errors"], found["cleared"]) == (["short_frame"], [])
    if turned is not None:
        wanted = turned.run_integers(codes).reshape(count, -1)
        assert found["reloaded"] == wanted.tolist() != found["outputs"]
        assert found["refused"] == ["reload_refused"]


def found_codes(design: Design, samples: np.ndarray) -> np.ndarray:
    from sterna import golden

    return golden.quantize_input(design.graph, samples).reshape(len(samples), -1)


def test_a_decoder_speaks_through_registers(tmp_path: Path) -> None:
    source = find_model("shakespeare_tiny")
    assert source is not None
    build_decoder_folder(source, "ecp5-85k", tmp_path / "design")
    design = DecoderDesign(tmp_path / "design")
    characters = design.source.characters
    assert characters is not None
    prompt, count = characters.encode("HAMLET."), 8
    found = drive(design.directory, tmp_path / "work", {"prompt": prompt, "count": count})
    engine = GoldenEngine(design.model, design.hardware.best_count)
    golden = list(continue_text(engine, prompt, count, Sampler()))
    tokens = [token for token, _ in golden]
    assert found["tokens"] == found["heard"] == tokens
    assert [tuple(best) for best in found["best"]] == list(golden[-1][1].candidates)
    assert found["scale"] == golden[-1][1].scale
    assert (found["position"], found["errors"]) == (len(prompt) + count - 1, [])
    assert found["refused"] == ["token_range"]
    assert found["failed"][0] and "memory_range" in found["failed"][1]
    assert "after one that failed, recover" in found["message"]
    assert (found["again"], found["cleared"]) == (tokens[:1], [])
