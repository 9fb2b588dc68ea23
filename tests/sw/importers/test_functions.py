"""Activation functions that are more than a clip: thresholds or tables, modules and files."""

from __future__ import annotations

import math
from typing import Any

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from torch import nn

from sterna import ir
from sterna.building import prepare
from sterna.importers import from_brevitas, load_qonnx, lower
from sterna.ir import parse_graph, print_graph
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.source import FUNCTIONS, Add, Elementwise, Function, LeakyRelu, SourceBuilder
from sterna.unsupported import UnsupportedError
from sterna_hw.base import IntegerRange, find_device

from .networks import activation, calibrate, linear
from .onnx_files import Sketch
from .test_qonnx import execute_by_qonnx

DEVICE = find_device("ecp5-25k")


def network(function: Elementwise, bits: int = 4, scale: float = 0.25, bias: bool = True):
    """A layer of 3, a bias for each channel, the function, a quantiser, a layer of 2."""
    builder = SourceBuilder("functions", "float32")
    x = builder.quantise("in", builder.input("x", (5,)), 0.25, 0, 4, True, False, "ROUND")
    weights = np.random.default_rng(0).integers(-1, 2, (3, 5))
    offset = np.array([-1.5, 0.25, 3.0], np.float32) if bias else None
    x = builder.linear("fc", x, weights, np.float32(0.5), offset)
    x = builder.add("function", function, x)
    x = builder.quantise("act", x, scale, 0, bits, True, False, "ROUND")
    return builder.finish(builder.linear("last", x, np.eye(2, 3), np.float32(1), None))


CASES = {
    **{name: Function(name) for name in FUNCTIONS},
    "leaky": LeakyRelu(np.array(0.1, np.float32)),
    "leaky by channel": LeakyRelu(np.array([0.5, 0.01, 0.0], np.float32)),
    "leaky downwards": LeakyRelu(np.array(-0.5, np.float32)),
}


@pytest.mark.parametrize("bits", [4, 12])
@pytest.mark.parametrize("function", CASES.values(), ids=CASES)
def test_equal_to_the_network(function: Elementwise, bits: int) -> None:
    source = network(function, bits, 0.25 if bits == 4 else 1 / 512)
    graph = lower(source).graph
    x = np.random.default_rng(1).normal(0, 2, (400, 5)).astype(np.float32)
    np.testing.assert_array_equal(graph.run(x).astype(np.float32), source.run(x))
    (op,) = (op for op in graph.ops if op.name == "act")
    assert isinstance(op, ir.Threshold if function.is_monotone and bits == 4 else ir.Table)
    assert parse_graph(print_graph(graph)) == graph
    assert graph.types["act"].range.contains(graph.run_integers(codes(graph), True)["act"])
    hardware = prepare(graph)
    mapped = map_graph(hardware, DEVICE, Planner(hardware, DEVICE).plan())
    *_, result = mapped.accelerator.compute(codes(graph)).values()
    np.testing.assert_array_equal(result, graph.run_integers(codes(graph)))


def codes(graph: ir.Graph) -> np.ndarray:
    kind = graph.types["x"]
    return np.random.default_rng(2).integers(kind.range.low, kind.range.high + 1, (9, 5))


def test_functions_by_hand() -> None:
    x = np.array([-2.0, 0.0, 1.0], np.float32)
    told = {
        "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
        "tanh": math.tanh,
        "softplus": lambda v: math.log1p(math.exp(v)),
        "silu": lambda v: v / (1 + math.exp(-v)),
        "gelu": lambda v: v * (1 + math.erf(v / math.sqrt(2))) / 2,
        "hardswish": lambda v: v * min(max(v + 3, 0), 6) / 6,
    }
    for name in FUNCTIONS:
        expected = [told[name](float(value)) for value in x]
        np.testing.assert_allclose(Function(name).evaluate(x), expected, rtol=2e-7, atol=1e-12)
        assert Function(name).evaluate(np.array([-300, 300], np.float32)).dtype == np.float32


