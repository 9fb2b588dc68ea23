"""What the matrix engines share: the folded problem, its ranges, and the tree of adders.

An engine multiplies frames of N activations by an M x N matrix of letters. Per beat it works on a
block of inputs and Q outputs; input blocks are the outer loop, output blocks the next one, planes
the inner one. `MatmulConfig` holds that shape and everything that follows from it.

Signs cost nothing in the tree. A node does not negate its operands but computes left + right or
left - right, where the choice is whether the two leaves in front have different signs; the result
is then right up to the sign of the node's first leaf, which the next level takes into account. At
the root the sign of leaf 0 is left over, and the accumulator adds or subtracts. So a word of the
weights carries, for leaf t > 0, the sign of t times that of leaf ``t & (t - 1)`` (t without its
lowest set bit, the first leaf of the left neighbour), and for leaf 0 its own sign: `relative_signs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import data, stream

from .add_subtract import add_or_subtract
from .base import Alphabet, IntegerRange
from .beat import beat_count, beat_layout, beat_signature, shape_of

__all__ = [
    "MatmulConfig",
    "adder_tree",
    "range_of_weights",
    "relative_signs",
    "tree_levels",
]


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
        where the weights are known (`range_of_weights`). Sums wrap inside, so only the results
        need to lie in it.
    places : :class:`int`
        Results that pipeline and output queue hold; 0 takes the fewest that never hold up the
        weights while the consumer is ready.

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
            raise ValueError(f"Planes must be 1 unless the alphabet is ternary, not {self.planes!r}")
        if self.places < 0:
            raise ValueError(f"Places must be 0 or more, not {self.places!r}")

    @property
    def block_inputs(self) -> int:
        """Inputs of a lane that one beat of ``i`` carries."""
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
    def places_needed(self) -> int:
        """``places``, or the fewest that never hold up the weights (see `fewest_places`)."""
        raise NotImplementedError

    @property
    def input_signature(self) -> stream.Signature:
        return beat_signature(self.input_range, self.lanes * self.block_inputs)

    @property
    def output_layout(self) -> data.StructLayout:
        return beat_layout(self.result_range, self.lanes * self.queries)

    def fewest_places(self, latency: int) -> int:
        """How many results can be on their way when a weights beat is taken in every cycle.

        ``latency`` counts from a beat's acceptance to its result on ``o``; its place is free again
        one cycle after it has left.
        """
        cycles, block = [], self.output_blocks * self.planes
        while not cycles or cycles[-1] <= latency + self.row_count:
            frame = len(cycles) // self.output_blocks * self.row_count
            first = frame + (self.input_blocks - 1) * block + self.planes - 1
            cycles += range(first, first + block, self.planes)
        return max(
            sum(cycle - latency - 1 < other <= cycle for other in cycles) for cycle in cycles
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


def range_of_weights(weights: np.ndarray, input_range: IntegerRange) -> IntegerRange:
    """Proven range of ``weights @ x`` over all x: of every output, and of all partial sums."""
    weights = np.asarray(weights, dtype=np.int64)
    values = input_range.with_zero()
    up, down = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    low = up * values.low + down * values.high
    high = up * values.high + down * values.low
    return IntegerRange(int(low.min()), int(high.max()))


def relative_signs(signs: np.ndarray) -> np.ndarray:
    """Signs (0 or 1, leaves on the last axis) as the tree of adders takes them."""
    signs = np.asarray(signs)
    leaves = np.arange(1, signs.shape[-1])
    result = signs.copy()
    result[..., 1:] ^= signs[..., leaves & (leaves - 1)]
    return result


def tree_levels(leaves: int) -> int:
    """Levels, and so cycles, of a tree."""
    return (leaves - 1).bit_length()


def adder_tree(
    m: Module,
    platform: object,
    leaves: Sequence[tuple[Value, IntegerRange]],
    subtract: Sequence[Value] | None,
    width: int,
) -> tuple[Value, IntegerRange]:
    """Sums the leaves with a register after each level; `tree_levels` cycles.

    ``subtract`` holds, for each leaf, the `relative_signs` bit that belongs to the same cycle as the
    leaves (bit 0 is not used), or is None for a plain sum. Sums are taken modulo ``2**width``, as
    wide as the result may need to be. Returns the root with its range.
    """
    nodes = list(leaves)
    signs = list(subtract) if subtract is not None else None
    while len(nodes) > 1:
        # Signs of right nodes are used up here, the others move on one level.
        kept = [(leaf, sign) for leaf, sign in enumerate(signs or ()) if leaf % 2 == 0 and leaf]
        next_nodes: list[tuple[Value, IntegerRange]] = []
        for left in range(0, len(nodes), 2):
            value, values = nodes[left]
            if left + 1 < len(nodes):
                other, others = nodes[left + 1]
                if signs is None:
                    value, values = value + other, values + others
                else:
                    values = values + others.union(-others)
                    bits = min(values.width, width)
                    value = add_or_subtract(m, platform, value, other, signs[left + 1], bits)
            shape = shape_of(values)
            if shape.width > width:
                shape = signed(width)
            node = Signal(shape, reset_less=True)
            m.d.sync += node.eq(value)
            next_nodes.append((node, values))
        if signs is not None and kept:
            moved = Signal(len(kept), reset_less=True)
            m.d.sync += moved.eq(Cat(sign for _, sign in kept))
            signs = [signs[0], *moved]
        nodes = next_nodes
    return nodes[0]
