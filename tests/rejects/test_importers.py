"""Networks that must be refused: one row each, all in one line, before anything is built."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import ArrayLike

import sterna

from ..sw.importers.onnx_files import Sketch

WEIGHTS = np.eye(4, dtype=np.float32)


def network(
    shape=("batch", 4),
    scale=1.0,
    weights=WEIGHTS,
    weight_scale: ArrayLike = 1.0,
    quantise=True,
):
    sketch = Sketch(shape)
    x = sketch.quant("x", scale, 4, name="input_quant")
    stored = sketch.constant(weights)
    if quantise:
        stored = sketch.quant(stored, weight_scale, 3, name="weight_quant")
    return sketch, sketch.node("MatMul", x, stored, name="fc")


def content(sketch, output):
    return sketch.model(output).SerializeToString()


def with_last(kind, **options):
    sketch, x = network()
    return content(sketch, sketch.node(kind, x, name="last", **options))


def edited(edit):
    sketch, x = network()
    model = sketch.model(x)
    edit(model)
    return model.SerializeToString()


def two_inputs(model):
    model.graph.input.append(model.graph.input[0])
    model.graph.input[1].name = "second"


def integer_input(model):
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64


def short_constant(model):
    model.graph.initializer[3].raw_data = b"abc"


def undefined_input(model):
    model.graph.node[-1].input[0] = "nowhere"


def no_nodes(model):
    del model.graph.node[:]


def nan_weights():
    weights = WEIGHTS.copy()
    weights[2, 1] = np.nan
    return content(*network(weights=weights))


def infinite_weights():
    weights = WEIGHTS.copy()
    weights[2, 1] = np.inf
    return content(*network(weights=weights))


ROWS = {
    "empty": (lambda: b"", "sketch.onnx: must be an ONNX file"),
    "text": (lambda: b"this is no network\n" * 9, "sketch.onnx: must be an ONNX file"),
    "truncated": (lambda: content(*network())[:-60], "sketch.onnx: must be an ONNX file"),
    "half": (lambda: content(*network())[:200], "sketch.onnx: must be an ONNX file"),
    "no nodes": (lambda: edited(no_nodes), "sketch.onnx: must be an ONNX file"),
    "short constant": (lambda: edited(short_constant), "sketch.onnx: constant c3 must be readable"),
    "two inputs": (
        lambda: edited(two_inputs),
        "sketch.onnx: inputs and outputs must be one each, not 2 and 1",
    ),
    "integer input": (
        lambda: edited(integer_input),
        "sketch.onnx: input must be float, double or 8- or 16-bit integers, not int64",
    ),
    "undefined input": (
        lambda: edited(undefined_input),
        "fc: input nowhere must be defined before",
    ),
    "float model": (
        lambda: content(*network(quantise=False)),
        "fc: weights must be quantised, not float; quantise them",
    ),
    "NaN weight": (nan_weights, "weight_quant: weights must be finite, not nan"),
    "infinite weight": (infinite_weights, "weight_quant: weights must be finite, not inf"),
    "infinite scale": (
        lambda: content(*network(scale=np.inf)),
        "input_quant: scale must be finite and above zero, not inf",
    ),
    "zero scale": (
        lambda: content(*network(scale=0.0)),
        "input_quant: scale must be finite and above zero, not 0.0",
    ),
    "negative scale": (
        lambda: content(*network(scale=-0.5)),
        "input_quant: scale must be finite and above zero, not -0.5",
    ),
    "zero weight scale": (
        lambda: content(*network(weight_scale=0.0)),
        "weight_quant: weight scale must be finite and above zero, not 0.0",
    ),
    "NaN weight scale": (
        lambda: content(*network(weight_scale=np.nan)),
        "weight_quant: weight scale must be finite and above zero, not nan",
    ),
    "scale an input": (
        lambda: content(*network(weight_scale=[[1], [2], [3], [4]])),
        "fc: weight scale must be the same for all inputs of a channel",
    ),
    "unsupported operation": (lambda: with_last("Softmax"), "last: operation Softmax is unknown"),
    "activation at the end": (
        lambda: with_last("Relu"),
        "last: logits must be affine in the last layer's sums",
    ),
    "dynamic feature axis": (
        lambda: content(*network(shape=("batch", "features"))),
        "sketch.onnx: feature axes of input x must be fixed, not 'features'",
    ),
    "unknown feature axis": (
        lambda: content(*network(shape=("batch", None))),
        "sketch.onnx: feature axes of input x must be fixed, not None",
    ),
    "no batch axis": (
        lambda: content(*network(shape=(4,))),
        "sketch.onnx: input x must have a batch axis and features, not 1 axes",
    ),
    "wrong feature count": (
        lambda: content(*network(shape=("batch", 5))),
        "fc: Last axis of the input must be 4, not of shape (5,)",
    ),
    "flatten of the batch": (
        lambda: with_last("Flatten", axis=0),
        "last: flatten must start at axis 1, not 0",
    ),
}


@pytest.mark.parametrize(("make", "text"), ROWS.values(), ids=ROWS)
def test_file_is_refused(make, text, tmp_path):
    path = tmp_path / "sketch.onnx"
    path.write_bytes(make())
    with pytest.raises(sterna.UnsupportedError) as caught:
        sterna.load(path)
    message = str(caught.value)
    assert message.startswith(text)
    assert "\n" not in message
    assert all(problem.remedy for problem in caught.value.problems)
    assert list(tmp_path.iterdir()) == [path]


def test_folder_is_refused(tmp_path):
    with pytest.raises(sterna.UnsupportedError, match="must be a file, not a folder"):
        sterna.load(tmp_path)


def test_missing_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        sterna.load(tmp_path / "nowhere.onnx")
