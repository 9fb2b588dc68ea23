"""Live Brevitas modules: the integer graph equals the module, and what is refused."""

from __future__ import annotations

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8Bias,
    ShiftedUint8ActPerTensorFloat,
    ShiftedUint8WeightPerTensorFloat,
)
from torch import nn

from sterna.importers import from_brevitas, lower, read_brevitas
from sterna.ir import MatMul
from sterna.source.quantiser import Quantiser
from sterna.unsupported import UnsupportedError

from .networks import (
    INPUT_SIZE,
    WEIGHTS,
    activation,
    calibrate,
    linear,
    random_inputs,
    random_network,
)


def outputs_of(module, x):
    with torch.no_grad():
        y = module(torch.from_numpy(x))
    return getattr(y, "value", y).numpy()


@pytest.mark.parametrize("seed", range(60), ids=lambda seed: f"seed{seed}")
def test_power_of_two_networks_are_equal(seed):
    module = random_network(seed)
    x = random_inputs(seed)
    lowering = lower(read_brevitas(module, (3, 4)))
    assert all(note.agreement == 1 for note in lowering.notes)
    assert all(note.error_bound == 0 for note in lowering.notes)
    np.testing.assert_array_equal(lowering.graph.run(x), outputs_of(module, x))


@pytest.mark.parametrize("seed", range(30), ids=lambda seed: f"seed{seed}")
def test_float_scales_in_double_precision_are_equal(seed):
    # In float64 the module's own rounding lies far below the distance of any value from a
    # threshold, so every code must be the same; logits differ by no more than the stated bound.
    module = random_network(seed, power_of_two=False).double()
    x = random_inputs(seed).astype(np.float64)
    source = read_brevitas(module, (3, 4))
    assert source.number_type == "float64"
    lowering = lower(source)
    graph = lowering.graph
    # The input edge divides in float32; the module's own codes keep that difference out.
    values = source.run_values(x)
    node = next(node for node in source.nodes if isinstance(node.operation, Quantiser))
    quantiser = node.operation
    assert isinstance(quantiser, Quantiser)
    codes = quantiser.codes(values[node.inputs[0]])
    if graph.types[graph.input_name].range.high == 0 and quantiser.step == 2:
        codes = (codes - 1) // 2
    result = graph.run_integers(codes + graph.inputs[graph.input_name].zero_point)
    bound = max(note.error_bound for note in lowering.notes)
    expected = outputs_of(module, x)
    edge = graph.outputs[graph.output_name]
    difference = np.abs((result - edge.zero_point) * edge.scale - expected)
    assert difference.max() <= bound + 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_are_the_layers_own(weights):
    torch.manual_seed(1)
    layer = linear(weights, INPUT_SIZE, 6, bias=False)
    module = nn.Sequential(activation("identity", 4), layer)
    calibrate(module, torch.randn(50, INPUT_SIZE))
    graph = from_brevitas(module, (INPUT_SIZE,))
    (matmul,) = [op for op in graph.ops if isinstance(op, MatMul)]
    quantised = layer.quant_weight()
    np.testing.assert_array_equal(
        matmul.weights, np.round((quantised.value / quantised.scale).detach().numpy())
    )
    alphabet = weights.split()[0]
    if alphabet in ("binary", "ternary"):
        assert (matmul.alphabet.name, matmul.planes) == (alphabet, 1)
    if weights == "int2 full":
        assert (matmul.alphabet.name, matmul.planes) == ("two_bit", 1)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_ternary_threshold_decides_zeros(threshold):
    torch.manual_seed(2)
    layer = linear(f"ternary {threshold}", INPUT_SIZE, 16, bias=False)
    module = nn.Sequential(activation("identity", 4), layer)
    calibrate(module, torch.randn(50, INPUT_SIZE))
    (matmul,) = [op for op in from_brevitas(module, (INPUT_SIZE,)).ops if isinstance(op, MatMul)]
    raw = layer.weight.detach().numpy()
    expected = np.sign(raw) * (np.abs(raw) > np.float32(threshold) * np.float32(0.125))
    np.testing.assert_array_equal(matmul.weights, expected.astype(np.int64))


def test_names_come_from_the_layers():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.quantise = activation("identity", 4)
            self.first = linear("ternary", INPUT_SIZE, 6, bias=True)
            self.act = activation("relu", 4)
            self.last = linear("ternary", 6, 3, bias=False)

        def forward(self, x):
            x = self.quantise(x.view(x.shape[0], -1))
            return self.last(self.act(self.first(x)))

    module = Named()
    calibrate(module, torch.randn(50, 3, 4))
    graph = from_brevitas(module, (3, 4))
    assert graph.name == "Named"
    assert [op.name for op in graph.ops] == ["x", "first", "act", "last", "last.logits"]
    assert graph.source_shape == (3, 4)


