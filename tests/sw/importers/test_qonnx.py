"""QONNX files of several writers: what they mean, and what is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from brevitas.export import export_qonnx

from sterna.importers import load_qonnx, lower, read_qonnx
from sterna.ir import MatMul
from sterna.unsupported import UnsupportedError

from .networks import random_inputs, random_network
from .onnx_files import Sketch

WEIGHTS = np.array([[1.0, -0.5, 0.0], [0.5, 0.5, -1.0], [0.0, 1.0, 0.5], [-1.0, 0.0, 0.5]])
X = np.round(np.random.default_rng(0).normal(0, 3, (200, 4)) * 4).astype(np.float32) / 4


def quantised(x, scale, low, high):
    return np.clip(np.rint(x / scale), low, high) * scale


def execute_by_qonnx(path, x):
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.util.cleanup import cleanup_model

    model = cleanup_model(ModelWrapper(str(path)), override_inpsize=len(x))
    ((_, result),) = execute_onnx(model, {model.graph.input[0].name: x}).items()
    return result


def plain(sketch):
    """Input quantiser and quantised weights ``[4, 3]``, the start of most files here."""
    x = sketch.quant("x", 0.5, 4, name="quantise")
    return x, sketch.quant(sketch.constant(WEIGHTS), 0.5, 3, name="weights")


def reference():
    return quantised(X, 0.5, -8, 7) @ WEIGHTS.astype(np.float32)


def test_matmul(tmp_path):
    sketch = Sketch()
    x, weights = plain(sketch)
    graph = load_qonnx(sketch.write(tmp_path, sketch.node("MatMul", x, weights, name="fc")))
    assert graph.name == "sketch"
    assert [op.name for op in graph.ops] == ["x", "fc", "fc.logits"]
    np.testing.assert_array_equal(graph.run(X), reference())


SPELLINGS = {
    "gemm": lambda s, x, w: s.node("Gemm", x, w),
    "gemm with bias": lambda s, x, w: s.node(
        "Sub", s.node("Gemm", x, w, s.constant([1, 2, 3])), s.constant([1, 2, 3])
    ),
    "weights transposed": lambda s, x, w: s.node(
        "MatMul",
        x,
        s.node("Transpose", s.quant(s.constant(WEIGHTS.T), 0.5, 3), perm=[1, 0]),
    ),
    "gemm transposed": lambda s, x, w: s.node(
        "Gemm", x, s.quant(s.constant(WEIGHTS.T), 0.5, 3), transB=1
    ),
    "transposed before": lambda s, x, w: s.node(
        "MatMul", x, s.quant(s.node("Transpose", s.constant(WEIGHTS.T), perm=[1, 0]), 0.5, 3)
    ),
    "IntQuant": lambda s, x, w: s.node(
        "MatMul", x, s.quant(s.constant(WEIGHTS), 0.5, 3, kind="IntQuant")
    ),
    "scale after": lambda s, x, w: s.node(
        "Mul", s.constant(0.5), s.node("MatMul", x, s.quant(s.constant(WEIGHTS * 2), 1.0, 3))
    ),
    "divisor after": lambda s, x, w: s.node(
        "Div", s.node("MatMul", x, s.quant(s.constant(WEIGHTS * 2), 1.0, 3)), s.constant([2.0])
    ),
    "channels": lambda s, x, w: s.node(
        "MatMul", x, s.quant(s.constant(WEIGHTS), [[0.5, 0.25, 0.5]], 4)
    ),
    "identity and dropout": lambda s, x, w: s.node(
        "Dropout", s.node("Identity", s.node("MatMul", x, w))
    ),
    "constant nodes": lambda s, x, w: s.node(
        "Add",
        s.node("MatMul", x, w),
        s.node("Constant", value_floats=[0.0, 0.0, 0.0]),
    ),
    "folded arithmetic": lambda s, x, w: s.node(
        "Add",
        s.node("MatMul", x, w),
        s.node("Mul", s.constant([1.0, 2.0, 3.0]), s.constant(0.0)),
    ),
    "negated twice": lambda s, x, w: s.node(
        "Sub", s.constant(0.0), s.node("Neg", s.node("MatMul", x, w))
    ),
    "batch norm": lambda s, x, w: s.node(
        "BatchNormalization",
        s.node("MatMul", x, w),
        s.constant([1, 1, 1]),
        s.constant([2, 3, 4]),
        s.constant([2, 3, 4]),
        s.constant([1, 1, 1]),
        epsilon=0.0,
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_of_a_linear_layer(spelling, tmp_path):
    sketch = Sketch()
    x, weights = plain(sketch)
    path = sketch.write(tmp_path, spelling(sketch, x, weights))
    np.testing.assert_array_equal(load_qonnx(path).run(X), reference())
    assert read_qonnx(path).problems == ()


FLATTENS = {
    "flatten": lambda s, x: s.node("Flatten", x),
    "negative axis": lambda s, x: s.node("Flatten", x, axis=-2),
    "reshape": lambda s, x: s.node("Reshape", x, s.constant([0, -1], np.int64)),
    "open batch": lambda s, x: s.node("Reshape", x, s.constant([-1, 4], np.int64)),
    "computed": lambda s, x: s.node(
        "Reshape",
        x,
        s.node(
            "Concat",
            s.node(
                "Unsqueeze",
                s.node("Gather", s.node("Shape", x), s.constant(0, np.int64), axis=0),
                s.constant([0], np.int64),
            ),
            s.constant([-1], np.int64),
            axis=0,
        ),
    ),
}


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize("flatten", FLATTENS.values(), ids=FLATTENS)
def test_flatten(flatten, place, tmp_path):
    sketch = Sketch(("batch", 2, 2))
    x = sketch.quant("x" if place == "behind" else flatten(sketch, "x"), 0.5, 4)
    x = flatten(sketch, x) if place == "behind" else x
    weights = sketch.quant(sketch.constant(WEIGHTS), 0.5, 3)
    graph = load_qonnx(sketch.write(tmp_path, sketch.node("MatMul", x, weights)))
    assert graph.source_shape == (2, 2)
    assert graph.types[graph.input_name].shape == (4,)
    np.testing.assert_array_equal(graph.run(X.reshape(-1, 2, 2)), reference())


@pytest.mark.parametrize("batch", [1, 7, "n", None], ids=str)
def test_batch_axis(batch, tmp_path):
    sketch = Sketch((batch, 2, 2))
    target = [batch, 4] if isinstance(batch, int) else [-1, 4]
    x = sketch.quant(sketch.node("Reshape", "x", sketch.constant(target, np.int64)), 0.5, 4)
    weights = sketch.quant(sketch.constant(WEIGHTS), 0.5, 3)
    path = sketch.write(tmp_path, sketch.node("MatMul", x, weights))
    np.testing.assert_array_equal(load_qonnx(path).run(X.reshape(-1, 2, 2)), reference())


@pytest.mark.parametrize(
    "rounding",
    ["ROUND", "HALF_EVEN", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "round"],
)
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("zero", [0.0, 3.0, -2.0])
def test_quantisers_mean_what_qonnx_executes(rounding, signed, zero, tmp_path):
    sketch = Sketch()
    x, weights = plain(sketch)
    x = sketch.node("MatMul", x, weights)
    x = sketch.quant(x, 0.75, 4, zero=zero, signed=signed, rounding_mode=rounding)
    path = sketch.write(tmp_path, x)
    np.testing.assert_array_equal(load_qonnx(path).run(X), execute_by_qonnx(path, X))


@pytest.mark.parametrize("bits", [1.0, 2.0, 5.0, 8.0])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("narrow", [0, 1])
def test_bit_widths_mean_what_qonnx_executes(bits, signed, narrow, tmp_path):
    if bits == 1 and narrow and not signed:
        bits = 3.0
    sketch = Sketch()
    x, weights = plain(sketch)
    x = sketch.node("Relu", sketch.node("MatMul", x, weights))
    x = sketch.node("Clip", x, sketch.constant(0.25), sketch.constant(3.0))
    path = sketch.write(tmp_path, sketch.quant(x, 0.25, bits, signed=signed, narrow=narrow))
    np.testing.assert_array_equal(load_qonnx(path).run(X), execute_by_qonnx(path, X))


def test_bipolar_weights_and_activations(tmp_path):
    sketch = Sketch()
    x = sketch.quant("x", 0.5, 4)
    weights = sketch.node("BipolarQuant", sketch.constant(WEIGHTS), sketch.constant(0.25))
    x = sketch.node("BipolarQuant", sketch.node("MatMul", x, weights), sketch.constant(0.5))
    path = sketch.write(tmp_path, x)
    graph = load_qonnx(path)
    matmul = graph.ops[1]
    assert isinstance(matmul, MatMul)
    assert matmul.alphabet.name == "binary"
    np.testing.assert_array_equal(graph.run(X), execute_by_qonnx(path, X))


# Seeds without threshold ternary weights and without 1-bit unsigned activations, both of which
# Brevitas' own export turns into something else (see docs/importing.md).
@pytest.mark.parametrize(
    ("seed", "dynamo"),
    [(0, False), (2, False), (5, False), (8, False), (8, True)],
    ids=["seed0", "seed2", "seed5", "seed8", "seed8-dynamo"],
)
def test_files_of_brevitas_export(seed, dynamo, tmp_path):
    module = random_network(seed)
    path = tmp_path / "brevitas.onnx"
    export_qonnx(module, torch.zeros(1, 3, 4), str(path), dynamo=dynamo)
    x = random_inputs(seed)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(load_qonnx(path).run(x), expected)


def problems(path):
    with pytest.raises(UnsupportedError) as caught:
        load_qonnx(path)
    assert "\n" not in str(caught.value)
    return [(problem.layer, problem.reason) for problem in caught.value.problems]


def test_every_problem_is_listed_at_once(tmp_path):
    sketch = Sketch()
    x = sketch.quant("x", 0.0, 4, name="zero")
    x = sketch.node("MatMul", x, sketch.constant(WEIGHTS), name="float")
    x = sketch.node("Softmax", x, name="soft")
    bad = sketch.quant(sketch.constant(np.full((3, 2), np.nan)), 0.5, 3, name="nan")
    x = sketch.node("MatMul", x, bad, name="fc")
    x = sketch.quant(x, 0.5, 4, zero=0.5, name="half")
    assert problems(sketch.write(tmp_path, x)) == [
        ("zero", "scale must be finite and above zero, not 0.0"),
        ("float", "weights must be quantised, not float"),
        ("soft", "operation Softmax is unknown"),
        ("nan", "weights must be finite, not nan"),
        ("half", "zero point must be a small integer, not 0.5"),
    ]


def test_layer_names_and_remedies_are_given(tmp_path):
    sketch = Sketch()
    x = sketch.node("MatMul", "x", plain(sketch)[1], name="fc")
    with pytest.raises(UnsupportedError, match="^fc: input must be quantised, not float; put a"):
        load_qonnx(sketch.write(tmp_path, x))


def test_wide_outputs_with_float_scales_can_be_exact(tmp_path):
    sketch = Sketch()
    x = sketch.quant("x", 0.3, 8)
    weights = sketch.quant(sketch.constant(WEIGHTS * 50), 0.7, 8)
    x = sketch.quant(sketch.node("MatMul", x, weights), 0.0123, 14, name="wide")
    lowering = lower(read_qonnx(sketch.write(tmp_path, x)))
    assert lowering.notes[-1].form == "dyadic"
    assert lowering.notes[-1].agreement == 1


def test_approximate_requantisation_reports_agreement(tmp_path):
    # A sum beyond 2**20 keeps three fractional bits in float32: no multiplier does the same.
    sketch = Sketch()
    x = sketch.quant("x", 0.3, 8)
    weights = sketch.quant(sketch.constant(WEIGHTS * 80), 0.3, 10)
    x = sketch.node("Add", sketch.node("MatMul", x, weights), sketch.constant(2.0**20 + 0.1))
    x = sketch.node("Sub", x, sketch.constant(2.0**20))
    path = sketch.write(tmp_path, sketch.quant(x, 0.0123, 14, name="wide"))
    ((layer, reason),) = problems(path)
    assert layer == "wide"
    assert reason.startswith("dyadic requantisation must be exact, but agrees on ")
    lowering = lower(read_qonnx(path), approximate=True)
    assert 0 < lowering.notes[-1].agreement < 1
    assert reason.endswith(f"{lowering.notes[-1].agreement:.6%} of accumulator values")


def test_wide_outputs_with_power_of_two_scales_are_exact(tmp_path):
    sketch = Sketch()
    x = sketch.quant("x", 0.25, 8)
    weights = sketch.quant(sketch.constant(WEIGHTS * 50), 0.5, 8)
    x = sketch.node("Relu", sketch.node("MatMul", x, weights))
    path = sketch.write(tmp_path, sketch.quant(x, 0.5, 12, name="wide"))
    lowering = lower(read_qonnx(path))
    assert lowering.notes[-1].form == "dyadic"
    assert lowering.notes[-1].agreement == 1
    np.testing.assert_array_equal(lowering.graph.run(X), execute_by_qonnx(path, X))


def test_opset_of_old_files(tmp_path):
    sketch = Sketch()
    x, weights = plain(sketch)
    x = sketch.node("Clip", sketch.node("MatMul", x, weights), min=-1.0, max=2.0)
    x = sketch.quant(x, 0.5, 4)
    path = sketch.write(tmp_path, x, opset=9)
    np.testing.assert_array_equal(
        load_qonnx(path).run(X), quantised(np.clip(reference(), -1, 2), 0.5, -8, 7)
    )


def test_double_files(tmp_path):
    sketch = Sketch()
    x, weights = plain(sketch)
    model = sketch.model(sketch.node("MatMul", x, weights))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    path = tmp_path / "double.onnx"
    path.write_bytes(model.SerializeToString())
    assert read_qonnx(path).number_type == "float64"
    np.testing.assert_array_equal(load_qonnx(path).run(X), reference())
