"""Which layers' weights stream from external memory, and how fast they then are.

A device's memories hold the weights of all layers, or those of some layers move out, until the rest
fits: first those that are read least often for what they take, which are linear layers, since a
convolution reads its weights for each position; among these the largest; and at last those that
turn out not to be needed stay. A streamed layer is as fast as its engine and its port together, by
the exact cycle model; all of them together are not faster than memory. Foldings are the planner's
business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sterna_hw.base import Cost, Device
from sterna_hw.mac_matmul import MacMatmulConfig
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig

from .cycles import Network, simulate_network
from .weights import weight_buffer, weight_stream

__all__ = [
    "MEMORY_BYTES",
    "MEMORY_CHOICES",
    "StreamedLayer",
    "least_interval",
    "streamed_interval",
    "to_stream",
]

MEMORY_CHOICES = ("auto", "on-chip", "external")
"""Where weights may be asked to be."""

MEMORY_BYTES = 64
"""Bytes a cycle that external memory is taken to give at most: four ports' worth."""

WORD_BYTES = 16
MEMORY_KINDS = ("bram", "uram")


BlockEngine = TableMatmulConfig | SelectMatmulConfig | MacMatmulConfig


@lru_cache(maxsize=4096)
def streamed_interval(config: BlockEngine) -> int:
    """Cycles between the vectors of an engine whose rows come from memory, by the exact cycle
    model: of the engine and its port, which is ideal otherwise."""
    vectors = 3
    parts = {"engine": config.timing(), "rows": weight_stream("rows", config, None).timing()}
    network = Network(parts, [(("rows", "o"), ("engine", "weights"))])
    done = simulate_network(network, {("engine", "i"): config.input_blocks * vectors})
    last = done.transfers["engine", "o"][config.output_blocks - 1 :: config.output_blocks]
    return int(last[-1] - last[-2])


def least_interval(words: int) -> int:
    """Cycles in which memory gives so many words of 16 bytes, over all ports."""
    return -(-words * WORD_BYTES // MEMORY_BYTES)


@dataclass(frozen=True)
class StreamedLayer:
    """A layer that may stream: its name, its engine, and how many vectors a frame has."""

    name: str
    config: BlockEngine
    vectors: int

    def relief(self, device: Device) -> Cost:
        """Memories that become free when its weights are not on the chip; less the prefetch's."""
        kept = weight_buffer("weights", self.config, None, device, False).cost(device)
        streamed = weight_stream("weights", self.config, None).cost(device)
        return Cost(
            **{kind: getattr(kept, kind) - getattr(streamed, kind) for kind in MEMORY_KINDS}
        )


def to_stream(
    layers: Iterable[StreamedLayer], excess: Mapping[str, float], device: Device
) -> list[str]:
    """The layers that must move out, in order of the network, to free what is exceeded of each kind
    of memory; all that free anything if even that is not enough."""
    items = [(layer, layer.relief(device)) for layer in layers]
    useful = [item for item in items if any(getattr(item[1], kind) > 0 for kind in excess)]

    def freed(item: tuple[StreamedLayer, Cost]) -> float:
        return sum(getattr(item[1], kind) / device.total(kind) for kind in excess)

    def is_enough(chosen: list[tuple[StreamedLayer, Cost]]) -> bool:
        sums = {kind: sum(getattr(cost, kind) for _, cost in chosen) for kind in excess}
        return all(sums[kind] >= amount for kind, amount in excess.items())

    chosen: list[tuple[StreamedLayer, Cost]] = []
    for item in sorted(useful, key=lambda item: (item[0].vectors, -freed(item))):
        if is_enough(chosen):
            break
        chosen.append(item)
    if is_enough(chosen):
        for item in sorted(chosen, key=freed):
            without = [other for other in chosen if other is not item]
            chosen = without if is_enough(without) else chosen
    names = {layer.name for layer, _ in chosen}
    return [layer.name for layer, _ in items if layer.name in names]
