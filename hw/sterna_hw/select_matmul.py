"""Matrix times vector by select-and-add: the plain engine beside the table engine.

Every weight of a beat selects zero, its activation, or its activation shifted, which then goes
into the tree of adders; there are no tables and nothing to fill. Signs cost nothing here either: a
word of the weights holds the code of the letter's magnitude and, above it, the relative sign that
the tree takes (see `adder_tree`). Everything behind the leaves is the same as in `table_matmul`.

The beat of activations stays on ``i`` through all look-ups of its block and is taken together with
the last one. One beat of weights a cycle; latency from a beat of weights to its result as in the
table engine, 4 + tree levels + plane stages. Letters must be zero or plus or minus a power of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring

from .adder_tree import relative_signs
from .base import Cost, Device, IntegerRange, Timing
from .base.cost_table import logic
from .beat import shape_of
from .credit import delay
from .matmul import MatmulConfig
from .matmul_engine import MatmulEngine, take_together
from .matmul_tail import Leaf, MatmulTail, tail_cost

__all__ = ["SelectMatmul", "SelectMatmulConfig", "select_leaves"]


@dataclass(frozen=True)
class SelectMatmulConfig(MatmulConfig):
    """The engine's parameters; see `MatmulConfig` for the others.

    Parameters
    ----------
    block_inputs : :class:`int`
        Inputs worked on at once, 1 to N.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    block_inputs: int = 1  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.block_inputs <= self.inputs:
            raise ValueError(
                f"Block inputs must be 1 to the {self.inputs} inputs, not {self.block_inputs!r}"
            )
        if any(size & (size - 1) for size in self.magnitudes):
            raise ValueError(
                "Alphabet must hold only zero and powers of two to be selected from, "
                f"not {self.alphabet.values}"
            )
        _ = self.accumulate  # it validates itself

    @property
    def magnitudes(self) -> tuple[int, ...]:
        """The letters without their signs, ascending; their places are the codes."""
        return tuple(sorted({abs(letter) for letter in self.alphabet.values}))

    @property
    def code_width(self) -> int:
        return (len(self.magnitudes) - 1).bit_length()

    @property
    def index_width(self) -> int:
        """Bits of a word: code and sign."""
        return self.code_width + 1

    @property
    def word_range(self) -> IntegerRange:
        return IntegerRange(0, 2**self.index_width - 1)

    @property
    def leaf_count(self) -> int:
        return self.block_inputs

    @property
    def leaf_range(self) -> IntegerRange:
        return self.input_range.with_zero() * self.magnitudes[-1]

    @property
    def has_signs(self) -> bool:
        return True

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The beats of ``weights`` for a matrix [outputs, inputs]: int64 [row_count, Q*block].

        Rows run through input blocks, output blocks, planes (most significant first); element
        ``q*block_inputs + k`` is the word of input k of the block for output q of the block.

        Raises
        ------
        ValueError
            If the shape is wrong or a weight cannot be written.
        """
        letters = self.letters(weights)
        letters = letters.reshape(
            self.planes, self.output_blocks, self.queries, self.input_blocks, self.block_inputs
        )
        codes = np.searchsorted(np.array(self.magnitudes, dtype=np.int64), np.abs(letters))
        words = codes | relative_signs((letters < 0).astype(np.int64)) << self.code_width
        return words[::-1].transpose(3, 1, 0, 2, 4).reshape(self.row_count, -1)

    def compute_packed(self, activations: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """What the engine makes of packed rows.

        Shapes: activations [frames, lanes, inputs] (or [frames, inputs]), rows as from `pack`;
        results likewise [frames, lanes, outputs] (or [frames, outputs]).
        """
        x = self.lanes_of(activations)
        x = x.reshape(len(x), self.lanes, self.input_blocks, self.block_inputs)
        words = np.asarray(rows, dtype=np.int64).reshape(
            self.input_blocks, self.output_blocks, self.planes, self.queries, self.block_inputs
        )
        signs = words >> self.code_width
        for leaf in range(1, self.block_inputs):
            signs[..., leaf] ^= signs[..., leaf & (leaf - 1)]
        sizes = np.array(self.magnitudes, dtype=np.int64)[words & ((1 << self.code_width) - 1)]
        letters = sizes * (1 - 2 * signs)
        results = self.accumulate.compute(np.einsum("flbk,bopqk->fboplq", x, letters))
        return results if np.ndim(activations) == 3 else results[:, 0]

    def compute(self, activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """``activations @ weights.T`` by way of packed rows, exact int64."""
        return self.compute_packed(activations, self.pack(weights))

    def timing(self) -> Timing:
        return self.timing_together("add")

    def cost(self, device: Device) -> Cost:
        """Estimate: the tail, and for each bit of a leaf a multiplexer of the magnitudes. Zero
        costs nothing: it is the leaf register's reset."""
        choices = len(self.magnitudes) - (0 in self.magnitudes)
        leaves = self.lanes * self.queries * self.block_inputs
        bits = leaves * self.leaf_range.width
        words = self.queries * self.block_inputs
        held = self.lanes * self.block_inputs * self.input_range.width
        select = logic(
            device,
            "select",
            ff=bits + words * self.code_width + held,
            choice_bits=bits * (choices - 1),
            words=words * (choices > 1),
        )
        return select + tail_cost(self, device)

    def create(self) -> SelectMatmul:
        return SelectMatmul(self)


class SelectMatmul(MatmulEngine):
    """The engine; its ports are those of `MatmulEngine`."""

    def __init__(self, config: SelectMatmulConfig) -> None:
        self.config = config
        super().__init__(config)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        tail = MatmulTail(m, config)
        take_together(m, tail, self.i, self.weights, tail.is_last_of_block)
        leaves, signs = self._select(m)
        results = tail.sum_up(m, platform, leaves, signs)
        wiring.connect(m, wiring.flipped(self.o), results)
        return m

    def _select(self, m: Module) -> tuple[list[list[Leaf]], list[Value]]:
        """The leaves of each sum, and the signs of each input, one bit a query."""
        config = self.config
        held = [
            Signal(shape_of(config.input_range), reset_less=True, name=f"held_{number}")
            for number in range(config.lanes * config.block_inputs)
        ]
        m.d.sync += [copy.eq(value) for copy, value in zip(held, self.i.payload.data)]
        leaves: list[list[Leaf]] = [[] for _ in range(config.lanes * config.queries)]
        signs = []
        words = self.weights.payload.data
        for place in range(config.block_inputs):
            sign_bits = []
            for query in range(config.queries):
                word = words[query * config.block_inputs + place]
                sign_bits.append(word[-1])
                values = [held[lane * config.block_inputs + place] for lane in range(config.lanes)]
                for lane, leaf in enumerate(select_leaves(m, config, word, values)):
                    leaves[lane * config.queries + query].append(leaf)
            signs.append(delay(m, Cat(sign_bits), 2))
        return leaves, signs


def select_leaves(
    m: Module, config: SelectMatmulConfig, word: Value, values: Sequence[Value]
) -> list[Leaf]:
    """What a word of this cycle selects of each of the values of the next, a cycle later still."""
    code = delay(m, word[: config.code_width], 1) if config.code_width else Const(0, 1)
    leaves: list[Leaf] = []
    for value in values:
        leaf = Signal(shape_of(config.leaf_range), reset_less=True)
        with m.Switch(code):
            for number, size in reversed(list(enumerate(config.magnitudes))):
                with m.Case(number) if number else m.Default():
                    m.d.sync += leaf.eq(value << size.bit_length() - 1 if size else 0)
        leaves.append((leaf, config.leaf_range))
    return leaves
