"""Super-resolution networks made by others: the quantised ESPCN models in the package of qonnx.

Their images are cut to a small size, which changes no weight. Their scales are no powers of two and
qonnx sums floats, so a code may differ where a sum lies on a threshold: what is measured is told,
and bounded here.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sterna import ir
from sterna.importers import load_qonnx
from sterna.ir import parse_graph, print_graph
from sterna.unsupported import UnsupportedError

from .test_qonnx import execute_by_qonnx

SIDE = 10


def small_model(name: str, folder: Path, side: int = SIDE) -> Path:
    """One of the models for images of ``side`` by ``side`` pixels."""
    data = importlib.resources.files("qonnx") / "data" / "onnx" / "bsd300x3-espcn" / name
    model = onnx.load_from_string((data / "quant_model.onnx").read_bytes())
    for axis in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        axis.dim_value = side
    del model.graph.value_info[:]
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("name", "input_type", "enlarging"),
    [("nn_resize", None, ir.Upsample), ("subpixel", "uint8/255", ir.PixelShuffle)],
)
def test_equal_to_qonnx(name: str, input_type: Any, enlarging: Any, tmp_path: Path) -> None:
    path = small_model(name, tmp_path)
    graph = load_qonnx(path, input_type=input_type)
    assert parse_graph(print_graph(graph)) == graph
    op: Any = next(op for op in graph.ops if isinstance(op, enlarging))
    assert (op.down, op.across) == (2, 2)
    assert graph.types[graph.output_name].shape == (2 * SIDE, 2 * SIDE, 3)
    # Half noise, half a smooth picture, as pixels from 0 to 255.
    generator = np.random.default_rng(1)
    waves = np.sin(np.arange(SIDE) / generator.uniform(1, 4, (2, 3, 1)))
    smooth = 127 + 120 * waves[0][:, :, np.newaxis] * waves[1][:, np.newaxis, :]
    pixels = np.stack([smooth.round(), generator.integers(0, 256, (3, SIDE, SIDE))])
    x = (pixels / 255).astype(np.float32)
    given = graph.run(x).reshape(2, 2 * SIDE, 2 * SIDE, 3).transpose(0, 3, 1, 2)
    expected = np.concatenate([execute_by_qonnx(path, image[np.newaxis]) for image in x])
    steps = np.abs(given - expected) / graph.outputs[graph.output_name].scale
    assert np.unique(given).size > 20
    assert (steps < 0.5).mean() > 0.999
    assert steps.max() < 2.5


def test_a_float_input_is_refused(tmp_path: Path) -> None:
    """The other model quantises no input: it takes pixels, and that must be said."""
    with pytest.raises(UnsupportedError, match="windows must have a quantiser in front"):
        load_qonnx(small_model("subpixel", tmp_path))


def test_float_weights_are_refused() -> None:
    data = importlib.resources.files("qonnx") / "data" / "onnx" / "mnist-conv" / "model.onnx"
    with importlib.resources.as_file(data) as path, pytest.raises(UnsupportedError) as caught:
        load_qonnx(path)
    found = {problem.layer: problem.reason for problem in caught.value.problems}
    assert found["Times212"] == "weights must be quantised, not float"
