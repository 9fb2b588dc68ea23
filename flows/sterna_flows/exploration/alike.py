"""Designs whose layers are all alike: one engine, and so many inputs and outputs of each at once.

It is what an engineer writes down without exploring. The grid has every engine that suits all
layers of a network, with both numbers from given sizes, powers of two unless others are asked for,
and less where a layer has fewer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sterna.folding import ENGINES, Folding, TableFolding, UnrolledFolding, engine_style
from sterna.ir import MatMul
from sterna_hw.base import Device

__all__ = ["SIZES", "Alike", "alike_designs"]

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Inputs, and outputs, of a layer worked on at once."""


@dataclass(frozen=True)
class Alike:
    """An engine, so many inputs and outputs at once, and the foldings of all layers by name."""

    engine: str
    block_inputs: int
    queries: int
    foldings: Mapping[str, Folding]

    def __str__(self) -> str:
        return f"{self.engine} {self.block_inputs}x{self.queries}"


def alike_designs(
    layers: Sequence[MatMul],
    styles: Mapping[str, Collection[str]],
    device: Device,
    sizes: Sequence[int] = SIZES,
) -> Iterator[Alike]:
    """The grid; ``styles`` are the engines that suit each layer."""
    for engine in ENGINES:
        # A layer that is unrolled has no folding to vary.
        if engine == "unrolled" or any(engine not in styles[layer.name] for layer in layers):
            continue
        usual = {layer.name: engine_style(engine, layer, device) for layer in layers}
        for block_inputs in sizes:
            for queries in sizes:
                foldings = {
                    layer.name: _folded(usual[layer.name], layer, block_inputs, queries)
                    for layer in layers
                }
                yield Alike(engine, block_inputs, queries, foldings)


def _folded(style: Folding, layer: MatMul, block_inputs: int, queries: int) -> Folding:
    """A style with so many inputs and outputs at once, or all that the layer has."""
    outputs, inputs = layer.weights.shape
    assert not isinstance(style, UnrolledFolding)
    if isinstance(style, TableFolding):
        tables = min(max(1, block_inputs // style.group), -(-inputs // style.group))
        return replace(style, tables=tables, queries=min(queries, outputs))
    return replace(style, block_inputs=min(block_inputs, inputs), queries=min(queries, outputs))
