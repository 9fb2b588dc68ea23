"""Small random networks for tests: chains of matmul and threshold, ended by wide logits."""

import numpy as np

from sterna import ir
from sterna_hw.base import BINARY, TERNARY, TWO_BIT, Alphabet, IntegerRange, Rounding


def random_alphabet(generator: np.random.Generator) -> tuple[Alphabet, int]:
    """One of the single-plane alphabets, or ternary in several planes."""
    choice = int(generator.integers(5))
    return [(TERNARY, 1), (BINARY, 1), (TWO_BIT, 1), (TERNARY, 2), (TERNARY, 3)][choice]


def random_weights(
    generator: np.random.Generator, shape: tuple[int, int], alphabet: Alphabet, planes: int
) -> np.ndarray:
    letters = generator.choice(np.array(alphabet.values), size=(planes, *shape))
    return alphabet.from_planes(letters)


def random_threshold(
    generator: np.random.Generator, name: str, source: str, kind: ir.TensorType
) -> ir.Threshold:
    count = int(generator.choice([1, 2, 3, 7, 15]))
    bounds = (kind.range.low, kind.range.high + 2)
    table = np.sort(generator.integers(*bounds, (kind.channels, count)), axis=1)
    descending = generator.integers(0, 2, kind.channels)
    low, step = (-1, 2) if count == 1 else (int(generator.integers(-4, 1)), 1)
    return ir.Threshold(name, (source,), table, descending, low, step)


def random_chain(seed: int, layers: int = 3, largest: int = 12, logits: bool = True) -> ir.Graph:
    """A chain of ``layers`` matmuls of 1 to ``largest`` channels."""
    generator = np.random.default_rng(seed)
    low = int(generator.choice([0, 0, -8]))
    width = int(generator.integers(1, largest + 1))
    ops: list[ir.Op] = [ir.Input("x", (), ir.TensorType((width,), IntegerRange(low, 7)))]
    kind = ops[0].result_type(())
    for layer in range(layers):
        alphabet, planes = random_alphabet(generator)
        outputs = int(generator.integers(1, largest + 1))
        weights = random_weights(generator, (outputs, width), alphabet, planes)
        matmul = ir.MatMul(f"fc{layer}", (ops[-1].name,), weights, alphabet, planes)
        kind, width = matmul.result_type((kind,)), outputs
        ops.append(matmul)
        if layer < layers - 1:
            ops.append(random_threshold(generator, f"act{layer}", matmul.name, kind))
            kind = ops[-1].result_type((kind,))
        elif logits:
            multiplier = generator.integers(1, 50, outputs)
            offset = generator.integers(-1000, 1000, outputs)
            rounding = list(Rounding)[int(generator.integers(3))]
            shift = int(generator.integers(0, 4))
            ops.append(ir.Requantize("logits", (matmul.name,), multiplier, offset, shift, rounding))
    edges = {ops[-1].name: ir.OutputEdge(0.25)}
    return ir.Graph(f"chain{seed}", tuple(ops), {"x": ir.InputEdge(0.5)}, edges)


def random_codes(seed: int, graph: ir.Graph, count: int) -> np.ndarray:
    kind = graph.types[graph.input_name]
    generator = np.random.default_rng(seed)
    return generator.integers(kind.range.low, kind.range.high + 1, (count, *kind.shape))
