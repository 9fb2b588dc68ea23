"""The built folder: complete, the same bytes in any process, nothing half-written."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sterna
from sterna import ir
from sterna.building import prepare
from sterna.design import Design
from sterna.folding import SelectFolding, read_foldings

from ..rejects.bad_graphs import residual, write_graph
from .graphs import random_chain, random_codes

BUILD = """
import sys
sys.path.insert(0, {root!r})
import sterna
from tests.sw.graphs import random_chain
sterna.build(random_chain(3), "ecp5-25k", {out!r}, interval=40, top_k=1, {options})
"""


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("options", ["reloadable=True", "engine='unrolled'"])
def test_two_processes_with_other_hash_seeds_write_the_same_bytes(
    tmp_path: Path, options: str
) -> None:
    root = str(Path(__file__).parents[2])
    found = []
    for seed in ("1", "2"):
        out = tmp_path / seed / "build"
        out.parent.mkdir()
        script = BUILD.format(root=root, out=str(out), options=options)
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script], env=environment, check=True, cwd=out.parent)
        found.append(contents(out))
    assert found[0] == found[1]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return sterna.build(
        random_chain(5), "ecp5-25k", tmp_path_factory.mktemp("b") / "d", interval=60
    )


def test_no_path_and_no_date(design: Design) -> None:
    for path in design.directory.iterdir():
        text = path.read_text()
        assert not re.search(r"(^|[\s\"'(])/[a-z]+/", text.replace("//", "")), path.name
        assert not re.search(r"20\d\d-\d\d-\d\d", text), path.name
        assert str(design.directory) not in text


def test_memory_contents_are_not_in_the_verilog(design: Design) -> None:
    verilog = "".join((design.directory / name).read_text().lower() for name in design.sources)
    files = list(design.directory.glob("*.hex"))
    assert files
    for path in files:
        for row in path.read_text().split():
            assert len(row) < 6 or f"h{row}" not in verilog, (path.name, row)


def test_the_clock_is_a_constraint_in_the_devices_own_form(design: Design, tmp_path: Path) -> None:
    period = 1000 / design.record["clock_mhz"]
    for suffix in ("xdc", "sdc"):
        text = (design.directory / f"{design.name}.{suffix}").read_text()
        assert f"-period {period:.3f} [get_ports aclk]" in text
    text = (design.directory / f"{design.name}.lpf").read_text()
    assert text == f'FREQUENCY PORT "aclk" {design.record["clock_mhz"]:g} MHZ;\n'
    other = sterna.build(random_chain(4), "xck26", tmp_path / "other")
    assert not list(other.directory.glob("*.lpf"))


def test_design_reads_back(design: Design) -> None:
    again = Design(design.directory)
    codes = random_codes(1, again.graph, 5)
    golden = random_chain(5).run_integers(codes)
    assert np.array_equal(again.expected(codes), golden.reshape(5, -1))
    foldings = read_foldings(design.directory / "folding.json")
    other = sterna.build(
        again.graph, again.target, design.directory.parent / "again", foldings=foldings
    )
    assert contents(other.directory) == contents(design.directory)


def test_build_hash_follows_the_weights(tmp_path: Path) -> None:
    graph = random_chain(6)
    matmul = graph.ops[1]
    assert isinstance(matmul, ir.MatMul)
    weights = matmul.weights.copy()
    weights[0, 0] = -weights[0, 0] or matmul.alphabet.values[-1]
    assert not np.array_equal(weights, matmul.weights)
    changed = ir.MatMul(matmul.name, matmul.inputs, weights, matmul.alphabet, matmul.planes)
    other = graph.with_ops((graph.ops[0], changed, *graph.ops[2:]))
    hashes = {
        sterna.build(item, "ecp5-25k", tmp_path / str(number), interval=60).record["build_hash"]
        for number, item in enumerate((graph, other, graph))
    }
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "xc9"}, "Target must be one of"),
        ({"frames_per_second": -1.0}, "Frames per second must be above 0, not -1.0"),
        ({"interval": 1}, "Interval of"),
        ({"top_k": 99}, "K of"),
    ],
)
def test_refusals_leave_nothing(tmp_path: Path, change: dict, message: str) -> None:
    out = tmp_path / "build"
    arguments = {"target": "ecp5-25k", "out": out, **change}
    with pytest.raises(ValueError) as error:
        sterna.build(random_chain(5), **arguments)
    assert message in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_label_stage_is_there_once() -> None:
    """A build that starts from a graph with its label stage may ask for the same again."""
    graph = prepare(random_chain(5), 2)
    assert prepare(graph, 2) == prepare(graph) == graph
    with pytest.raises(ValueError, match="Best classes must be 2, as in .* already, not 1"):
        prepare(graph, 1)


def test_report_is_plain_json(design: Design) -> None:
    report = json.loads((design.directory / "report.json").read_text())
    assert report["cycles"]["latency"]["predicted"] > 0
    assert sorted(report["files"]) == sorted(path.name for path in design.directory.iterdir())


def test_report_tells_how_long_each_part_idles(design: Design) -> None:
    report = json.loads((design.directory / "report.json").read_text())
    interval = report["cycles"]["interval"]["predicted"]
    for layer in report["layers"]:
        assert layer["idle"] == pytest.approx(1 - layer["cycles"] / interval, abs=1e-4)
    idle = {layer["name"]: layer["idle"] for layer in report["layers"]}
    assert min(idle.values()) == 0  # the slowest part sets the pace
    assert max(idle.values()) > 0


def test_cycles_of_an_image_are_those_of_all_its_pixels(tmp_path: Path) -> None:
    """Of what is no layer too: gearboxes, windows and forks pass beats for every pixel."""
    graph = sterna.load(write_graph(residual, tmp_path))
    foldings = dict.fromkeys("abc", SelectFolding(2, 2))
    design = sterna.build(graph, "ecp5-25k", tmp_path / "d", foldings=foldings)
    report = json.loads((design.directory / "report.json").read_text())
    cycles = {layer["name"]: layer["cycles"] for layer in report["layers"]}
    # 8 x 8 pixels of two channels; the first two layers keep them, the last has 6 x 6 positions.
    assert [cycles[name] for name in "abc"] == [576, 576, 648]
    assert cycles["a_quant"] == cycles["sum"] == 64
    assert all(cycles[name] >= 64 for name in cycles if "fork" in name or "window" in name)
    assert max(cycles.values()) == report["cycles"]["interval"]["predicted"]


def test_weights_in_logic_are_in_the_report(tmp_path: Path) -> None:
    graph = random_chain(5)
    design = sterna.build(graph, "ecp5-25k", tmp_path / "d", engine="unrolled")
    layers = json.loads((design.directory / "report.json").read_text())["layers"]
    counts = [entry["weights"]["count"] for entry in layers if entry["engine"] == "UnrolledMatmul"]
    assert counts == [op.weights.size for op in graph.ops if isinstance(op, ir.MatMul)]
