"""From a beat of weight codes to new totals: the tables are read, what they hold is summed.

Two ways lead from the looked-up values to a total: carry chains (`logic_sums`), and DSP48E2 blocks
(see `dsp_sums`), told here. Chains of blocks sum up to five tables of four lanes each, the sums of
the chains are gathered into at most three words (by small trees where there are more), and one more
chain adds these to the previous total. A chain takes its leaves one after the other; instead of
delaying what was looked up, the index is delayed, which all lanes share.

Both ways take a beat in every cycle and have no enable. The ``read_offset`` of a way is the number
of cycles from the acceptance of a beat to the one in which the previous totals must be addressed;
the new totals follow `TOTAL_LATENCY` cycles after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Value

from ..adder_tree import adder_tree, tree_levels
from ..base import Cost, Device, IntegerRange
from ..credit import delay
from ..table_copies import table_copy
from .column_fill import LATEST_READ, ColumnFill
from .dsp_sums import LEAF_FIELD, TOTAL_FIELD, leaf_chain, pack_fields, total_chain

__all__ = ["TOTAL_LATENCY", "DspSums", "SumShape"]

TOTAL_LATENCY = 3
"""Cycles from the address of a previous total to the total that replaces it."""


@dataclass(frozen=True)
class SumShape:
    """Sizes that sums depend on; ``leaf_range`` is what tables hold, ``entry_width`` the bits of an
    index without its sign, which ``has_signs`` says that it has."""

    lanes: int
    queries: int
    tables: int
    leaf_range: IntegerRange
    total_range: IntegerRange
    entry_width: int
    has_signs: bool

    def values(self, word: Value) -> list[Value]:
        """The looked-up values of all lanes."""
        width = self.leaf_range.width
        return [word[lane * width :][:width].as_signed() for lane in range(self.lanes)]


@dataclass(frozen=True)
class DspSums:
    """Sums by DSP48E2 blocks."""

    shape: SumShape

    @property
    def chains(self) -> list[range]:
        """Tables of each chain: at most five, and no more than a field of 12 bits can sum."""
        field = IntegerRange.of_width(LEAF_FIELD, signed=True)
        longest = min(5, field.high // self.shape.leaf_range.high)
        return _split(range(self.shape.tables), -(-self.shape.tables // longest))

    @property
    def groups(self) -> list[range]:
        """Chains of each of the words (at most three) that are added to the previous totals."""
        chains = len(self.chains)
        return _split(range(chains), min(3, chains))

    @property
    def _terms(self) -> int:
        return max(2, max(len(chain) for chain in self.chains))

    @property
    def _levels(self) -> int:
        return max(tree_levels(len(group)) for group in self.groups)

    @property
    def read_offset(self) -> int:
        return self._terms + self._levels + (len(self.groups) > 1)

    def cost(self, device: Device) -> Cost:
        """Estimate: blocks, trees between the chains, signs by query."""
        shape = self.shape
        leaf_blocks = sum(max(2, len(chain)) - 1 for chain in self.chains) * -(-shape.lanes // 4)
        total_blocks = (1 + (len(self.groups) > 1)) * -(-shape.lanes // 2)
        merged = (LEAF_FIELD + 1) * (len(self.chains) - len(self.groups)) * shape.lanes
        signs = 2 * shape.tables if shape.has_signs else 0
        each = Cost(lut=merged + signs, ff=merged + 6 * signs, dsp=leaf_blocks + total_blocks)
        return each * shape.queries

    def _skews(self) -> list[int]:
        """How many cycles later than it could each table is looked up."""
        skews = []
        for group in self.groups:
            for chain in group:
                terms = len(self.chains[chain])
                wait = self._levels - tree_levels(len(group)) + self._terms - max(2, terms)
                skews += [wait + max(0, term - 2) for term in range(terms)]
        return skews

    def build(
        self,
        m: Module,
        platform: object,
        fill: ColumnFill,
        codes: Sequence[Value],
        previous: Sequence[Value],
        clear: Value,
    ) -> list[Value]:
        """New totals, element ``lane*queries + query``.

        ``codes`` are of the beat accepted in the same cycle, element ``query*tables + table``;
        ``previous`` totals, to be taken as zero with ``clear``, come one cycle after their address.
        """
        shape = self.shape
        skews = self._skews()
        assert 1 + max(skews) <= LATEST_READ
        width = shape.total_range.width
        totals: list[Value] = [Value.cast(0)] * (shape.lanes * shape.queries)
        halves = [delay(m, fill.read_half, cycles) for cycles in range(max(skews) + 1)]
        for query in range(shape.queries):
            own = list(codes[query * shape.tables :][: shape.tables])
            signs = _absolute_signs(own) if shape.has_signs else [Value.cast(0)] * shape.tables
            words, negatives = [], []
            for table, (code, sign) in enumerate(zip(own, signs)):
                skew = skews[table]
                moved = delay(m, Cat(code[: shape.entry_width], sign), skew)
                index = Cat(moved[: shape.entry_width], halves[skew])
                name = f"{query}_{table}"
                entry = fill.entries[table]
                looked_up = table_copy(m, name, fill.writes[table], entry, index)
                words.append(shape.values(looked_up))
                negatives.append(delay(m, moved[shape.entry_width :], 1))
            sums = self._chain_sums(m, platform, query, words, negatives)
            gathered = []
            for group in self.groups:
                leaves = [
                    [
                        (sums[chain][lane], shape.leaf_range * len(self.chains[chain]))
                        for chain in group
                    ]
                    for lane in range(shape.lanes)
                ]
                gathered.append(
                    [adder_tree(m, platform, nodes, None, width)[0] for nodes in leaves]
                )
            for lane in range(0, shape.lanes, 2):
                pair = range(lane, min(lane + 2, shape.lanes))
                places = [number * shape.queries + query for number in pair]
                result = total_chain(
                    m,
                    platform,
                    f"total_{query}_{lane}",
                    [
                        pack_fields([word[number] for number in pair], TOTAL_FIELD)
                        for word in gathered
                    ],
                    pack_fields([previous[place] for place in places], TOTAL_FIELD),
                    clear,
                )
                for number, place in enumerate(places):
                    totals[place] = result[number * TOTAL_FIELD :][:width].as_signed()
        return totals

    def _chain_sums(
        self,
        m: Module,
        platform: object,
        query: int,
        words: list[list[Value]],
        negatives: list[Value],
    ) -> list[list[Value]]:
        """The sum of each chain for each lane."""
        sums = []
        for number, chain in enumerate(self.chains):
            lanes: list[Value] = []
            for low in range(0, self.shape.lanes, 4):
                terms = [pack_fields(words[table][low : low + 4], LEAF_FIELD) for table in chain]
                signs = [
                    negatives[table] if term < 2 else delay(m, negatives[table], 1)
                    for term, table in enumerate(chain)
                ]
                if len(terms) == 1:
                    terms, signs = [*terms, Value.cast(0)], [*signs, Value.cast(0)]
                terms = [Cat(term, Value.cast(0).replicate(48 - len(term))) for term in terms]
                result = leaf_chain(m, platform, f"chain_{query}_{number}_{low}", terms, signs)
                for lane in range(min(4, self.shape.lanes - low)):
                    lanes.append(result[lane * LEAF_FIELD :][:LEAF_FIELD].as_signed())
            sums.append(lanes)
        return sums


def _split(items: range, parts: int) -> list[range]:
    """Neighbours together, sizes that differ by one at most, larger ones first."""
    size, larger = divmod(len(items), parts)
    result, start = [], items.start
    for part in range(parts):
        end = start + size + (part < larger)
        result.append(range(start, end))
        start = end
    return result


def _absolute_signs(codes: Sequence[Value]) -> list[Value]:
    """The sign of each leaf by itself, from signs as `adder_tree.relative_signs` makes them."""
    signs = []
    for leaf, code in enumerate(codes):
        sign: Value = code[-1]
        while leaf:
            leaf &= leaf - 1
            sign = sign ^ codes[leaf][-1]
        signs.append(sign)
    return signs
