"""What the matrix engines share: the folded problem, its loops and its ranges.

An engine multiplies frames of N activations by an M x N matrix of letters. Per beat of weights it
works on a block of inputs and Q outputs; input blocks are the outer loop, output blocks the next
one, planes the inner one. `MatmulConfig` holds that shape and all that follows from it.

Engines differ in how they turn a beat of weights into leaves of a sum; each states its leaves
here. Behind the leaves all is the same: see `matmul_tail`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from amaranth.lib import data, stream

from .accumulate import AccumulateConfig
from .adder_tree import tree_levels
from .base import Alphabet, IntegerRange, Process, Step, Timing
from .beat import beat_count, beat_layout, beat_signature

__all__ = ["MatmulConfig"]


@dataclass(frozen=True)
class MatmulConfig:
    """An engine's problem and folding.

    Parameters
    ----------
    inputs, outputs : :class:`int`
        N and M.
    input_range : :class:`IntegerRange`
        Of the activations.
    alphabet : :class:`Alphabet`
        Of the weights.
    planes : :class:`int`
        Planes of letters that write a weight; more than one for the ternary alphabet only.
    queries : :class:`int`
        Outputs worked on at once (Q).
    lanes : :class:`int`
        Frames worked on at once, with the same weights.
    accumulator_range : :class:`IntegerRange`, optional
        Range of the results. None takes what any weights can reach; a narrower one may be given
        where the weights are known (`IntegerRange.of_sums`). Sums wrap inside, so only the results
        need to lie in it.
    places : :class:`int`
        Results that pipeline and output queue hold; 0 takes the fewest that never hold up the
        weights while the consumer is ready.
    tile_depth : :class:`int`
        Rows of one distributed memory at most, where totals wait between input blocks.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    inputs: int
    outputs: int
    input_range: IntegerRange
    alphabet: Alphabet
    planes: int = 1
    queries: int = 1
    lanes: int = 1
    accumulator_range: IntegerRange | None = None
    places: int = 0
    tile_depth: int = 32

    def __post_init__(self) -> None:
        for name in ("inputs", "outputs", "planes", "queries", "lanes"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name.capitalize()} must be 1 or more, not {value!r}")
        if self.queries > self.outputs:
            raise ValueError(
                f"Queries must be at most the {self.outputs} outputs, not {self.queries!r}"
            )
        if self.planes > 1 and self.alphabet.values != (-1, 0, 1):
            raise ValueError(
                f"Planes must be 1 unless the alphabet is ternary, not {self.planes!r}"
            )
        if self.places < 0:
            raise ValueError(f"Places must be 0 or more, not {self.places!r}")

    @property
    def block_inputs(self) -> int:
        """Inputs of a lane that one beat of ``i`` carries."""
        raise NotImplementedError

    @property
    def leaf_count(self) -> int:
        """Leaves of each sum."""
        raise NotImplementedError

    @property
    def leaf_range(self) -> IntegerRange:
        """Range of a leaf, before its sign."""
        raise NotImplementedError

    @property
    def leaf_latency(self) -> int:
        """Cycles from a beat of weights to the leaves that it becomes."""
        return 2

    @property
    def plain_registers(self) -> int:
        """Registers without a reset that a leaf comes from, one behind the other: synthesis makes a
        shift register of them and of those that it waits in."""
        return 0

    @property
    def row_elements(self) -> int:
        """Elements of one beat of ``weights``: one for each leaf of each output."""
        return self.queries * self.leaf_count

    @property
    def has_signs(self) -> bool:
        """Whether each leaf comes with a sign."""
        raise NotImplementedError

    @property
    def word_range(self) -> IntegerRange:
        """Range of one element of ``weights``."""
        raise NotImplementedError

    @property
    def input_blocks(self) -> int:
        return beat_count(self.inputs, self.block_inputs)

    @property
    def output_blocks(self) -> int:
        return beat_count(self.outputs, self.queries)

    @property
    def row_count(self) -> int:
        """Beats of ``weights`` in a frame."""
        return self.input_blocks * self.output_blocks * self.planes

    @property
    def result_range(self) -> IntegerRange:
        """Range of the results: as given, or of any weights."""
        if self.accumulator_range is not None:
            return self.accumulator_range
        scale = sum(self.alphabet.radix**plane for plane in range(self.planes))
        return self.alphabet.range * scale * self.input_range.with_zero() * self.inputs

    @property
    def accumulate(self) -> AccumulateConfig:
        """The summing stages behind the trees."""
        result, leaf = self.result_range, self.leaf_range
        sums = (leaf.union(-leaf) if self.has_signs else leaf) * self.leaf_count
        # A sum wraps like everything behind it: it needs no more bits than the results.
        if sums.width > result.width:
            sums = IntegerRange.of_width(result.width, signed=True)
        return AccumulateConfig(
            outputs=self.outputs,
            queries=self.queries,
            lanes=self.lanes,
            sum_range=sums,
            result_range=result,
            planes=self.planes,
            input_blocks=self.input_blocks,
            is_signed=self.has_signs,
            zero_padding=0 not in self.alphabet.values,
            tile_depth=self.tile_depth,
        )

    @property
    def pipeline_latency(self) -> int:
        """Cycles from a beat of weights to its result in front of the output queue."""
        return self.leaf_latency + tree_levels(self.leaf_count) + self.accumulate.latency

    @property
    def places_needed(self) -> int:
        """``places``, or the fewest that never hold up the weights (see `fewest_places`)."""
        return self.places or self.fewest_places(self.pipeline_latency + 1)

    @property
    def input_signature(self) -> stream.Signature:
        return beat_signature(self.input_range, self.lanes * self.block_inputs)

    @property
    def output_layout(self) -> data.StructLayout:
        return beat_layout(self.result_range, self.lanes * self.queries)

    @property
    def weights_signature(self) -> stream.Signature:
        return beat_signature(self.word_range, self.row_elements)

    def fewest_places(self, latency: int) -> int:
        """How many results can be on their way when a weights beat is taken in every cycle.

        ``latency`` counts from a beat's acceptance to its result on ``o``; its place is free again
        one cycle after it has left.
        """
        block = self.output_blocks * self.planes
        frames = 2 + latency // self.row_count
        starts = np.arange(frames) * self.row_count + (self.input_blocks - 1) * block
        results = (starts[:, np.newaxis] + np.arange(self.planes - 1, block, self.planes)).ravel()
        gone = np.searchsorted(results, results - latency - 1, side="right")
        return int((np.arange(1, len(results) + 1) - gone).max())

    def beat_runs(self) -> list[tuple[bool, bool, bool, int]]:
        """The beats of ``weights`` in a frame, equal neighbours together.

        For each run: whether its beats open an input block, close it, give a result, and how many
        they are.
        """
        beats = self.output_blocks * self.planes

        def block(is_last: bool) -> list[tuple[bool, bool, bool, int]]:
            kinds = (
                (beat == 0, beat == beats - 1, is_last and beat % self.planes == self.planes - 1)
                for beat in range(beats)
            )
            return [(*kind, len(list(run))) for kind, run in groupby(kinds)]

        return block(False) * (self.input_blocks - 1) + block(True)

    def timing_together(self, process: str) -> Timing:
        """Of an engine that takes each beat of weights together with the activations that it meets
        (`matmul_engine.take_together`); ``process`` is what it does with them."""
        steps: list[Step] = []
        latency = self.pipeline_latency + 1
        for _, closes, gives_result, count in self.beat_runs():
            take = ("weights",) + ("i",) * closes + ("places",) * gives_result
            give = (("o", latency),) * gives_result
            steps.append(Step(peek=("i",), take=take, give=give, repeat=count))
        return Timing(
            inputs=("i", "weights"),
            outputs=("o",),
            processes=(Process(process, tuple(steps)),),
            initial={"places": self.places_needed},
            returns={"o": "places"},
        )

    def letters(self, weights: np.ndarray) -> np.ndarray:
        """Letters of the weights, padded: int64 [plane, output, input] with whole blocks.

        Raises
        ------
        ValueError
            If the shape is not [outputs, inputs] or the planes cannot write a weight.
        """
        weights = np.asarray(weights, dtype=np.int64)
        if weights.shape != (self.outputs, self.inputs):
            raise ValueError(
                f"Weights must have the shape {(self.outputs, self.inputs)}, not {weights.shape}"
            )
        letters = self.alphabet.to_planes(weights, self.planes)
        shape = (
            self.planes,
            self.output_blocks * self.queries,
            self.input_blocks * self.block_inputs,
        )
        padded = np.full(shape, self.alphabet.pad_value, dtype=np.int64)
        padded[:, : self.outputs, : self.inputs] = letters
        return padded

    def lanes_of(self, activations: np.ndarray) -> np.ndarray:
        """Activations as int64 [frames, lanes, padded inputs]; a single lane may be left out.

        Raises
        ------
        ValueError
            If the shape does not fit or a value is out of range.
        """
        array = np.asarray(activations, dtype=np.int64)
        shape = (len(array), self.lanes, self.inputs)
        if array.shape != shape and not (self.lanes == 1 and array.shape == shape[::2]):
            raise ValueError(f"Activations must have the shape {shape}, not {array.shape}")
        if not self.input_range.contains(array):
            raise ValueError(f"Activations must be within {self.input_range}")
        padded = np.zeros((*shape[:2], self.input_blocks * self.block_inputs), dtype=np.int64)
        padded[:, :, : self.inputs] = array.reshape(shape)
        return padded
