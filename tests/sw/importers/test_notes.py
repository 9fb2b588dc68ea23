"""What a user is told of layers that are not exact: in the graph, the check and the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant import Int8WeightPerChannelFloat
from torch import nn

import sterna
from sterna.ir import Graph
from sterna_flows.cli import run

from .onnx_files import Sketch


class Residual(nn.Module):
    """A convolution beside nothing at all, each with a scale of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = QuantIdentity(bit_width=4)
        self.conv = QuantConv2d(3, 3, 3, padding=1, weight_bit_width=4)
        self.norm = nn.BatchNorm2d(3)
        self.relu = QuantReLU(bit_width=4)
        self.sum = QuantIdentity(bit_width=4)
        self.last = QuantLinear(75, 4, bias=True, weight_bit_width=4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        y = self.relu(self.norm(self.conv(x)))
        return self.last(torch.flatten(self.sum(x + y), 1))


def chain(*behind: nn.Module, channels: bool = False, bits: int = 4) -> nn.Module:
    """Two layers with biases, and what stands behind the first one."""
    more: dict[str, Any] = {"weight_quant": Int8WeightPerChannelFloat} if channels else {}
    first = QuantLinear(16, 24, bias=True, weight_bit_width=bits, **more)
    last = QuantLinear(24, 5, bias=True, weight_bit_width=4, **more)
    return nn.Sequential(QuantIdentity(bit_width=8), first, *behind, last)


KINDS = {
    "float_scales": lambda: (chain(QuantReLU(bit_width=4)), (16,)),
    "batch_norm": lambda: (chain(nn.BatchNorm1d(24), QuantReLU(bit_width=4)), (16,)),
    "scales_of_channels": lambda: (chain(QuantReLU(bit_width=4), channels=True), (16,)),
    "signed_activations": lambda: (chain(QuantIdentity(bit_width=4)), (16,)),
    "wide_activations": lambda: (chain(QuantIdentity(bit_width=12)), (16,)),
    "all_at_once": lambda: (
        chain(nn.BatchNorm1d(24), QuantReLU(bit_width=12), channels=True, bits=8),
        (16,),
    ),
    "residual": lambda: (Residual(), (3, 5, 5)),
}
"""Modules with random float scales: no power of two among them."""

NOT_EXACT = {"wide_activations": ["layer_2"], "all_at_once": ["layer_3"]}


@pytest.mark.parametrize("name", KINDS)
def test_live_modules(name: str) -> None:
    """What is not exact is refused, and accepted with its measure; outputs agree all the same."""
    torch.manual_seed(3)
    module, shape = KINDS[name]()
    module.train()
    for _ in range(3):
        module(torch.randn(64, *shape))
    module.eval()
    if name in NOT_EXACT:
        with pytest.raises(ValueError, match="accept approximate=True"):
            sterna.from_brevitas(module, shape)
    graph = sterna.from_brevitas(module, shape, approximate=True)
    differing = [note for note in graph.notes if not note.is_exact]
    assert [note.layer for note in differing] == NOT_EXACT.get(name, [])
    assert all(0.999 < note.agreement < 1 for note in differing)
    logits = graph.note(graph.output_name)
    assert logits is not None and logits.form == "logits" and logits.error_bound > 0
    x = torch.randn(200, *shape)
    with torch.no_grad():
        wanted = module(x).numpy()
    # Codes are equal but for those that float sums of the network itself put on the other side.
    assert (np.abs(graph.run(x.numpy()) - wanted) < 1e-4).mean() > 0.99
    for note in graph.notes:
        assert f"({note})" in str(graph)


def wide() -> Sketch:
    """A quantiser of 12 bits with a scale that no multiplier of 62 bits gives exactly."""
    sketch = Sketch(("batch", 96))
    draw = np.random.default_rng(0)
    weights = sketch.constant(draw.integers(-7, 8, (96, 3)) * 0.0371)
    stored = sketch.quant(weights, 0.0371, 4)
    x = sketch.node("MatMul", sketch.quant("x", 0.0123, 8), stored, name="fc")
    biased = sketch.node("Add", x, sketch.constant(draw.normal(0, 1, 3)), name="bias")
    sketch.quant(biased, 0.00171, 12, name="wide")
    return sketch


def test_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = wide().write(tmp_path, "wide")
    assert run(["check", str(path)]) == 2
    assert "accept approximate=True" in capsys.readouterr().err
    assert run(["check", str(path), "--approximate"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "supported, not exact in wide" in told and "equal on 99." in told
    out = tmp_path / "out"
    arguments = ["build", str(path), "--target", "ecp5-25k", "-o", str(out)]
    assert run(arguments) == 2
    assert run([*arguments, "--approximate"]) == 0
    layers = json.loads((out / "report.json").read_text())["layers"]
    (found,) = (layer["import"] for layer in layers if layer["name"] == "wide")
    assert found["form"] == "dyadic" and 0.99 < found["agreement"] < 1


def test_notes_are_no_part_of_the_meaning(tmp_path: Path) -> None:
    graph = sterna.load(wide().write(tmp_path, "wide"), approximate=True)
    assert graph.notes
    bare = Graph(graph.name, graph.ops, graph.inputs, graph.outputs, graph.source_shape)
    assert bare == graph and bare.note("wide") is None
