"""Matrix times vector by multipliers, two products each: for weights of whole numbers to int8.

A DSP block multiplies a wide number by a narrow one. Two weights that meet the same activation are
written into one wide number, ``(upper << F) + lower``; times the activation that is
``(upper*x << F) + lower*x``, two products in one word. Such words are added as they are, by a tree
of adders, as long as the lower sum fits F bits; then they are taken apart: the lower sum is the low
F bits with their sign, and the upper one is what is above, plus one if the lower sum is negative,
since it has borrowed. The same borrow is in the wide number itself: the packer writes
``upper - (lower < 0)`` above the bits of ``lower``, so that the wide number is wire.

How far F reaches is settled by ranges: the multiplier's wide port has 27 bits on UltraScale+, 25 on
older Xilinx devices, 18 on ECP5. A block of more inputs than fit is cut into groups, each taken
apart for itself. Where not even one pair fits, or there is one output a beat, every product has a
multiplier of its own, or several if its factors are wider than the ports. Folding, loops and
accumulation are those of the other engines (`matmul`).

Latency from a beat of weights to its result: registers in front of, in and behind the multiplier,
the trees, one to take words apart. One beat of weights a cycle; the beat of activations stays on
``i`` through all beats of its block. Everything is plain arithmetic, which synthesis maps to DSP
blocks; Yosys takes registers into the blocks of older Xilinx devices only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .adder_tree import adder_tree, tree_levels
from .base import Alphabet, Cost, Device, IntegerRange, Process, Step, Timing
from .beat import beat_count, shape_of
from .credit import delay
from .matmul import MatmulConfig
from .matmul_tail import Leaf, MatmulTail, tail_cost

__all__ = ["MacMatmul", "MacMatmulConfig", "integers", "multiplier_port"]

NARROW_PORT = 18
"""Bits of a multiplier's narrow port, on all devices."""


