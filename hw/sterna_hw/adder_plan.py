"""Which adders make shared sums, and in which cycle each one works.

Every sum becomes a tree of adders of two or three operands. The tree is grown from what is there
first: the operands that are ready earliest are added, the narrower ones first, until one is left;
if the number of terms asks for one adder of two operands among those of three, it stands where the
sum is ready sooner. No adder negates all its operands: it is built with the opposite signs then,
and the sign goes on to its readers, as it does where that leaves fewer operands negative; only an
output, which has no readers, starts from zero if all its terms are negative.

Time is counted in levels: an adder of two operands takes one, one of three takes two (it has a
table more in front of its carry chain). A register stands after every ``levels`` of them and no
adder straddles it. Ranges are those of the sums over all inputs, not of their operands, so no adder
is wider than its values are; a shift that all operands share is left to the readers.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .base import IntegerRange
from .shared_sums import SharedSums, Sum, digits

__all__ = ["Adder", "AdderPlan", "Operand", "plan_adders"]


@dataclass(frozen=True, order=True)
class Operand:
    """A value, shifted and perhaps negative. ``value`` None is zero."""

    value: int | None
    shift: int = 0
    negative: bool = False


@dataclass(frozen=True)
class Adder:
    """The sum of two or three operands, not all of them negative, in a cycle of the pipeline."""

    operands: tuple[Operand, ...]
    values: IntegerRange
    stage: int


@dataclass(frozen=True)
class AdderPlan:
    """Adders in an order in which each reads only what is before it.

    ``inputs`` values are the inputs, there in stage 0; the k-th adder makes value ``inputs + k``.
    Each output is a value, shifted (never negative), or None for zero; all are there at the end of
    stage ``stages - 1``.
    """

    inputs: int
    input_range: IntegerRange
    adders: tuple[Adder, ...]
    outputs: tuple[Operand | None, ...]
    stages: int

    def range_of(self, value: int) -> IntegerRange:
        return self.input_range if value < self.inputs else self.adders[value - self.inputs].values

    def stage_of(self, value: int) -> int:
        """The stage at whose end a value can be registered."""
        return 0 if value < self.inputs else self.adders[value - self.inputs].stage

    def last_stages(self) -> list[int]:
        """For each value the last stage in which it is read; ``stages`` if it is an output."""
        last = [0] * self.inputs + [adder.stage for adder in self.adders]
        for adder in self.adders:
            for operand in adder.operands:
                if operand.value is not None:
                    last[operand.value] = max(last[operand.value], adder.stage)
        for output in self.outputs:
            if output is not None and output.value is not None:
                last[output.value] = self.stages
        return last


@dataclass(order=True)
class _Item:
    """A term of a tree that still has to be added: when it is ready, how wide, what it is."""

    time: int
    width: int
    operand: Operand
    weights: np.ndarray = field(compare=False)


class _Planner:
    """Grows the list of adders."""

    def __init__(self, inputs: int, input_range: IntegerRange, levels: int, most: int) -> None:
        self.input_range = input_range.with_zero()
        self.levels = levels
        self.most = most
        self.inputs = inputs
        self.adders: list[Adder] = []
        self.times = [0] * inputs

    def add_up(self, items: Sequence[_Item], signed: bool = True) -> _Item:
        """The sum of one item or more; unless ``signed``, the root is not negative, which asks for
        an item that is not."""
        ways = [
            self._grown(items, is_first, turns)
            for turns in (True, False)
            for is_first in (True, False)
        ]
        fitting = [way for way in ways if signed or not way[1].operand.negative]
        adders, root = min(fitting, key=lambda way: (way[1].time, _bits(way[0])))
        self.adders += adders
        return root

    def _grown(
        self, items: Sequence[_Item], pair_is_first: bool, turns: bool
    ) -> tuple[list[Adder], _Item]:
        """The adders of a tree, and its root; with ``turns`` an adder negates its result if that
        saves it a negative operand."""
        waiting, adders = list(items), []
        heapq.heapify(waiting)
        while len(waiting) > 1:
            is_pair = len(waiting) == 2 or self.most == 2
            is_pair |= len(waiting) % 2 == 0 and pair_is_first
            taken = [heapq.heappop(waiting) for _ in range(2 if is_pair else 3)]
            adder, item = self._adder(taken, self.inputs + len(self.adders) + len(adders), turns)
            adders.append(adder)
            heapq.heappush(waiting, item)
        return adders, waiting[0]

    def _adder(self, taken: Sequence[_Item], number: int, turns: bool) -> tuple[Adder, _Item]:
        cycles = len(taken) - 1
        start = max(item.time for item in taken)
        if start % self.levels + cycles > self.levels:
            start += self.levels - start % self.levels
        shift = min(item.operand.shift for item in taken if item.operand.value is not None)
        negative = sum(item.operand.negative for item in taken)
        flipped = negative == len(taken) or (turns and 2 * negative > len(taken))
        operands = tuple(
            Operand(
                item.operand.value,
                item.operand.shift - shift if item.operand.value is not None else 0,
                item.operand.negative != flipped,
            )
            for item in taken
        )
        weights = sum(
            (
                (-item.weights if operand.negative else item.weights) << operand.shift
                for item, operand in zip(taken, operands)
            ),
            start=np.zeros_like(taken[0].weights),
        )
        values = _range(weights, self.input_range)
        adder = Adder(operands, values, (start + cycles - 1) // self.levels)
        width = values.width + shift
        return adder, _Item(start + cycles, width, Operand(number, shift, flipped), weights)


def plan_adders(
    sums: SharedSums, input_range: IntegerRange, levels: int = 2, operands: int = 2
) -> AdderPlan:
    """Adders of at most ``operands`` operands, ``levels`` of them between registers.

    Raises
    ------
    ValueError
        If the levels are fewer than one adder takes, or the operands not 2 or 3.
    """
    if operands not in (2, 3):
        raise ValueError(f"Operands of an adder must be 2 or 3, not {operands!r}")
    if levels < operands - 1:
        raise ValueError(
            f"Levels between registers must be {operands - 1} or more for adders of {operands} "
            f"operands, not {levels!r}"
        )
    planner = _Planner(sums.inputs, input_range, levels, operands)
    unit = np.eye(sums.inputs, dtype=np.int64)
    known = [
        _Item(0, input_range.width, Operand(place), unit[place]) for place in range(sums.inputs)
    ]

    def items_of(parts: Sum) -> list[_Item]:
        """A term for each digit."""
        return [
            _Item(
                known[source].time,
                known[source].width + shift,
                Operand(
                    known[source].operand.value,
                    known[source].operand.shift + shift,
                    known[source].operand.negative ^ is_negative,
                ),
                known[source].weights,
            )
            for source, factor in parts
            for shift, is_negative in digits(factor)
        ]

    for parts in sums.shared:
        known.append(planner.add_up(items_of(parts)))
    outputs: list[Operand | None] = []
    time = 1
    for parts in sums.outputs:
        items = items_of(parts)
        if not items:
            outputs.append(None)
            continue
        if all(item.operand.negative for item in items):
            items.append(_Item(0, 0, Operand(None), np.zeros(sums.inputs, dtype=np.int64)))
        root = planner.add_up(items, signed=False)
        outputs.append(root.operand)
        time = max(time, root.time)
    stages = -(-time // levels)
    return AdderPlan(sums.inputs, input_range, tuple(planner.adders), tuple(outputs), stages)


def _bits(adders: Sequence[Adder]) -> int:
    """Tables of adders: one a bit, and one more where two ones are carried in."""
    return sum(
        adder.values.width + (sum(operand.negative for operand in adder.operands) > 1)
        for adder in adders
    )


def _range(weights: np.ndarray, inputs: IntegerRange) -> IntegerRange:
    """Of one sum over inputs of a range, zero included."""
    return IntegerRange.of_sums(weights[np.newaxis], inputs)
