"""A network as users name it on the command line: a file, or the name of a zoo network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import sterna
from sterna import golden
from sterna.importers.integer_input import integer_input
from sterna.ir import Graph
from sterna_models import zoo

__all__ = ["load_model", "sample_inputs"]


def load_model(model: str, input_type: str | None = None, approximate: bool = False) -> Graph:
    """The graph of a QONNX file, or of a zoo network if no such file exists; ``input_type`` and
    ``approximate`` as `sterna.load` takes them.

    Raises
    ------
    ValueError
        If it is neither, the network cannot be represented, or there is no such input type; the
        message names the file and every offending layer in one line.
    """
    integer_input(input_type)
    path = Path(model)
    if not path.exists() and model in zoo.names():
        path = zoo.path(model)
    elif not path.is_file():
        names = ", ".join(zoo.names())
        raise ValueError(f"Model must be a file or one of the zoo ({names}), not {model!r}")
    try:
        return sterna.load(path, approximate, input_type)
    except ValueError as error:
        text = " ".join(str(error).split()).removeprefix(f"{path.name}: ")
        raise ValueError(text if str(path) in text else f"{path}: {text}") from error


def sample_inputs(
    graph: Graph, count: int, seed: int, model: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """``count`` input samples as integer codes of shape ``(count, elements)``, and their labels.

    ``model`` is the network's name. A zoo network gets real samples of its test set, the first
    ones for seed 0 and a seeded choice otherwise; any other network gets seeded random codes over
    its whole input range, and no labels.

    Raises
    ------
    ValueError
        If ``count`` is less than one, or more than the test set has.
    """
    if count < 1:
        raise ValueError(f"Number of inputs must be 1 or more, not {count}")
    draw = np.random.default_rng(seed)
    if model in zoo.names():
        samples, labels = zoo.test_set(model)
        if count > len(samples):
            raise ValueError(
                f"Number of inputs must be at most {len(samples)} for {model}, not {count}"
            )
        chosen = np.arange(count) if seed == 0 else draw.choice(len(samples), count, replace=False)
        return input_codes(graph, samples[chosen]), labels[chosen]
    kind = graph.types[graph.input_name]
    codes = draw.integers(kind.range.low, kind.range.high, (count, kind.size), endpoint=True)
    return codes.astype(np.int64), None


def input_codes(graph: Graph, samples: np.ndarray) -> np.ndarray:
    """Integer codes of real samples, flattened to ``(samples, elements)``."""
    return golden.quantize_input(graph, samples).reshape(len(samples), -1)
