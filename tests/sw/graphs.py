"""Small random networks for tests: chains of matmul and threshold, ended by wide logits."""

import numpy as np

from sterna import ir
from sterna_hw.base import (
    BINARY,
    SHIFTS,
    TERNARY,
    TWO_BIT,
    Alphabet,
    IntegerRange,
    Rounding,
    WindowAxis,
)


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


def mlp(*sizes: int, seed: int = 0) -> ir.Graph:
    """Ternary layers with two-bit activations between."""
    generator = np.random.default_rng(seed)
    ops: list[ir.Op] = [ir.Input("x", (), ir.TensorType((sizes[0],), IntegerRange(0, 3)))]
    for number, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        weights = generator.integers(-1, 2, (outputs, inputs))
        ops.append(ir.MatMul(f"fc{number}", (ops[-1].name,), weights, TERNARY, 1))
        if number < len(sizes) - 2:
            levels = np.sort(generator.integers(-20, 20, (outputs, 3)), axis=1)
            flags = np.zeros(outputs, dtype=np.int64)
            ops.append(ir.Threshold(f"act{number}", (ops[-1].name,), levels, flags, 0, 1))
    edges = {ops[-1].name: ir.OutputEdge(1.0)}
    return ir.Graph("mlp", tuple(ops), {"x": ir.InputEdge(1.0)}, edges)


def matmul_of(graph: ir.Graph, name: str) -> ir.MatMul:
    """A matmul by its name."""
    op = graph[name]
    assert isinstance(op, ir.MatMul)
    return op


def random_codes(seed: int, graph: ir.Graph, count: int) -> np.ndarray:
    kind = graph.types[graph.input_name]
    generator = np.random.default_rng(seed)
    return generator.integers(kind.range.low, kind.range.high + 1, (count, *kind.shape))


def random_axis(generator: np.random.Generator, size: int) -> WindowAxis:
    """A window over so many inputs."""
    while True:
        kernel, dilation = int(generator.integers(1, 4)), int(generator.choice([1, 1, 1, 2]))
        span = (kernel - 1) * dilation + 1
        before, after = (int(generator.integers(0, span)) for _ in range(2))
        if span <= before + size + after:
            stride = int(generator.choice([1, 1, 2]))
            return WindowAxis(size, kernel, stride, dilation, before, after)


def random_images(seed: int, layers: int = 2) -> ir.Graph:
    """Convolutions with thresholds, some of them pooled, flattened into a last matmul."""
    generator = np.random.default_rng(seed)
    shape = (*(int(n) for n in generator.integers(3, 8, 2)), int(generator.integers(1, 4)))
    low = int(generator.choice([0, 0, -8]))
    ops: list[ir.Op] = [ir.Input("x", (), ir.TensorType(shape, IntegerRange(low, 7)))]
    kind = ops[0].result_type(())

    def add(op: ir.Op) -> None:
        nonlocal kind
        ops.append(op)
        kind = op.result_type((kind,))

    def add_matmul(name: str, outputs: int) -> None:
        alphabet, planes = random_alphabet(generator)
        weights = random_weights(generator, (outputs, kind.channels), alphabet, planes)
        add(ir.MatMul(name, (ops[-1].name,), weights, alphabet, planes))

    for layer in range(layers):
        rows, columns = (random_axis(generator, size) for size in kind.shape[:2])
        add(ir.Window(f"window{layer}", (ops[-1].name,), rows, columns))
        add_matmul(f"conv{layer}", int(generator.integers(1, 7)))
        add(random_threshold(generator, f"act{layer}", ops[-1].name, kind))
        if generator.random() < 0.5 and min(kind.shape[:2]) > 1:
            rows, columns = (WindowAxis(size, 2, 2) for size in kind.shape[:2])
            add(ir.Window(f"taps{layer}", (ops[-1].name,), rows, columns))
            mode = str(generator.choice(["max", "sum"]))
            add(ir.Pool(f"pool{layer}", (ops[-1].name,), mode, 4))
    add(ir.Reshape("flat", (ops[-1].name,), (kind.size,)))
    add_matmul("last", int(generator.integers(1, 7)))
    edges = {"last": ir.OutputEdge(0.25)}
    return ir.Graph(f"images{seed}", tuple(ops), {"x": ir.InputEdge(0.5)}, edges)


def image_operations(seed: int) -> ir.Graph:
    """Every operation on images once: groups, a table, pixel shuffle, upsampling, a global sum."""
    generator = np.random.default_rng(seed)
    ops: list[ir.Op] = [ir.Input("x", (), ir.TensorType((4, 3, 2), IntegerRange(0, 15)))]
    kind = ops[0].result_type(())

    def add(op: ir.Op) -> None:
        nonlocal kind
        ops.append(op)
        kind = op.result_type((kind,))

    rows, columns = (WindowAxis(size, 3, 1, 1, 1, 1) for size in kind.shape[:2])
    add(ir.Window("window", ("x",), rows, columns))
    weights = random_weights(generator, (8, 9), TERNARY, 2)
    add(ir.GroupMatMul("groups", ("window",), weights, TERNARY, 2, 2, 9))
    size = kind.range.high - kind.range.low + 1
    add(ir.Table("table", ("groups",), generator.integers(-8, 8, (1, size)), kind.range.low))
    add(ir.PixelShuffle("shuffle", ("table",), 2, 2))
    add(ir.Upsample("larger", ("shuffle",), 1, 2))
    rows, columns = (WindowAxis(size, 2, 2) for size in kind.shape[:2])
    add(ir.Window("second_window", ("larger",), rows, columns))
    weights = generator.choice([-4, -2, -1, 0, 1, 2, 4], (3, kind.channels))
    add(ir.MatMul("conv", ("second_window",), weights, SHIFTS))
    add(random_threshold(generator, "act", "conv", kind))
    add(ir.GlobalPool("sum", ("act",), "sum"))
    add(ir.Reshape("flat", ("sum",), (kind.size,)))
    add(ir.MatMul("last", ("flat",), generator.integers(-1, 2, (4, kind.size)), TERNARY))
    edges = {"last": ir.OutputEdge(0.25)}
    return ir.Graph(f"operations{seed}", tuple(ops), {"x": ir.InputEdge(0.5)}, edges)
