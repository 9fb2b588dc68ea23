"""Weights that are powers of two: from files to letters, and what letters cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sterna import ir
from sterna.folding import TableFolding, recommended_folding
from sterna.importers import load_qonnx
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.weights import weight_buffer
from sterna_hw.base import TERNARY, Alphabet, IntegerRange, find_device, shift_alphabet

from .onnx_files import Sketch
from .test_qonnx import execute_by_qonnx


@pytest.mark.parametrize("target", ["ecp5-25k", "xck26"])
def test_files(target: str, tmp_path: Any) -> None:
    integers = np.random.default_rng(4).choice([-8, -4, -2, -1, 0, 1, 2, 4, 8], (4, 3))
    integers[0, 0] = 8
    sketch = Sketch()
    x = sketch.quant("x", 0.5, 4)
    weights = sketch.quant(sketch.constant(integers / 8), 0.125, 5)
    path = sketch.write(tmp_path, sketch.node("MatMul", x, weights))
    graph = load_qonnx(path)
    op: Any = next(op for op in graph.ops if isinstance(op, ir.MatMul))
    assert (op.alphabet.name, op.planes) == ("shifts_8", 1)
    x = np.random.default_rng(5).normal(0, 2, (50, 4)).astype(np.float32)
    np.testing.assert_array_equal(graph.run(x), execute_by_qonnx(path, x))
    device = find_device(target)
    mapped = map_graph(graph, device, Planner(graph, device).plan())
    codes = np.random.default_rng(6).integers(-8, 8, (9, 4))
    *_, result = mapped.accelerator.compute(codes).values()
    np.testing.assert_array_equal(result, graph.run_integers(codes))


PERCENT = {
    "ecp5-85k": {4: 88, 8: 82, 16: 76, 32: 93, 64: 88},
    "xck26": {4: 113, 8: 85, 16: 63, 32: 65, 64: 54},
}
"""Estimated look-up tables of letters for each hundred of planes (docs/decisions.md)."""


@pytest.mark.parametrize("target", PERCENT)
def test_letters_cost_less_than_planes(target: str) -> None:
    """The recommended engine for 64 x 64 weights, 24 inputs and 8 outputs a cycle."""
    device = find_device(target)

    def luts(alphabet: Alphabet, planes: int) -> float:
        layer = ir.MatMul("layer", ("x",), np.zeros((64, 64), int), alphabet, planes)
        style, queries = recommended_folding(layer, device), 8 * planes
        if isinstance(style, TableFolding):
            style = replace(style, tables=24 // style.group, queries=queries)
        else:
            style = replace(style, block_inputs=24, queries=queries)
        config: Any = style.engine_config(layer, IntegerRange(0, 15), None)
        buffer = weight_buffer("weights", config, None, device, False)
        return (config.cost(device) + buffer.cost(device)).lut

    for largest, percent in PERCENT[target].items():
        planes = TERNARY.plane_count(np.array([largest]))
        found = luts(shift_alphabet(largest), 1) / luts(TERNARY, planes)
        assert round(100 * found) == percent
