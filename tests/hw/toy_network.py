"""Small random networks as accelerators, and what they compute by plain numpy.

A toy is a chain of ternary or binary layers with thresholds in between and raw sums at the end.
Sizes, foldings and widths at the edges are drawn from a seed; nothing needs to divide anything. The
reference below shares no code with the parts: it is a matrix product and a count of thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.axi_stream import AxiStreamInputConfig, AxiStreamOutputConfig
from sterna_hw.base import BINARY, TERNARY, Alphabet, IntegerRange
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.stage import Stage
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.weight_buffer import WeightBufferConfig


@dataclass
class Parameters:
    """What a reload changes: a matrix and, but for the last layer, thresholds a layer."""

    weights: list[np.ndarray]
    thresholds: list[np.ndarray]

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """The network on frames of shape ``(frames, inputs)``."""
        for weights, thresholds in zip(self.weights, [*self.thresholds, None]):
            frames = frames @ weights.T
            if thresholds is not None:
                frames = (frames[:, :, np.newaxis] >= thresholds[np.newaxis]).sum(axis=2)
        return frames


@dataclass
class Toy:
    """An accelerator with the parameters that it was built with, and its shape."""

    config: AcceleratorConfig
    parameters: Parameters
    sizes: tuple[int, ...]
    alphabet: Alphabet
    activations: IntegerRange

    def random_frames(self, generator: np.random.Generator, count: int) -> np.ndarray:
        values = self.activations
        return generator.integers(values.low, values.high + 1, (count, self.sizes[0]))

    def rows(self, number: int, parameters: Parameters) -> list[int]:
        """The rows of a reloadable memory for other parameters, by the parts' own packers."""
        memory = self.config.memories()[number]
        stage = next(stage for stage in self.config.stages if stage.name == memory.stage)
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
    return Parameters(weights, thresholds)


def random_toy(
    seed: int,
    *,
    sizes: tuple[int, ...] = (6, 5, 3),
    alphabet: Alphabet | None = None,
    reloadable: bool = False,
) -> Toy:
    """A toy with everything that is not given drawn from the seed."""
    generator = np.random.default_rng(seed)
    alphabet = alphabet or (TERNARY, BINARY)[seed % 2]
    activations = IntegerRange(0, 3)
    parameters = random_parameters(generator, sizes, alphabet, activations.high)
    stages: list[Stage] = []
    values, count = activations, int(generator.integers(1, sizes[0] + 1))
    input_edge = AxiStreamInputConfig(sizes[0], values, count)
    for layer, weights in enumerate(parameters.weights):
        outputs, inputs = weights.shape
        group = int(generator.integers(1, min(3, inputs) + 1))
        engine = TableMatmulConfig(
            inputs=inputs,
            outputs=outputs,
            input_range=values,
            alphabet=alphabet,
            group=group,
            tables=int(generator.integers(1, -(-inputs // group) + 1)),
            queries=int(generator.integers(1, outputs + 1)),
            sign_fold=bool(generator.integers(2)),
            buffers=int(generator.integers(1, 3)),
        )
        rows = engine.pack(weights)
        indices = IntegerRange(0, 2**engine.index_width - 1)
        buffer = WeightBufferConfig(
            f"layer_{layer}", engine.row_count, indices, rows.shape[1], reloadable=True
        )
        buffer = WeightBufferConfig(
            f"layer_{layer}",
            engine.row_count,
            indices,
            rows.shape[1],
            buffer.pack(rows),
            reloadable=reloadable,
        )
        if count != engine.block_inputs:
            gearbox = GearboxConfig(inputs, values, count, engine.block_inputs)
            stages.append(Stage(f"gearbox_{layer}", gearbox))
        stages.append(Stage(f"layer_{layer}", engine, buffer))
        values, count = engine.result_range, engine.queries
        if layer < len(parameters.thresholds):
            threshold = MultiThresholdConfig(
                channels=outputs,
                count=count,
                input_range=values,
                thresholds=parameters.thresholds[layer],
                name=f"threshold_{layer}",
                reloadable=reloadable,
            )
            stages.append(Stage(f"threshold_{layer}", threshold))
            values = threshold.output_range
    output_count = int(generator.integers(1, sizes[-1] + 1))
    if count != output_count:
        stages.append(Stage("gearbox_out", GearboxConfig(sizes[-1], values, count, output_count)))
    config = AcceleratorConfig(
        name="toy",
        input_edge=input_edge,
        stages=tuple(stages),
        output_edge=AxiStreamOutputConfig(sizes[-1], values, output_count),
        build_hash=0x5EED0000 + seed,
    )
    return Toy(config, parameters, sizes, alphabet, activations)
