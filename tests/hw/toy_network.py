"""Small random networks as accelerators, and what they compute by plain numpy.

A toy is a chain of ternary or binary layers with thresholds in between. It ends in raw sums, in
requantised ones, or in the best element with its index. Engines, sizes, foldings and widths at the
edges are drawn from a seed; nothing needs to divide anything. The reference below shares no code
with the parts: it is a matrix product, a count of thresholds, a shift, a sort.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.axi_stream import AxiStreamOutputConfig
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import BINARY, TERNARY, Alphabet, IntegerRange, Rounding
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.requantize import RequantizeConfig
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.stage import Stage
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.top_k import TopKConfig
from sterna_hw.weight_buffer import WeightBufferConfig

ENDINGS = ("sums", "requantised", "best")
SHIFT, CLIP = 2, IntegerRange(-20, 20)


@dataclass
class Parameters:
    """What a reload changes: a matrix a layer, thresholds behind all but the last, and multiplier
    and offset behind that one (used if the ending is ``requantised``)."""

    weights: list[np.ndarray]
    thresholds: list[np.ndarray]
    multiplier: np.ndarray
    offset: np.ndarray

    def compute(self, frames: np.ndarray, ending: str) -> np.ndarray:
        """The network on frames of shape ``(frames, inputs)``."""
        for weights, thresholds in zip(self.weights, [*self.thresholds, None]):
            frames = frames @ weights.T
            if thresholds is not None:
                frames = (frames[:, :, np.newaxis] >= thresholds[np.newaxis]).sum(axis=2)
        if ending == "requantised":
            return np.clip((frames * self.multiplier + self.offset) >> SHIFT, CLIP.low, CLIP.high)
        if ending == "best":
            best = frames.argmax(axis=1)
            return np.stack([best, frames.max(axis=1)], axis=1)
        return frames


@dataclass
class Toy:
    """An accelerator with the parameters that it was built with, and its shape."""

    config: AcceleratorConfig
    parameters: Parameters
    sizes: tuple[int, ...]
    alphabet: Alphabet
    activations: IntegerRange
    ending: str

    def random_frames(self, generator: np.random.Generator, count: int) -> np.ndarray:
        values = self.activations
        return generator.integers(values.low, values.high + 1, (count, self.sizes[0]))

    def compute(self, frames: np.ndarray, parameters: Parameters | None = None) -> np.ndarray:
        """Results that the accelerator should give, with its own or with other parameters."""
        return (parameters or self.parameters).compute(frames, self.ending)

    def rows(self, number: int, parameters: Parameters) -> list[int]:
        """The rows of a reloadable memory for other parameters, by the parts' own packers."""
        memory = self.config.memories()[number]
        stage: Any = next(stage for stage in self.config.stages if stage.name == memory.stage)
        if memory.stage == "requantise":
            return list(stage.part.pack(parameters.multiplier, parameters.offset))
        layer = int(memory.stage.split("_")[1])
        if memory.kind == "weights":
            return list(stage.weights.pack(stage.part.pack(parameters.weights[layer])))
        return list(stage.part.pack(parameters.thresholds[layer]))


def random_parameters(
    generator: np.random.Generator, sizes: tuple[int, ...], alphabet: Alphabet, levels: int
) -> Parameters:
    """Letters at random, and ascending thresholds where sums are likely."""
    weights = [
        generator.choice(alphabet.values, (outputs, inputs))
        for inputs, outputs in zip(sizes, sizes[1:])
    ]
    thresholds = [
        np.sort(generator.integers(-2 * levels, 2 * levels + 1, (size, levels)), axis=1)
        for size in sizes[1:-1]
    ]
    # A requantiser holds what lies in the range that it was built with, so all draw from one set.
    multiplier = generator.permutation(np.arange(sizes[-1]) + 2)
    offset = generator.permutation(7 * np.arange(sizes[-1]) - 9)
    return Parameters(weights, thresholds, multiplier, offset)


