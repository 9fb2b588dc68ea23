"""Matrix times vector with the weights fixed in logic: an engine without weights to fetch.

Every output is a sum of inputs with fixed coefficients, so the matrix becomes adders: what several
outputs have in common is added once (`solve_sums`), parts that save nothing are given up again
(`merge_sums`), and the adders that remain are laid into a pipeline of a given depth (`plan_adders`,
`adder_pipeline`). A beat of ``i`` holds a whole vector and a beat of ``o`` a whole result, one each
cycle: nothing is folded, and nothing can be reloaded, since the weights are wires.

Latency 2 + stages of adders, interval 1. Other engines do the same in more cycles with less logic;
this one wins where a vector comes every few cycles, and for matrices of many zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .adder_pipeline import AdderPipelineConfig
from .adder_plan import AdderPlan, plan_adders
from .base import Cost, Device, IntegerRange, Timing, queue
from .beat import beat_layout, beat_signature
from .credit import CreditQueueConfig, delay
from .merge_sums import merge_sums
from .shared_sums import SharedSums
from .solve_sums import solve_sums

__all__ = ["UnrolledMatmul", "UnrolledMatmulConfig", "find_adders"]


@dataclass(frozen=True)
class UnrolledMatmulConfig:
    """The matrix and how deep its pipeline is.

    Parameters
    ----------
    weights : sequence of sequences of :class:`int`
        The matrix [outputs, inputs], of any whole numbers; an array is taken too.
    input_range : :class:`IntegerRange`
        Of the activations.
    levels : :class:`int`
        Levels of adders between registers; an adder of two operands is one level, of three two.
    operands : :class:`int`
        Operands of an adder at most: 2, or 3 where one carry chain adds three (Xilinx).
    accumulator_range : :class:`IntegerRange`, optional
        Range of the results. None takes what the weights can reach; a narrower one may be given
        where more is known of the inputs.
    places : :class:`int`
        Results that pipeline and output queue hold; 0 takes the fewest for one a cycle.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    weights: Sequence[Sequence[int]] | np.ndarray = field(repr=False)
    input_range: IntegerRange
    levels: int = 2
    operands: int = 2
    accumulator_range: IntegerRange | None = None
    places: int = 0

    def __post_init__(self) -> None:
        matrix = np.asarray(self.weights)
        if matrix.ndim != 2 or not matrix.size or matrix.dtype.kind not in "iu":
            raise ValueError(
                f"Weights must be a matrix of whole numbers, not {matrix.dtype} {matrix.shape}"
            )
        object.__setattr__(self, "weights", tuple(map(tuple, matrix.tolist())))
        if self.operands not in (2, 3):
            raise ValueError(f"Operands must be 2 or 3, not {self.operands!r}")
        for name, least in (("levels", self.operands - 1), ("places", 0)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"{name.capitalize()} must be {least} or more, not {value!r}")

    @property
    def _rows(self) -> tuple[tuple[int, ...], ...]:
        return tuple(map(tuple, self.weights))

    @cached_property
    def matrix(self) -> np.ndarray:
        return np.array(self.weights, dtype=np.int64)

    @property
    def inputs(self) -> int:
        return len(self.weights[0])

    @property
    def outputs(self) -> int:
        return len(self.weights)

    @property
    def block_inputs(self) -> int:
        """Elements of a beat of ``i``: all."""
        return self.inputs

    @property
    def queries(self) -> int:
        """Elements of a beat of ``o``: all."""
        return self.outputs

    @property
    def lanes(self) -> int:
        return 1

    @property
    def input_blocks(self) -> int:
        """Beats of a frame."""
        return 1

    @property
    def output_blocks(self) -> int:
        return 1

    @property
    def input_count(self) -> int:
        return self.inputs

    @property
    def output_count(self) -> int:
        return self.outputs

    @cached_property
    def result_range(self) -> IntegerRange:
        """Range of the results: as given, or of these weights."""
        return self.accumulator_range or IntegerRange.of_sums(self.matrix, self.input_range)

    @property
    def output_range(self) -> IntegerRange:
        return self.result_range

    @property
    def pipeline(self) -> AdderPipelineConfig:
        """The adders. Finding them takes time, so they are found once."""
        found = find_adders(self._rows, self.input_range, self.levels, self.operands)
        return AdderPipelineConfig(*found, self.result_range)

    @property
    def output_queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(
            self.output_layout, self.pipeline.latency, self.places, is_wide=True
        )

    @property
    def output_layout(self) -> data.StructLayout:
        return beat_layout(self.result_range, self.outputs)

    def compute(self, activations: np.ndarray) -> np.ndarray:
        """``activations @ weights.T`` by way of the shared sums, exact int64.

        Raises
        ------
        ValueError
            If the shape is not [frames, inputs] or a value is out of range.
        """
        array = np.asarray(activations, dtype=np.int64)
        if array.ndim != 2 or array.shape[1] != self.inputs:
            shape = (len(array), self.inputs)
            raise ValueError(f"Activations must have the shape {shape}, not {array.shape}")
        if not self.input_range.contains(array):
            raise ValueError(f"Activations must be within {self.input_range}")
        return self.pipeline.compute(array)

    def timing(self) -> Timing:
        held = self.output_queue
        return queue(held.latency + 1, held.places)

    def cost(self, device: Device) -> Cost:
        """Estimate: the adders as they are planned, and the queue of whole results."""
        flag = Cost(ff=self.pipeline.latency)
        return self.pipeline.cost(device) + self.output_queue.cost(device) + flag

    def create(self) -> UnrolledMatmul:
        return UnrolledMatmul(self)


@lru_cache(maxsize=256)
def find_adders(
    weights: tuple[tuple[int, ...], ...], inputs: IntegerRange, levels: int, operands: int
) -> tuple[SharedSums, AdderPlan]:
    """The sums of a matrix and their adders; remembered, since they take a while to find."""
    sums = merge_sums(_solved(weights, inputs), operands)
    return sums, plan_adders(sums, inputs, levels, operands)


@lru_cache(maxsize=64)
def _solved(weights: tuple[tuple[int, ...], ...], inputs: IntegerRange) -> SharedSums:
    return solve_sums(np.array(weights, dtype=np.int64), inputs)


class UnrolledMatmul(wiring.Component):
    """The engine.

    Attributes
    ----------
    i : stream of beats, in
        Activations, a whole vector each.
    o : stream of beats, out
        Results, a whole vector each; always ``last``.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: UnrolledMatmulConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(config.input_range, config.inputs)),
                "o": Out(stream.Signature(config.output_layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.adders = adders = config.pipeline.create()
        m.submodules.queue = queue = config.output_queue.create()
        m.d.comb += [
            adders.i.eq(self.i.payload.data),
            queue.take.eq(self.i.valid & queue.available),
            self.i.ready.eq(queue.available),
            queue.push.eq(delay(m, queue.take, config.pipeline.latency, reset_less=False)),
            queue.result.data.eq(adders.o),
            queue.result.last.eq(1),
        ]
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return m
