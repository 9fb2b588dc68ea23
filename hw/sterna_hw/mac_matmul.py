"""Matrix times vector by multipliers, two products each: for weights of whole numbers to int8.

Two weights that meet the same activation share a multiplier where its ports are wide enough
(`packed_products`): a word holds both, words are added by a tree as long as the lower sum fits,
then they are taken apart. Otherwise every product has a multiplier of its own, or several if its
factors are wider than the ports. Folding, loops and accumulation are those of the other engines
(`matmul`).

Latency from a beat of weights to its result: registers in front of, in and behind the multiplier,
the trees, one to take words apart. One beat of weights a cycle; the beat of activations stays on
``i`` through all beats of its block. Everything is plain arithmetic, which synthesis maps to DSP
blocks; Yosys takes registers into the blocks of older Xilinx devices only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import wiring

from .adder_tree import adder_tree, adder_tree_cost, tree_levels
from .base import Alphabet, Cost, Device, IntegerRange, Timing
from .base.cost_table import logic
from .beat import beat_count, shape_of
from .credit import delay, delay_cost
from .matmul import MatmulConfig
from .matmul_engine import MatmulEngine, take_together
from .matmul_tail import Leaf, MatmulTail, tail_cost
from .packed_products import (
    NARROW_PORT,
    WIDEST_PORT,
    PackedProducts,
    takes_multiplier,
    with_sign,
)

__all__ = ["MacMatmul", "MacMatmulConfig", "integers"]


def integers(values: IntegerRange) -> Alphabet:
    """All whole numbers of a range and zero as an alphabet."""
    values = values.with_zero()
    if values.low == values.high:  # nothing but zero
        values = IntegerRange(0, 1)
    return Alphabet("integers", tuple(range(values.low, values.high + 1)))


@dataclass(frozen=True)
class MacMatmulConfig(MatmulConfig):
    """The engine's parameters; see `MatmulConfig` for the others. The alphabet is one of whole
    numbers without gaps, as `integers` makes it.

    Parameters
    ----------
    block_inputs : :class:`int`
        Inputs worked on at once, 1 to N.
    port : :class:`int`
        Bits of the multiplier's wide port, signed; see `multiplier_port`.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    block_inputs: int = 1  # type: ignore[assignment]
    port: int = 18

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.block_inputs <= self.inputs:
            raise ValueError(
                f"Block inputs must be 1 to the {self.inputs} inputs, not {self.block_inputs!r}"
            )
        if not NARROW_PORT <= self.port <= WIDEST_PORT:
            raise ValueError(f"Port must be {NARROW_PORT} to {WIDEST_PORT} bits, not {self.port!r}")
        values = self.alphabet.range
        if not values.contains(0) or values.high - values.low + 1 != len(self.alphabet):
            raise ValueError(
                f"Alphabet must hold all whole numbers from {values.low} to {values.high}, zero "
                f"among them, not only {len(self.alphabet)}"
            )
        if self.planes != 1:
            raise ValueError(f"Planes must be 1, not {self.planes!r}")
        _ = self.accumulate  # it validates itself

    @cached_property
    def words(self) -> PackedProducts:
        """How two weights share a multiplier."""
        return PackedProducts(
            self.alphabet.range, self.input_range, self.queries, self.block_inputs, self.port
        )

    @property
    def index_width(self) -> int:
        """Bits of a word of the weights."""
        return self.words.width

    @property
    def word_range(self) -> IntegerRange:
        return IntegerRange(0, (1 << self.index_width) - 1)

    @property
    def row_elements(self) -> int:
        return self.words.pairs * self.block_inputs

    @property
    def leaf_count(self) -> int:
        terms = max(self.words.terms, 1)
        return beat_count(self.block_inputs, terms)

    @property
    def leaf_range(self) -> IntegerRange:
        return self.words.product_range * max(self.words.terms, 1)

    @property
    def leaf_latency(self) -> int:
        """In front of, in and behind the multiplier; the tree of words, and to take them apart."""
        return 3 + (tree_levels(self.words.terms) + 1 if self.words.is_packed else 0)

    @property
    def has_signs(self) -> bool:
        return False

    @property
    def plain_registers(self) -> int:
        return 1 if self.words.is_packed else 2

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The beats of ``weights`` for a matrix [outputs, inputs]: int64 [row_count, elements].

        Rows run through input blocks, then output blocks; element ``pair*block_inputs + k`` is the
        word of input k of the block for a pair of outputs (or for one): the even output's weight in
        the low bits, the odd one's with the borrow above.

        Raises
        ------
        ValueError
            If the shape is wrong or a weight is not of the alphabet.
        """
        letters = self.letters(weights)[0].reshape(
            self.output_blocks, self.queries, self.input_blocks, self.block_inputs
        )
        return self.words.pack(letters.transpose(2, 0, 1, 3)).reshape(self.row_count, -1)

    def compute_packed(self, activations: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """What the engine makes of packed rows.

        Shapes: activations [frames, lanes, inputs] (or [frames, inputs]), rows as from `pack`;
        results likewise [frames, lanes, outputs] (or [frames, outputs]).
        """
        x = self.lanes_of(activations)
        x = x.reshape(len(x), self.lanes, self.input_blocks, self.block_inputs)
        words = np.asarray(rows, dtype=np.int64).reshape(
            self.input_blocks, self.output_blocks, self.words.pairs, self.block_inputs
        )
        weights = self.words.unpack(words)
        sums = np.einsum("flbk,boqk->fbolq", x, weights)[:, :, :, np.newaxis]
        results = self.accumulate.compute(sums)
        return results if np.ndim(activations) == 3 else results[:, 0]

    def compute(self, activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """``activations @ weights.T`` by way of packed rows, exact int64."""
        return self.compute_packed(activations, self.pack(weights))

    def timing(self) -> Timing:
        return self.timing_together("multiply")

    def cost(self, device: Device) -> Cost:
        """Estimate: a DSP block for each multiplier, with the registers that Yosys leaves outside;
        the tree of words; an adder for each upper sum; the tail."""
        packed = self.words
        multipliers = self.lanes * packed.pairs * self.block_inputs
        wide = packed.lower_width
        if packed.is_packed:
            wide = packed.field + packed.upper_range.width
        product = packed.sums(1).width
        in_blocks = takes_multiplier(device, wide, packed.activation_width, product)
        # Of a pair with one output the upper half is not there, and what is left may be small.
        halves = packed.is_packed * self.queries % 2
        small = self.lanes * self.block_inputs * halves
        width = packed.lower_width
        small_in_blocks = takes_multiplier(device, width, packed.activation_width, packed.field)
        # Numbers wider than a port are cut.
        pieces = beat_count(packed.lower_width, self.port)
        pieces *= beat_count(packed.activation_width, NARROW_PORT)
        blocks = (multipliers - small) * in_blocks + small * small_in_blocks
        cost = tail_cost(self, device) + Cost(dsp=pieces * blocks)
        # Bits that only repeat a sign are not kept twice, and lanes share the weights' registers.
        registers = self.block_inputs * packed.pairs * packed.lower_width
        registers += self.lanes * self.block_inputs * self.input_range.width
        if packed.is_packed:
            registers += self.block_inputs * (packed.pairs - halves) * packed.upper_range.width
        unread = halves * self.lanes * self.block_inputs * (product - packed.field)
        registers += 2 * (multipliers * product - unread)
        # The older Xilinx blocks take these registers in.
        cost += Cost(ff=registers * (device.family != "xc7" or not in_blocks))
        count = small * (not small_in_blocks) if in_blocks else multipliers
        if count:
            width = self.input_range.width
            bits = packed.lower_width if in_blocks else wide
            cost += logic(
                device,
                "mac_in_logic",
                gated_bits=count * bits * (width == 1),
                multiplied_bits=count * bits * width * (width > 1),
                product_bits=count * (packed.field if in_blocks else product) * (width > 1),
            )
        return cost + self._apart_cost(device, halves) if packed.is_packed else cost

    def _apart_cost(self, device: Device, halves: int) -> Cost:
        """Estimate of the trees of words and of what takes their sums apart, of which ``halves``
        of a lane have a lower part only."""
        packed, words = self.words, self.lanes * self.leaf_count
        cost = Cost()
        for count, width in ((packed.pairs - halves, packed.sum_width), (halves, packed.field)):
            tree = adder_tree_cost(
                device, packed.terms, packed.sums(1), width, with_signs=False, before=2
            )
            cost += tree * (words * count)
        lower = words * packed.pairs * packed.field
        upper = words * (packed.pairs - halves) * with_sign(self.leaf_range).width
        cost += logic(device, "mac_apart", ff=lower + upper, bits=upper)
        if self.input_blocks == 1 and self.leaf_count == 1:
            # The lower part is copied from the word's sum to the result, in one chain.
            copied = lower - words * packed.pairs
            chain = 3 if packed.terms > 1 else 4
            cost += Cost(ff=-chain * copied) + delay_cost(device, copied, chain)
        return cost

    def create(self) -> MacMatmul:
        return MacMatmul(self)


class MacMatmul(MatmulEngine):
    """The engine; its ports are those of `MatmulEngine`."""

    def __init__(self, config: MacMatmulConfig) -> None:
        self.config = config
        super().__init__(config)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tail = MatmulTail(m, self.config)
        take_together(m, tail, self.i, self.weights, tail.is_last_of_block)
        results = tail.sum_up(m, platform, self._leaves(m, platform), None)
        wiring.connect(m, wiring.flipped(self.o), results)
        return m

    def _leaves(self, m: Module, platform: object) -> list[list[Leaf]]:
        """The leaves of each sum, ``[lane*queries + query]``."""
        config = self.config
        leaves: list[list[Leaf]] = [[] for _ in range(config.lanes * config.queries)]
        leaf_range = with_sign(config.leaf_range)
        for lane in range(config.lanes):
            for pair in range(config.words.pairs):
                products = self._products(m, lane, pair)
                if not config.words.is_packed:
                    leaves[lane * config.queries + pair] += products
                    continue
                for start in range(0, config.block_inputs, config.words.terms):
                    group = products[start : start + config.words.terms]
                    halves = self._apart(m, platform, group)
                    for query, half in zip(range(2 * pair, config.queries), halves):
                        leaves[lane * config.queries + query].append((half, leaf_range))
        return leaves

    def _products(self, m: Module, lane: int, pair: int) -> list[Leaf]:
        """One multiplier for each input of the block; three registers, all inside of a block."""
        config = self.config
        products: list[Leaf] = []
        words, values = self.weights.payload.data, self.i.payload.data
        for place in range(config.block_inputs):
            word = words[pair * config.block_inputs + place]
            lower = word[: config.words.lower_width].as_signed()
            wide: Value = lower
            if config.words.is_packed:
                extended = Signal(signed(config.words.field))
                m.d.comb += extended.eq(lower)
                wide = Cat(extended, word[config.words.lower_width :]).as_signed()
            value = values[lane * config.block_inputs + place]
            left = Signal(signed(len(wide)), reset_less=True)
            right = Signal(shape_of(config.input_range), reset_less=True)
            sums = config.words.sums(1)
            product = Signal(shape_of(sums), reset_less=True)
            result = Signal(shape_of(sums), reset_less=True)
            m.d.sync += [left.eq(wide), right.eq(value), product.eq(left * right)]
            m.d.sync += result.eq(product)
            products.append((result, sums))
        return products

    def _apart(self, m: Module, platform: object, group: list[Leaf]) -> list[Value]:
        """The lower and the upper sum of some words."""
        config = self.config
        field = config.words.field
        total, _ = adder_tree(m, platform, group, None, config.words.sums(len(group)).width)
        total = delay(m, total, tree_levels(config.words.terms) - tree_levels(len(group)))
        lower = Signal(signed(field), reset_less=True)
        upper = Signal(shape_of(with_sign(config.leaf_range)), reset_less=True)
        m.d.sync += [
            lower.eq(total[:field].as_signed()),
            upper.eq(total[field:].as_signed() + total[field - 1]),
        ]
        return [lower, upper]
