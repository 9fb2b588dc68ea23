"""Branches of live modules and files: equal to the network, or refused with a reason."""

from __future__ import annotations

from typing import Any

import brevitas.nn as qnn
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from sterna import ir
from sterna.exporters import write_qonnx
from sterna.importers import from_brevitas, load_qonnx, lower, read_brevitas
from sterna.ir import parse_graph, print_graph
from sterna.source import AddBranches, ConcatBranches, Relu, SourceBuilder
from sterna.unsupported import UnsupportedError

from .branch_networks import SHAPE, Block, branch_inputs, random_branch_network
from .networks import activation, calibrate, linear
from .test_qonnx import execute_by_qonnx


@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_power_of_two_networks_are_equal(seed: int) -> None:
    module = random_branch_network(seed)
    x = branch_inputs(seed)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    lowering = lower(read_brevitas(module, SHAPE))
    np.testing.assert_array_equal(lowering.graph.run(x).astype(np.float32), expected)
    assert parse_graph(print_graph(lowering.graph)) == lowering.graph
    sums = [note for note in lowering.notes if note.form.startswith("sum")]
    assert all(note.form == "sum, proved" for note in sums)


@pytest.mark.parametrize("seed", range(5), ids=lambda seed: f"seed{seed}")
def test_float_scales_are_measured(seed: int) -> None:
    """In double precision a layer's own rounding hardly matters: what is claimed must hold."""
    module = random_branch_network(seed, power_of_two=False).double()
    x = branch_inputs(seed).astype(np.float64)
    with torch.no_grad():
        expected = module(torch.from_numpy(x.astype(np.float32)).double()).numpy()
    lowering = lower(read_brevitas(module, SHAPE), approximate=True)
    agree = np.isclose(lowering.graph.run(x), expected, rtol=1e-4, atol=1e-4).all(axis=1).mean()
    if all(note.agreement == 1 for note in lowering.notes):
        assert agree == 1
    sums = [note for note in lowering.notes if note.form.startswith("sum,")]
    assert all(note.agreement > 0.9 for note in sums)


@pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")
def test_files_mean_the_same(seed: int, tmp_path: Any) -> None:
    module = random_branch_network(seed)
    path = tmp_path / "network.onnx"
    write_qonnx(module, path, SHAPE)
    onnx.checker.check_model(str(path))
    assert load_qonnx(path) == from_brevitas(module, SHAPE)
    x = branch_inputs(seed, 10)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(execute_by_qonnx(path, x), expected)


def quantised(scales: list[float], bits: int = 4, channels: int = 2) -> tuple[Any, list[str]]:
    """A builder, and branches with these scales of one quantised input."""
    builder = SourceBuilder("net", "float32")
    x = builder.quantise("in", builder.input("x", (channels,)), 0.5, 0, 8, True, False, "ROUND")
    return builder, [
        builder.quantise(f"b{n}", x, np.float32(scale), 0, bits, True, False, "ROUND")
        for n, scale in enumerate(scales)
    ]


def test_scales_with_a_common_measure_need_no_quantiser() -> None:
    """3/4 and 1/2 are 3 and 2 quarters; a layer reads the sum as it is."""
    builder, branches = quantised([0.75, 0.5])
    total = builder.join("sum", AddBranches(subtracts=True), branches)
    out = builder.linear("fc", total, np.array([[1, -1]]), 1.0, None)
    graph = lower(builder.finish(out)).graph
    (add,) = (op for op in graph.ops if isinstance(op, ir.Add))
    assert add.factors == (3, -2)
    x = np.random.default_rng(1).normal(0, 3, (50, 2)).astype(np.float32)
    np.testing.assert_array_equal(graph.run(x), builder.finish(out).run(x))


def test_channels_of_several_scales_get_one_grid() -> None:
    builder, branches = quantised([0.75, 0.5])
    joined = builder.join("cat", ConcatBranches(), branches)
    out = builder.linear("fc", joined, np.array([[1, -1, 1, 1]]), 1.0, None)
    graph = lower(builder.finish(out)).graph
    grid = graph["cat.grid"]
    assert isinstance(grid, ir.Requantize)
    assert grid.multiplier.tolist() == [3, 3, 2, 2]
    x = np.random.default_rng(1).normal(0, 3, (50, 2)).astype(np.float32)
    np.testing.assert_array_equal(graph.run(x), builder.finish(out).run(x))


