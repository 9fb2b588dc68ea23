"""Super-resolution networks made by others, as hardware: the ESPCN models in the package of qonnx.

Their images are cut to a few pixels; all layers, weights and widths are there. The models' own size
is in docs/images.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sterna_flows
from sterna.importers import load_qonnx
from sterna.ir import MatMul

from ..sw.importers.test_espcn import small_model

SIDE = 6


@pytest.mark.parametrize(
    ("name", "input_type"), [("nn_resize", None), ("subpixel", "uint8/255")], ids=str
)
def test_equal_in_verilator(name: str, input_type: Any, tmp_path: Path) -> None:
    graph = load_qonnx(small_model(name, tmp_path, SIDE), input_type=input_type)
    design = sterna_flows.build(graph, "xck26", tmp_path / "design", interval=60_000)
    x = np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3))
    (run,) = sterna_flows.simulate(design, x)
    assert run.words == 2 * 2 * SIDE * 2 * SIDE * 3
    assert (run.mismatches, run.cycle_difference) == (0, 0)
    # The pace is that of the slowest engine, which no window, row or frame holds up.
    report = json.loads((design.directory / "report.json").read_text())
    layers = [op.name for op in graph.ops if isinstance(op, MatMul)]
    busy = [layer["cycles"] for layer in report["layers"] if layer["name"] in layers]
    assert report["cycles"]["interval"]["predicted"] == max(busy)