def test_one_row_serves_channels_that_agree() -> None:
    shared = lower(network(Function("silu"), bias=False)).graph["act"]
    own = lower(network(Function("silu"))).graph["act"]
    assert isinstance(shared, ir.Table) and isinstance(own, ir.Table)
    assert (len(shared.table), len(own.table)) == (1, 3)


def test_modules() -> None:
    torch.manual_seed(5)
    module = nn.Sequential(
        activation("identity", 5),
        linear("int4", 6, 8, True),
        qnn.QuantSigmoid(bit_width=4),
        linear("ternary", 8, 8, True),
        nn.LeakyReLU(0.2),
        activation("identity", 5),
        linear("ternary", 8, 8, True),
        nn.SiLU(),
        activation("identity", 5),
        linear("ternary", 8, 8, True),
        qnn.QuantTanh(bit_width=3),
        linear("ternary", 8, 8, True),
        nn.PReLU(8),
        activation("identity", 5),
        linear("int4", 8, 3, True),
    )
    calibrate(module, torch.randn(64, 6))
    module.double()
    x = torch.randn(200, 6).double()
    graph = from_brevitas(module, (6,))
    with torch.no_grad():
        np.testing.assert_allclose(graph.run(x.numpy()), module(x).numpy(), rtol=1e-9, atol=1e-9)
    kinds = [op.kind for op in graph.ops]
    assert (kinds.count("threshold"), kinds.count("table")) == (4, 1)


@pytest.mark.parametrize("kind", ["Sigmoid", "Tanh", "LeakyRelu", "HardSwish", "Softplus"])
def test_files(kind: str, tmp_path: Any) -> None:
    sketch = Sketch(("batch", 4))
    x = sketch.quant("x", 0.25, 5)
    weights = sketch.quant(sketch.constant(np.eye(4, 3) - np.eye(4, 3, -1)), 1.0, 2)
    options: dict[str, Any] = {"alpha": 0.125} if kind == "LeakyRelu" else {}
    x = sketch.node(kind, sketch.node("MatMul", x, weights), **options)
    path = sketch.write(tmp_path, sketch.quant(x, 0.125, 6))
    x = np.random.default_rng(3).normal(0, 2, (100, 4)).astype(np.float32)
    np.testing.assert_array_equal(load_qonnx(path).run(x), execute_by_qonnx(path, x))


def test_too_many_sums_are_refused() -> None:
    builder = SourceBuilder("wide", "float32")
    x = builder.quantise("in", builder.input("x", (40,)), 0.25, 0, 12, True, False, "ROUND")
    x = builder.linear("fc", x, np.ones((3, 40)), np.float32(1), None)
    x = builder.add("silu", Function("silu"), builder.add("bias", Add(np.ones(3, np.float32)), x))
    x = builder.quantise("act", x, 0.25, 0, 4, True, False, "ROUND")
    source = builder.finish(builder.linear("last", x, np.eye(2, 3), np.float32(1), None))
    with pytest.raises(UnsupportedError, match="codes of channel 0 must rise or fall, not both"):
        lower(source)


def test_a_function_without_quantiser_is_refused() -> None:
    builder = SourceBuilder("logits", "float32")
    x = builder.quantise("in", builder.input("x", (3,)), 0.25, 0, 4, True, False, "ROUND")
    x = builder.linear("fc", x, np.eye(3), np.float32(1), None)
    source = builder.finish(builder.add("sigmoid", Function("sigmoid"), x))
    with pytest.raises(UnsupportedError, match="logits must be affine in the last layer's sums"):
        lower(source)


@pytest.mark.parametrize(
    ("table", "low", "message"),
    [
        (np.zeros((2, 9), int), -4, "Rows of t must be 1 or 3, not 2"),
        (np.zeros((1, 8), int), -4, r"Inputs of t must lie in \[-4, 3\], not \[-4, 4\]"),
        (np.zeros((1, 0), int), -4, "Entries of t must be one or more, not none"),
    ],
)
def test_tables_must_fit(table: np.ndarray, low: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        op = ir.Table("t", ("x",), table, low)
        op.result_type((ir.TensorType((3,), IntegerRange(-4, 4)),))