def test_a_sum_may_be_the_output() -> None:
    builder, branches = quantised([0.75, 0.3])
    total = builder.join("sum", AddBranches(), branches)
    lowering = lower(builder.finish(total))
    x = np.random.default_rng(1).normal(0, 3, (50, 2)).astype(np.float32)
    bound = sum(note.error_bound for note in lowering.notes)
    assert np.abs(lowering.graph.run(x) - builder.finish(total).run(x)).max() <= bound + 1e-5


def test_sums_of_three_branches_share_what_they_can() -> None:
    builder, branches = quantised([0.5, 0.25, 2.0])
    first = builder.join("first", AddBranches(), branches[:2])
    both = builder.join("both", AddBranches(subtracts=True), (branches[2], first))
    a = builder.quantise("a", both, 0.5, 0, 4, True, False, "ROUND")
    b = builder.quantise("b", builder.add("relu", Relu(), both), 1.0, 0, 4, True, False, "ROUND")
    out = builder.linear(
        "fc", builder.join("cat", ConcatBranches(), (a, b)), np.array([[1, 0, -1, 1]]), 1.0, None
    )
    graph = lower(builder.finish(out)).graph
    (add,) = (op for op in graph.ops if isinstance(op, ir.Add))
    assert add.factors == (8, -2, -1)
    x = np.random.default_rng(1).normal(0, 3, (50, 2)).astype(np.float32)
    np.testing.assert_array_equal(graph.run(x), builder.finish(out).run(x))


def test_flattened_branches_keep_the_sources_order() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.quant = activation("identity", 4)
            self.pool = nn.MaxPool2d(2)
            self.fc = linear("ternary", 3 * 20 + 3 * 4, 4, False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.quant(x)
            return self.fc(torch.cat((torch.flatten(self.pool(x), 1), torch.flatten(x, 1)), 1))

    torch.manual_seed(2)
    module = Net()
    calibrate(module, torch.randn(32, *SHAPE))
    x = branch_inputs(2, 30)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    graph = from_brevitas(module, SHAPE)
    np.testing.assert_array_equal(graph.run(x).astype(np.float32), expected)


@pytest.mark.parametrize(
    ("scales", "message"),
    [([0.3, 0.7001], "branches must have scales with one common measure, not 0.3, 0.7001")],
)
def test_grids_that_do_not_exist_are_refused(scales: list[float], message: str) -> None:
    for operation in (AddBranches(), ConcatBranches()):
        builder, branches = quantised(scales)
        joined = builder.join("meet", operation, branches)
        width = 2 if isinstance(operation, AddBranches) else 4
        out = builder.linear("fc", joined, np.ones((1, width), int), 1.0, None)
        with pytest.raises(UnsupportedError, match=message):
            lower(builder.finish(out))


def test_ties_that_rounding_decides_are_measured() -> None:
    """Sums of tenths in float32 fall on either side of a tie: refused, or measured."""
    builder, branches = quantised([0.1, 0.1], bits=8)
    total = builder.join("sum", AddBranches(), branches)
    out = builder.quantise("q", total, 0.2, 0, 8, True, False, "ROUND")
    out = builder.linear("fc", out, np.array([[1, 1]]), 1.0, None)
    with pytest.raises(UnsupportedError, match="sum of branches must be exact, but agrees on 89.8"):
        lower(builder.finish(out))
    notes = lower(builder.finish(out), approximate=True).notes
    (note,) = (note for note in notes if note.layer == "sum")
    assert note.form == "sum, enumerated" and 0.89 < note.agreement < 0.9


def one_of(kind: str) -> nn.Module:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.quant = activation("identity", 4)
            self.conv = Block("plus", 3, True, 1).conv
            self.out = activation("identity", 4)
            self.add = qnn.QuantEltwiseAdd()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.quant(x)
            if kind == "float":
                return self.out(torch.relu(self.conv(y)) + y)
            if kind == "shapes":
                return self.out(torch.flatten(y, 1) + y[0])
            if kind == "axis":
                return self.out(torch.cat((y, y), dim=2))
            if kind == "input":
                return self.out(x) + y
            return self.add(y)

    return Net().eval()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("float", "branch must be quantised, not float"),
        ("axis", "joined along axis 1, not 2"),
        ("input", "network's input must be quantised once"),
        ("one", "add must have two input tensors"),
    ],
)
def test_refuses(kind: str, reason: str) -> None:
    module = one_of(kind)
    for name in ("quant", "out"):
        layer = getattr(module, name)
        layer.train()
        layer(torch.randn(8, *SHAPE))
        layer.eval()
    with pytest.raises(UnsupportedError) as error:
        from_brevitas(module, SHAPE)
    assert reason in str(error.value)