@pytest.mark.parametrize(
    "forward",
    [
        lambda self, x: self.net(torch.flatten(x, 1)),
        lambda self, x: self.net(x.flatten(1)),
        lambda self, x: self.net(x.reshape(x.size(0), -1)),
        lambda self, x: self.net(x.view(-1, INPUT_SIZE)),
        lambda self, x: self.net(x.view((x.shape[0], INPUT_SIZE)).contiguous()),
        lambda self, x: self.net(torch.relu(nn.functional.dropout(x.flatten(1), 0.1, False))),
        lambda self, x: self.net(torch.clamp(x.flatten(1), -1.0, 1.5)),
        lambda self, x: (self.net(x.flatten(1)) * 2 - 0.5) / 4 + 1,
        lambda self, x: 1 - self.net(x.flatten(1)),
        lambda self, x: -self.net(x.flatten(1)),
    ],
    ids=range(10),
)
def test_spellings_of_forward(forward):
    class Spelled(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(
                activation("identity", 5), linear("int4", INPUT_SIZE, 4, bias=True)
            )

    Spelled.forward = forward
    torch.manual_seed(3)
    module = Spelled()
    calibrate(module, torch.randn(50, 3, 4))
    x = random_inputs(3)
    np.testing.assert_array_equal(from_brevitas(module, (3, 4)).run(x), outputs_of(module, x))


def test_layers_with_input_output_and_bias_quantisers():
    torch.manual_seed(4)
    first = linear(
        "int5",
        INPUT_SIZE,
        6,
        True,
        bias_quant=Int8Bias,
        output_quant=Int8ActPerTensorFixedPoint,
        output_bit_width=6,
        return_quant_tensor=True,
    )
    module = nn.Sequential(
        activation("identity", 6, return_quant_tensor=True), first, linear("int3", 6, 3, False)
    )
    calibrate(module, torch.randn(64, INPUT_SIZE))
    x = random_inputs(4).reshape(-1, INPUT_SIZE)
    source = read_brevitas(module, (INPUT_SIZE,))
    assert "1.output_quant" in [node.name for node in source.nodes]
    np.testing.assert_array_equal(lower(source).graph.run(x), outputs_of(module, x))


def test_zero_points_are_exact():
    # The float scales are replaced by powers of two, so that equality is exact.
    torch.manual_seed(5)
    first = qnn.QuantIdentity(
        act_quant=ShiftedUint8ActPerTensorFloat, restrict_scaling_type="power_of_two", bit_width=5
    )
    middle = qnn.QuantIdentity(
        act_quant=ShiftedUint8ActPerTensorFloat, restrict_scaling_type="power_of_two", bit_width=4
    )
    weights = {
        "weight_quant": ShiftedUint8WeightPerTensorFloat,
        "weight_restrict_scaling_type": "power_of_two",
    }
    module = nn.Sequential(
        first,
        qnn.QuantLinear(INPUT_SIZE, 6, bias=False, weight_bit_width=3, **weights),
        middle,
        qnn.QuantLinear(6, 3, bias=False, weight_bit_width=4, **weights),
    )
    calibrate(module, torch.randn(64, INPUT_SIZE) + 0.7)
    x = random_inputs(5).reshape(-1, INPUT_SIZE)
    graph = from_brevitas(module, (INPUT_SIZE,))
    assert graph.inputs[graph.input_name].zero_point != 0
    np.testing.assert_array_equal(graph.run(x), outputs_of(module, x))


def test_training_mode_is_left_as_it_was():
    module = random_network(0)
    module.train()
    module[1].eval()
    before = [part.training for part in module.modules()]
    from_brevitas(module, (3, 4))
    assert [part.training for part in module.modules()] == before


def test_reading_does_not_change_with_calls():
    module = random_network(7)
    assert from_brevitas(module, (3, 4)) == from_brevitas(module, (3, 4))


def refused(module, shape=(INPUT_SIZE,)):
    with pytest.raises(UnsupportedError) as caught:
        from_brevitas(module, shape)
    assert "\n" not in str(caught.value)
    return [(problem.layer, problem.reason) for problem in caught.value.problems]


def test_every_offending_layer_is_listed_at_once():
    module = nn.Sequential(
        nn.Linear(INPUT_SIZE, 8),
        nn.Softmax(dim=1),
        activation("identity", 4),
        nn.Conv1d(1, 1, 3),
        linear("ternary", 8, 4, False),
        linear("ternary", 4, 3, False),
    )
    assert refused(module) == [
        ("0", "weights must be quantised, not float"),
        ("1", "layer Softmax is unknown"),
        ("3", "weights must be quantised, not float"),
        ("5", "input must be quantised, not float"),
    ]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_must_be_finite(bad):
    layer = linear("int4", INPUT_SIZE, 4, False)
    with torch.no_grad():
        layer.weight[1, 2] = bad
    assert refused(nn.Sequential(activation("binary", 1), layer)) == [
        ("1", f"weights must be finite, not {bad}")
    ]


def test_bias_must_be_finite():
    layer = linear("int4", INPUT_SIZE, 4, True)
    with torch.no_grad():
        layer.bias[1] = float("nan")
    assert refused(nn.Sequential(activation("binary", 1), layer)) == [
        ("1.bias", "constants must be finite")
    ]


def test_unquantised_input_is_refused():
    assert refused(nn.Sequential(linear("int4", INPUT_SIZE, 4, True))) == [
        ("0", "input must be quantised, not float")
    ]


def test_wrong_sizes_are_refused():
    module = nn.Sequential(activation("binary", 1), linear("int4", INPUT_SIZE, 4, True))
    assert refused(module, (INPUT_SIZE + 1,)) == [
        ("1", f"Last axis of the input must be {INPUT_SIZE}, not of shape ({INPUT_SIZE + 1},)")
    ]


def test_control_flow_on_data_is_refused():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    ((layer, reason),) = refused(nn.Sequential(Branching()))
    assert layer == "Sequential"
    assert reason.startswith("forward pass must be traceable, not depend on data")


def test_only_modules_are_read():
    with pytest.raises(TypeError, match="Module must be a torch module, not int"):
        from_brevitas(3, (4,))
    with pytest.raises(ValueError, match="Input shape must hold positive axes"):
        from_brevitas(nn.Sequential(), ())