def multiplier_port(device: Device) -> int:
    """Bits of the wide port of a device's multipliers."""
    return {"xcup": 27, "xc7": 25}.get(device.family, 18)


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
        values = self.alphabet.range
        if not values.contains(0) or values.high - values.low + 1 != len(self.alphabet):
            raise ValueError(
                f"Alphabet must hold all whole numbers from {values.low} to {values.high}, zero "
                f"among them, not only {len(self.alphabet)}"
            )
        if self.planes != 1:
            raise ValueError(f"Planes must be 1, not {self.planes!r}")
        _ = self.accumulate  # it validates itself

    @property
    def lower_width(self) -> int:
        """Bits of a weight with its sign."""
        return _signed(self.alphabet.range).width

    @property
    def _activation_width(self) -> int:
        return _signed(self.input_range).width

    @property
    def upper_range(self) -> IntegerRange:
        """Of the upper weight with the borrow of the lower one."""
        values = _signed(self.alphabet.range)
        borrows = self.alphabet.range.signed
        return IntegerRange(values.low - borrows, values.high)

    @property
    def product_range(self) -> IntegerRange:
        return self.alphabet.range * self.input_range.with_zero()

    def _field(self, terms: int) -> int:
        """Bits that the lower sum of so many products needs, with its sign."""
        return _signed(self.product_range * terms).width

    @property
    def terms(self) -> int:
        """Products that are added before they are taken apart; 0 if none are put together."""
        if self.queries == 1 or self._activation_width > NARROW_PORT:
            return 0
        room = self.port - self.upper_range.width
        most = max(
            (terms for terms in range(1, self.block_inputs + 1) if self._field(terms) <= room),
            default=0,
        )
        if not most:
            return 0
        # As many groups as this takes, as equal as they can be.
        return beat_count(self.block_inputs, beat_count(self.block_inputs, most))

    @property
    def is_packed(self) -> bool:
        return self.terms > 0

    @property
    def pairs(self) -> int:
        """Multipliers for one activation: pairs of outputs, or outputs."""
        return beat_count(self.queries, 2) if self.is_packed else self.queries

    @property
    def field(self) -> int:
        """Bits of the lower sum (F)."""
        return self._field(self.terms)

    @property
    def index_width(self) -> int:
        """Bits of a word of the weights."""
        return self.lower_width + self.is_packed * self.upper_range.width

    @property
    def word_range(self) -> IntegerRange:
        return IntegerRange(0, (1 << self.index_width) - 1)

    @property
    def row_elements(self) -> int:
        return self.pairs * self.block_inputs

    @property
    def leaf_count(self) -> int:
        return beat_count(self.block_inputs, self.terms) if self.is_packed else self.block_inputs

    @property
    def leaf_range(self) -> IntegerRange:
        return self.product_range * max(self.terms, 1)

    @property
    def leaf_latency(self) -> int:
        """In front of, in and behind the multiplier; the tree of words, and to take them apart."""
        return 3 + (tree_levels(self.terms) + 1 if self.is_packed else 0)

    @property
    def has_signs(self) -> bool:
        return False

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
        letters = letters.transpose(2, 0, 1, 3)
        low = (1 << self.lower_width) - 1
        if not self.is_packed:
            return (letters & low).reshape(self.row_count, -1)
        if self.queries % 2:
            letters = np.concatenate([letters, np.zeros_like(letters[:, :, :1])], axis=2)
        lower, upper = letters[:, :, ::2], letters[:, :, 1::2]
        high = (1 << self.upper_range.width) - 1
        words = lower & low | ((upper - (lower < 0)) & high) << self.lower_width
        return words.reshape(self.row_count, -1)

    def compute_packed(self, activations: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """What the engine makes of packed rows.

        Shapes: activations [frames, lanes, inputs] (or [frames, inputs]), rows as from `pack`;
        results likewise [frames, lanes, outputs] (or [frames, outputs]).
        """
        x = self.lanes_of(activations)
        x = x.reshape(len(x), self.lanes, self.input_blocks, self.block_inputs)
        words = np.asarray(rows, dtype=np.int64).reshape(
            self.input_blocks, self.output_blocks, self.pairs, self.block_inputs
        )
        weights = _with_sign(words, self.lower_width)
        if self.is_packed:
            upper = _with_sign(words >> self.lower_width, self.upper_range.width)
            both = np.stack([weights, upper + (weights < 0)], axis=3)
            weights = both.reshape(*both.shape[:2], -1, self.block_inputs)[:, :, : self.queries]
        sums = np.einsum("flbk,boqk->fbolq", x, weights)[:, :, :, np.newaxis]
        results = self.accumulate.compute(sums)
        return results if np.ndim(activations) == 3 else results[:, 0]

    def compute(self, activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """``activations @ weights.T`` by way of packed rows, exact int64."""
        return self.compute_packed(activations, self.pack(weights))

    def timing(self) -> Timing:
        steps: list[Step] = []
        latency = self.pipeline_latency + 1
        for _, closes, gives_result, count in self.beat_runs():
            take = ("weights",) + ("i",) * closes + ("places",) * gives_result
            give = (("o", latency),) * gives_result
            steps.append(Step(peek=("i",), take=take, give=give, repeat=count))
        return Timing(
            inputs=("i", "weights"),
            outputs=("o",),
            processes=(Process("multiply", tuple(steps)),),
            initial={"places": self.places_needed},
            returns={"o": "places"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: a DSP block for each multiplier, with the registers that Yosys leaves outside;
        the tree of words; an adder for each upper sum; the tail."""
        multipliers = self.lanes * self.pairs * self.block_inputs
        # Numbers wider than a port are cut.
        pieces = beat_count(self.lower_width, self.port)
        pieces *= beat_count(self._activation_width, NARROW_PORT)
        cost = tail_cost(self, device) + Cost(dsp=multipliers * pieces)
        if device.family != "xc7":
            wide = self.field + self.upper_range.width if self.is_packed else self.lower_width
            registers = self.pairs * wide + self.lanes * self.input_range.width
            cost += Cost(ff=self.block_inputs * registers)
            cost += Cost(ff=multipliers * 2 * self.word_sums(1).width)
        if self.is_packed:
            words = self.lanes * self.pairs * self.leaf_count
            upper = self._word_width - self.field
            adders = words * (self.terms - 1)
            levels = tree_levels(self.terms)
            cost += Cost(lut=adders * self._word_width, ff=words * levels * self._word_width)
            cost += Cost(lut=words * upper, ff=words * self._word_width)
        return cost

    def word_sums(self, terms: int) -> IntegerRange:
        """Range of a sum of so many words behind the multipliers."""
        sums = self.product_range * terms
        return _signed(sums * (1 << self.field) + sums if self.is_packed else sums)

    @property
    def _word_width(self) -> int:
        return self.word_sums(max(self.terms, 1)).width

    def create(self) -> MacMatmul:
        return MacMatmul(self)


def _signed(values: IntegerRange) -> IntegerRange:
    """The range with room for a sign."""
    return values.union(IntegerRange(-1, 0))


def _with_sign(words: np.ndarray, width: int) -> np.ndarray:
    """The low bits of words as two's complement numbers."""
    half = 1 << width - 1
    return ((words & 2 * half - 1) ^ half) - half


class MacMatmul(wiring.Component):
    """The engine.

    Attributes
    ----------
    i : stream of beats, in
        Activations: element ``lane*block_inputs + input``; ``input_blocks`` beats a frame.
    weights : stream of beats, in
        Rows of `MacMatmulConfig.pack`, ``row_count`` a frame.
    o : stream of beats, out
        Results: element ``lane*queries + query``; ``output_blocks`` beats a frame.
    """

    def __init__(self, config: MacMatmulConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(config.input_signature),
                "weights": In(config.weights_signature),
                "o": Out(stream.Signature(config.output_layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tail = MatmulTail(m, self.config)
        m.d.comb += [
            self.weights.ready.eq(self.i.valid & tail.has_place),
            self.i.ready.eq(self.weights.valid & tail.has_place & tail.is_last_of_block),
            tail.accept.eq(self.i.valid & self.weights.valid & tail.has_place),
        ]
        results = tail.sum_up(m, platform, self._leaves(m, platform), None)
        wiring.connect(m, wiring.flipped(self.o), results)
        return m

    def _leaves(self, m: Module, platform: object) -> list[list[Leaf]]:
        """The leaves of each sum, ``[lane*queries + query]``."""
        config = self.config
        leaves: list[list[Leaf]] = [[] for _ in range(config.lanes * config.queries)]
        leaf_range = _signed(config.leaf_range)
        for lane in range(config.lanes):
            for pair in range(config.pairs):
                products = self._products(m, lane, pair)
                if not config.is_packed:
                    leaves[lane * config.queries + pair] += products
                    continue
                for start in range(0, config.block_inputs, config.terms):
                    group = products[start : start + config.terms]
                    halves = self._apart(m, platform, group)
                    for query, half in zip(range(2 * pair, config.queries), halves):
                        leaves[lane * config.queries + query].append((half, leaf_range))
        return leaves

    def _products(self, m: Module, lane: int, pair: int) -> list[Leaf]:
        """One multiplier for each input of the block; three registers, all inside of a block."""
        config = self.config
        products: list[Leaf] = []
        for place in range(config.block_inputs):
            word = self.weights.payload.data[pair * config.block_inputs + place]
            lower = word[: config.lower_width].as_signed()
            wide: Value = lower
            if config.is_packed:
                extended = Signal(signed(config.field))
                m.d.comb += extended.eq(lower)
                wide = Cat(extended, word[config.lower_width :]).as_signed()
            value = self.i.payload.data[lane * config.block_inputs + place]
            left = Signal(signed(len(wide)), reset_less=True)
            right = Signal(shape_of(config.input_range), reset_less=True)
            values = config.word_sums(1)
            product = Signal(shape_of(values), reset_less=True)
            result = Signal(shape_of(values), reset_less=True)
            m.d.sync += [left.eq(wide), right.eq(value), product.eq(left * right)]
            m.d.sync += result.eq(product)
            products.append((result, values))
        return products

    def _apart(self, m: Module, platform: object, group: list[Leaf]) -> list[Value]:
        """The lower and the upper sum of some words."""
        config = self.config
        field = config.field
        total, _ = adder_tree(m, platform, group, None, config.word_sums(len(group)).width)
        total = delay(m, total, tree_levels(config.terms) - tree_levels(len(group)))
        lower = Signal(signed(field), reset_less=True)
        upper = Signal(shape_of(_signed(config.leaf_range)), reset_less=True)
        m.d.sync += [
            lower.eq(total[:field].as_signed()),
            upper.eq(total[field:].as_signed() + total[field - 1]),
        ]
        return [lower, upper]
