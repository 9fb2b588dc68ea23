"""Upsampling and pixel shuffle: meaning, modules, files, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sterna import ir
from sterna.building import prepare
from sterna.exporters import write_qonnx
from sterna.importers import from_brevitas, load_qonnx, lower
from sterna.importers.enlarging import nearest_repeats
from sterna.ir import parse_graph, print_graph
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.source import Add, PixelShuffle, Relu, SourceBuilder, Upsample
from sterna.unsupported import UnsupportedError
from sterna_hw.base import IntegerRange, find_device

from .image_networks import IMAGE, convolution
from .networks import activation, calibrate
from .onnx_files import Sketch
from .test_qonnx import execute_by_qonnx

DEVICE = find_device("ecp5-25k")
NIBBLE = IntegerRange(0, 15)


def test_by_hand() -> None:
    """Two by one pixels of four channels."""
    entry = ir.Input("x", (), ir.TensorType((1, 2, 4), NIBBLE))
    ops = (ir.PixelShuffle("p", ("x",), 2, 2), ir.Upsample("u", ("p",), 1, 2))
    graph = ir.Graph("g", (entry, *ops), {"x": ir.InputEdge(1.0)}, {"u": ir.OutputEdge(1.0)})
    values = graph.run_integers(np.arange(8).reshape(1, 1, 2, 4), True)
    assert values["p"][0, :, :, 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert values["u"][0, :, :, 0].tolist() == [[0, 0, 1, 1, 4, 4, 5, 5], [2, 2, 3, 3, 6, 6, 7, 7]]
    assert parse_graph(print_graph(graph)) == graph


@pytest.mark.parametrize("parts_first", [False, True])
@pytest.mark.parametrize("place", ["codes", "floats", "logits", "input"])
def test_shuffles_wherever_they_stand(place: str, parts_first: bool) -> None:
    """Behind a quantiser, in front of it with constants by channel, at the end, at the input."""
    builder = SourceBuilder("shuffle", "float32")
    x = builder.input("x", (8, 3, 2), True)
    x = builder.quantise("in", x, 0.25, 0, 4, True, False, "ROUND")
    larger = PixelShuffle(2, 2, parts_first)
    if place == "input":
        x = builder.add("larger", larger, x)
        x = builder.quantise(
            "again", builder.add("relu", Relu(), x), 0.5, 0, 3, False, False, "ROUND"
        )
    else:
        weights = np.random.default_rng(0).integers(-1, 2, (12, 8))
        bias = np.arange(12, dtype=np.float32) / 4
        x = builder.linear("fc", x, weights, np.float32(0.5), bias)
        if place == "codes":
            x = builder.quantise("act", x, 0.25, 0, 5, True, False, "ROUND")
        x = builder.add("larger", larger, x)
        x = builder.add("more", Add(np.array([0.5, -1, 2], np.float32)), x)
        if place != "logits":
            x = builder.quantise("last", x, 0.25, 0, 4, True, False, "ROUND")
    source = builder.finish(x)
    graph = lower(source).graph
    x = np.random.default_rng(1).normal(0, 1, (20, 8, 3, 2)).astype(np.float32)
    expected = source.run(x)
    np.testing.assert_array_equal(graph.run(x).astype(np.float32), expected)
    hardware = prepare(graph)
    mapped = map_graph(hardware, DEVICE, Planner(hardware, DEVICE).plan())
    codes = np.random.default_rng(2).integers(-8, 8, (2, 3, 2, 8))
    *_, result = mapped.accelerator.compute(codes.reshape(2, -1)).values()
    np.testing.assert_array_equal(result, hardware.run_integers(codes).reshape(2, -1))
    # A layer in front gives its channels in the wanted order; the input needs one of its own.
    layers = sum(isinstance(op, ir.MatMul) for op in graph.ops)
    assert layers == (0 if place == "input" and parts_first else 1)


def test_modules_and_files(tmp_path: Any) -> None:
    torch.manual_seed(2)
    module = nn.Sequential(
        activation("identity", 6),
        convolution("int4", 2, 8, 3, padding=1),
        nn.PixelShuffle(2),
        activation("relu", 4),
        nn.Upsample(scale_factor=2, mode="nearest"),
        convolution("ternary", 2, 2, 3, padding=1, bias=True),
        activation("identity", 5),
    )
    calibrate(module, torch.randn(16, *IMAGE))
    x = torch.randn(10, *IMAGE)
    graph = from_brevitas(module, IMAGE)
    with torch.no_grad():
        expected = module(x).numpy()
    given = graph.run(x.numpy()).reshape(10, 28, 24, 2).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(given.astype(np.float32), expected)
    path = tmp_path / "larger.onnx"
    write_qonnx(module, path, IMAGE)
    assert load_qonnx(path) == graph
    np.testing.assert_array_equal(execute_by_qonnx(path, x.numpy()), expected)


@pytest.mark.parametrize("how", ["scales", "sizes", "upsample"])
def test_other_peoples_files(how: str, tmp_path: Any) -> None:
    sketch = Sketch((1, 2, 3, 4))
    x, none = sketch.quant("x", 0.25, 4), sketch.constant(np.zeros(0))
    if how == "scales":
        x = sketch.node("Resize", x, none, sketch.constant([1, 1, 3, 2]), mode="nearest")
    elif how == "sizes":
        sizes = sketch.constant([1, 2, 9, 8], np.int64)
        x = sketch.node("Resize", x, "", "", sizes, mode="nearest")
    else:
        x = sketch.node("Upsample", x, sketch.constant([1, 1, 3, 2]), mode="nearest")
    path = sketch.write(tmp_path, x, opset=9 if how == "upsample" else 17)
    graph = load_qonnx(path)
    assert graph.types[graph.output_name].shape == (9, 8, 2)
    x = np.random.default_rng(0).normal(0, 1, (1, 2, 3, 4)).astype(np.float32)
    given = graph.run(x).reshape(1, 9, 8, 2).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(given, np.rint(x * 4).clip(-8, 7).repeat(3, 2).repeat(2, 3) / 4)


def test_rules_for_the_nearest_pixel() -> None:
    def rule(mode: str, nearest: str) -> dict[str, str]:
        return {"coordinate_transformation_mode": mode, "nearest_mode": nearest}

    assert nearest_repeats(4, 2, rule("asymmetric", "floor"))
    assert not nearest_repeats(4, 2, rule("asymmetric", "ceil"))
    assert nearest_repeats(4, 2, {}) and nearest_repeats(5, 3, {})
    assert not nearest_repeats(4, 2, rule("half_pixel", "floor"))
    assert not nearest_repeats(4, 3, rule("align_corners", "floor"))
    assert not nearest_repeats(4, 3, rule("tf_crop_and_resize", "floor"))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Upsample(scale_factor=2, mode="bilinear"), "mode must be nearest, not bilinear"),
        (nn.Upsample(scale_factor=1.5), "factors must be whole"),
        (nn.PixelShuffle(2), "channels must be a multiple of 4, not 2"),
    ],
)
def test_refuses(layer: nn.Module, reason: str) -> None:
    module = nn.Sequential(activation("identity", 4), layer)
    module[0].train()
    module[0](torch.randn(8, *IMAGE))
    with pytest.raises(UnsupportedError, match=reason):
        from_brevitas(module, IMAGE)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (ir.PixelShuffle("p", ("x",), 2, 2), "Channels of p must be a multiple of 4, not 6"),
        (ir.Upsample("p", ("x",), 2, 2), "Image of p must have three axes"),
    ],
)
def test_what_does_not_fit_is_refused(op: ir.Op, message: str) -> None:
    shape = (2, 2, 6) if isinstance(op, ir.PixelShuffle) else (6,)
    with pytest.raises(ValueError, match=message):
        op.result_type((ir.TensorType(shape, NIBBLE),))


def test_factors_are_checked() -> None:
    with pytest.raises(ValueError, match=r"Factors of u must be 1 or more, not \(0, 1\)"):
        ir.Upsample("u", ("x",), 0, 1)


def test_upsampling_of_a_source_network() -> None:
    x = np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)
    larger = Upsample(2, 3).evaluate(x)
    np.testing.assert_array_equal(larger, x.repeat(2, axis=1).repeat(3, axis=2))
