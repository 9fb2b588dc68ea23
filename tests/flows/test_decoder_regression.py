"""What a decoder's build folder carries: constraints, a Vivado script, a regression by `make`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sterna.decoder.design import DecoderDesign
from sterna.decoder.golden import GoldenDecoder
from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.source import DecoderSource
from sterna_flows.decoder_flow import build_decoder_folder
from sterna_flows.report_file import read_report
from sterna_flows.synthesis import copy_sources
from sterna_flows.tools import run_tool
from sterna_flows.yosys import yosys_command
from sterna_hw.base import find_device
from tests.sw.decoder.random_decoder import TINY

SMALL = DecoderHardware(
    ports=2,
    lanes=1,
    tables=16,
    queries=4,
    best_count=2,
    prefetch_words=64,
    burst_beats=16,
    large_style="block",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decoder") / "tiny"
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    build_decoder_folder(source, "xck26", folder, hardware=SMALL)
    return folder


def run_make(folder: Path) -> tuple[int, str]:
    """`make` without Sterna on the path."""
    # Within pytest, cocotb ends a run that broke off with status 0.
    hidden = ("PYTHONPATH", "PYTEST_CURRENT_TEST")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_folder_has_what_other_tools_need(built: Path) -> None:
    period = "create_clock -name aclk -period 4.000 [get_ports aclk]\n"
    assert (built / "decoder.xdc").read_text() == (built / "decoder.sdc").read_text() == period
    script = (built / "decoder.tcl").read_text()
    assert "synth_design -top decoder" in script and "read_xdc decoder.xdc" in script
    files = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert set(read_report(built)["files"]) == files
    assert (built / "sources.f").read_text().split()[0] in files
    assert {"Makefile", "regression/run.py", "regression/dram_contents.cpp"} <= files
    for name in files:
        assert str(built.parent).encode() not in (built / name).read_bytes(), name


def test_the_folder_is_read_by_yosys(built: Path, tmp_path: Path) -> None:
    """Found when a decoder was synthesised whose folder had a regression: the memory model in it is
    no part of the design, and not in Yosys' Verilog."""
    device = find_device("xck26")
    sources = copy_sources(built, read_report(built)["files"], tmp_path, device)
    assert set(sources) - {"family.v"} == set((built / "sources.f").read_text().split())
    script = [f"read_verilog -sv {name}" for name in sources]
    (tmp_path / "read.ys").write_text("\n".join([*script, "hierarchy -check -top decoder"]))
    run_tool(yosys_command("read.ys"), tmp_path, "read.log")


def test_vectors_are_the_golden_models(built: Path) -> None:
    vectors = json.loads((built / "regression" / "vectors.json").read_text())
    model = DecoderDesign(built).model
    expected = GoldenDecoder(model).generate(vectors["prompt"], len(vectors["tokens"]))
    assert vectors["tokens"] == expected and len(expected) == 3
    logits = GoldenDecoder(model).run([*vectors["prompt"], *expected[:-1]])
    assert vectors["best"][0] == [expected[-1], int(logits.max())]
    assert len(vectors["best"]) == SMALL.best_count


def test_make_runs_the_regression(built: Path, tmp_path: Path) -> None:
    """Right vectors pass with both memories; a wrong logit is found; a damaged image is refused
    before anything is simulated."""
    folder = tmp_path / "copy"
    shutil.copytree(built, folder)
    status, output = run_make(folder)
    assert status == 0, output
    assert output.count("TESTS=3 PASS=3 FAIL=0") == 2
    path = folder / "regression" / "vectors.json"
    vectors = json.loads(path.read_text())
    vectors["memories"].pop("random")
    vectors["best"][1][1] += 1
    path.write_text(json.dumps(vectors))
    status, output = run_make(folder)
    assert status != 0 and "best logits" in output and "FAIL=2" in output
    image = folder / "memory" / "port1.bin"
    image.write_bytes(image.read_bytes()[:-1])
    status, output = run_make(folder)
    assert status != 0 and "port1.bin must have" in output and "TESTS" not in output
