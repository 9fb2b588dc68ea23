"""Small random networks that branch: residual blocks and concatenations, of images or vectors."""

from __future__ import annotations

import numpy as np

from sterna import ir
from sterna_hw.base import IntegerRange, WindowAxis

from .graphs import random_alphabet, random_threshold, random_weights

__all__ = ["random_branches"]

FACTORS = [1, 1, 1, 2, -1, 3, 4, -5]


class _Network:
    """Operations so far, and the types of their results."""

    def __init__(self, seed: int, images: bool) -> None:
        self.generator = np.random.default_rng(seed)
        sizes = self.generator.integers(3, 6, 2) if images else ()
        shape = (*(int(n) for n in sizes), int(self.generator.integers(1, 5)))
        low = int(self.generator.choice([0, 0, -8]))
        self.ops: list[ir.Op] = []
        self.types: dict[str, ir.TensorType] = {}
        self.add(ir.Input("x", (), ir.TensorType(shape, IntegerRange(low, 7))))

    def add(self, op: ir.Op) -> str:
        self.ops.append(op)
        self.types[op.name] = op.result_type(tuple(self.types[name] for name in op.inputs))
        return op.name

    def layer(self, name: str, value: str, outputs: int) -> str:
        """A convolution that keeps the size, or a matmul, and thresholds behind it."""
        kind = self.types[value]
        kernel = int(self.generator.choice([1, 2, 3]))
        if len(kind.shape) == 3 and kernel > 1:
            before = (kernel - 1) // 2
            after = kernel - 1 - before
            rows, columns = (
                WindowAxis(size, kernel, 1, 1, before, after) for size in kind.shape[:2]
            )
            value = self.add(ir.Window(f"{name}w", (value,), rows, columns))
        alphabet, planes = random_alphabet(self.generator)
        inputs = self.types[value].channels
        weights = random_weights(self.generator, (outputs, inputs), alphabet, planes)
        value = self.add(ir.MatMul(name, (value,), weights, alphabet, planes))
        return self.threshold(f"{name}t", value)

    def threshold(self, name: str, value: str) -> str:
        return self.add(random_threshold(self.generator, name, value, self.types[value]))

    def residual(self, name: str, value: str) -> str:
        channels = self.types[value].channels
        long = value
        for step in range(int(self.generator.integers(1, 3))):
            long = self.layer(f"{name}l{step}", long, channels)
        short = value
        if self.generator.random() < 0.4:
            short = self.layer(f"{name}s", short, channels)
        factors = tuple(int(f) for f in self.generator.choice(FACTORS, 2))
        branches = (long, short) if self.generator.random() < 0.5 else (short, long)
        total = self.add(ir.Add(name, branches, factors))
        return self.threshold(f"{name}t", total)

    def concat(self, name: str, value: str) -> str:
        branches = [value] if self.generator.random() < 0.5 else []
        while len(branches) < 2 or self.generator.random() < 0.3:
            outputs = int(self.generator.integers(1, 6))
            branches.append(self.layer(f"{name}b{len(branches)}", value, outputs))
        joined = self.add(ir.Concat(name, tuple(branches)))
        return self.threshold(f"{name}t", joined) if self.generator.random() < 0.5 else joined


def random_branches(seed: int, images: bool, blocks: int = 2) -> ir.Graph:
    """Residual blocks and concatenations, one behind the other, and a last matmul."""
    network = _Network(seed, images)
    value = "x"
    for number in range(blocks):
        block = network.residual if network.generator.random() < 0.6 else network.concat
        value = block(f"block{number}", value)
    kind = network.types[value]
    if len(kind.shape) > 1:
        value = network.add(ir.Reshape("flat", (value,), (kind.size,)))
    alphabet, planes = random_alphabet(network.generator)
    shape = (int(network.generator.integers(1, 6)), kind.size)
    weights = random_weights(network.generator, shape, alphabet, planes)
    last = network.add(ir.MatMul("last", (value,), weights, alphabet, planes))
    edges = {last: ir.OutputEdge(0.25)}
    return ir.Graph(f"branches{seed}", tuple(network.ops), {"x": ir.InputEdge(0.5)}, edges)
