"""Integer inputs: pixels as they come from a camera, in files and modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from sterna import ir
from sterna.exporters import write_qonnx
from sterna.importers import from_brevitas, load_qonnx, lower
from sterna.importers.integer_input import integer_input
from sterna.source import Add, Divide, IntegerInput, Multiply, SourceBuilder
from sterna_hw.base import IntegerRange

from .image_networks import IMAGE, convolution
from .networks import activation, calibrate, linear
from .onnx_files import Sketch
from .test_qonnx import execute_by_qonnx

PIXELS = IntegerRange(0, 255)


def network(steps: list, signed: bool, bits: int, scale: float, values: IntegerRange = PIXELS):
    builder = SourceBuilder("pixels", "float32", IntegerInput(values))
    x = builder.input("x", (3,))
    for number, step in enumerate(steps):
        x = builder.add(f"step{number}", step, x)
    x = builder.quantise("quantise", x, np.float32(scale), 0, bits, signed, False, "ROUND")
    return builder.finish(builder.linear("fc", x, np.eye(3), np.float32(1), None))


def float32(*values: float) -> np.ndarray:
    return np.squeeze(np.array(values, dtype=np.float32))


CASES = {
    "plain": ([Divide(float32(255))], False, 8, 1 / 255, True),
    "centred": ([Add(float32(-128))], True, 8, 1.0, True),
    "half": ([Divide(float32(255))], False, 7, 1 / 127, False),
    "two bits": ([Divide(float32(255))], False, 2, 1 / 3, False),
    "channels": (
        [
            Divide(float32(255)),
            Add(float32(-0.485, -0.456, -0.406)),
            Divide(float32(0.229, 0.224, 0.225)),
        ],
        True,
        8,
        2.64 / 127,
        False,
    ),
    "turned": ([Divide(float32(-255)), Add(float32(1))], False, 8, 1 / 255, False),
    "clipped": ([Multiply(float32(2 / 255))], False, 8, 1 / 255, False),
}


@pytest.mark.parametrize(("steps", "signed", "bits", "scale", "is_free"), CASES.values(), ids=CASES)
def test_every_pixel_is_what_the_network_makes_of_it(
    steps: list, signed: bool, bits: int, scale: float, is_free: bool
) -> None:
    source = network(steps, signed, bits, scale)
    graph = lower(source).graph
    x = np.repeat(np.arange(256)[:, np.newaxis], 3, axis=1)
    np.testing.assert_array_equal(graph.run(x).astype(np.float32), source.run(x))
    assert graph.types["x"].range == PIXELS
    assert any(isinstance(op, ir.Threshold) for op in graph.ops) != is_free


def test_a_layer_may_read_pixels_that_are_only_scaled() -> None:
    builder = SourceBuilder("pixels", "float32", IntegerInput(PIXELS))
    x = builder.add("unit", Divide(float32(256)), builder.input("x", (3,)))
    weights = np.array([[1, -1, 0], [0, 1, 1]])
    source = builder.finish(builder.linear("fc", x, weights, float32(0.5), None))
    graph = lower(source).graph
    x = np.random.default_rng(0).integers(0, 256, (50, 3))
    np.testing.assert_array_equal(graph.run(x), source.run(x))


def test_a_module_of_pixels(tmp_path: Any) -> None:
    """Padding lies at the code of zero, wherever that is; the file says that pixels come."""
    torch.manual_seed(3)
    first = activation("identity", 8)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = first
            self.conv = convolution("ternary", 2, 3, 3, padding=1, bias=True)
            self.last = linear("int4", 3 * 7 * 6, 4, True)
            self.act = activation("relu", 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.act(self.conv(self.first((x - 128) / 128)))
            return self.last(x.flatten(1))

    module = Network()
    pixels = torch.randint(0, 256, (64, *IMAGE)).float()
    calibrate(module, pixels)
    with torch.no_grad():
        expected = module(pixels).numpy()
    graph = from_brevitas(module, IMAGE, input_type="uint8")
    np.testing.assert_array_equal(graph.run(pixels.numpy()).astype(np.float32), expected)
    path = tmp_path / "pixels.onnx"
    write_qonnx(module, path, IMAGE, input_type="uint8")
    assert load_qonnx(path).types == graph.types
    np.testing.assert_array_equal(execute_by_qonnx(path, pixels.numpy()), expected)


@pytest.mark.parametrize("said", ["type", "annotation", "argument"])
def test_files_say_what_comes(said: str, tmp_path: Any) -> None:
    sketch = Sketch(("batch", 3))
    x = sketch.node("Cast", "x", to=onnx.TensorProto.FLOAT) if said == "type" else "x"
    x = sketch.quant(sketch.node("Div", x, sketch.constant(255.0)), 1 / 255, 8, signed=0)
    weights = sketch.quant(sketch.constant(np.eye(3)), 1.0, 2)
    model = sketch.model(sketch.node("MatMul", x, weights))
    if said == "type":
        model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    elif said == "annotation":
        annotation = model.graph.quantization_annotation.add(tensor_name="x")
        annotation.quant_parameter_tensor_names.add(key="finn_datatype", value="UINT8")
    path = tmp_path / "pixels.onnx"
    path.write_bytes(model.SerializeToString())
    graph = load_qonnx(path, input_type="uint8" if said == "argument" else None)
    assert [op.kind for op in graph.ops] == ["input", "matmul", "requantize"]
    assert graph.types[graph.input_name].range == PIXELS
    assert graph.inputs[graph.input_name].scale == 1.0


def test_refuses_other_types() -> None:
    assert integer_input("float") is None
    assert integer_input("uint8/255") == IntegerInput(PIXELS, 1 / 255)
    for name in ("rgb", "uint8/", "uint8/0", "uint8/-3", "float/2"):
        with pytest.raises(ValueError, match=f"Input type must be one of float, .* not '{name}'"):
            integer_input(name)