def random_engine(
    generator: np.random.Generator, weights: np.ndarray, values: IntegerRange, alphabet: Alphabet
) -> TableMatmulConfig | SelectMatmulConfig:
    """One of the two engines, folded at random."""
    outputs, inputs = weights.shape
    queries = int(generator.integers(1, outputs + 1))
    if generator.integers(4) == 0:
        block = int(generator.integers(1, inputs + 1))
        return SelectMatmulConfig(
            inputs, outputs, values, alphabet, queries=queries, block_inputs=block
        )
    group = int(generator.integers(1, min(3, inputs) + 1))
    return TableMatmulConfig(
        inputs,
        outputs,
        values,
        alphabet,
        queries=queries,
        group=group,
        tables=int(generator.integers(1, -(-inputs // group) + 1)),
        sign_fold=bool(generator.integers(2)),
        buffers=int(generator.integers(1, 3)),
    )


def buffer_of(
    name: str, engine: TableMatmulConfig | SelectMatmulConfig, weights: np.ndarray, reloadable: bool
) -> WeightBufferConfig:
    """The buffer that plays the weights to an engine."""
    rows = engine.pack(weights)
    empty = WeightBufferConfig(
        name, engine.row_count, engine.word_range, rows.shape[1], reloadable=True
    )
    return replace(empty, words=empty.pack(rows), reloadable=reloadable)


def random_toy(
    seed: int,
    *,
    sizes: tuple[int, ...] = (6, 5, 3),
    alphabet: Alphabet | None = None,
    ending: str | None = None,
    reloadable: bool = False,
) -> Toy:
    """A toy with everything that is not given drawn from the seed."""
    generator = np.random.default_rng(seed)
    alphabet = alphabet or (TERNARY, BINARY)[seed % 2]
    ending = ending or ENDINGS[seed % 3]
    activations = IntegerRange(0, 3)
    parameters = random_parameters(generator, sizes, alphabet, activations.high)
    input_edge = AxiStreamInputConfig(
        sizes[0], activations, int(generator.integers(1, sizes[0] + 1))
    )
    stages: list[Stage] = []
    elements, values, count = sizes[0], activations, input_edge.count

    def regroup(name: str, wanted: int) -> None:
        nonlocal count
        if count != wanted:
            stages.append(Stage(name, GearboxConfig(elements, values, count, wanted)))
        count = wanted

    for layer, weights in enumerate(parameters.weights):
        engine = random_engine(generator, weights, values, alphabet)
        regroup(f"gearbox_{layer}", engine.block_inputs)
        buffer = buffer_of(f"layer_{layer}", engine, weights, reloadable)
        stages.append(Stage(f"layer_{layer}", engine, buffer))
        elements, values, count = engine.outputs, engine.result_range, engine.queries
        if layer < len(parameters.thresholds):
            thresholds = parameters.thresholds[layer]
            threshold = MultiThresholdConfig(
                elements, count, values, thresholds, reloadable=reloadable, name=f"t{layer}"
            )
            stages.append(Stage(f"threshold_{layer}", threshold))
            values = threshold.output_range
    if ending == "requantised":
        scale = (parameters.multiplier, parameters.offset, SHIFT, Rounding.FLOOR, CLIP)
        requantise = RequantizeConfig(elements, count, values, *scale, reloadable=reloadable)
        stages.append(Stage("requantise", requantise))
        values = requantise.output_range
    if ending == "best":
        best = TopKConfig(elements, count, values)
        stages.append(Stage("best", best))
        elements, values, count = best.outputs, best.output_range, best.output_count
    regroup("gearbox_out", int(generator.integers(1, elements + 1)))
    output_edge = AxiStreamOutputConfig(elements, values, count)
    config = AcceleratorConfig("toy", input_edge, tuple(stages), output_edge, 0x5EED0000 + seed)
    return Toy(config, parameters, sizes, alphabet, activations, ending)
