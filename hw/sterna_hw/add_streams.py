"""The weighted sum of several streams, element by element: where branches meet.

A beat is taken from every input at once, as soon as all have one. Each factor is written with the
fewest signed powers of two, so an element is a few shifted terms, added and subtracted by one tree
with a register behind each level: no multiplier is spent, and factors that are powers of two cost
nothing.

Latency: one for each level of the tree (ceil(log2(terms))), and one. One beat a cycle. Streams must
be equally long; waiting for the slower branch is all the synchronisation there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from amaranth.hdl import Const, Module, Signal, Value

from .adder_tree import tree_levels
from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_layout, shape_of
from .credit import CreditQueueConfig, delay, flags_cost
from .join_streams import JoinStreams, branch_ports
from .stage import PortShape

__all__ = ["AddStreams", "AddStreamsConfig", "signed_powers"]


def signed_powers(factor: int) -> list[tuple[int, int]]:
    """The fewest terms ``sign * 2**shift`` that sum up to a factor, as pairs (shift, sign)."""
    terms, shift = [], 0
    while factor:
        if factor & 1:
            # The digit that leaves an even half behind: neighbours are never both there.
            digit = 2 - (factor & 3)
            terms.append((shift, digit))
            factor -= digit
        factor >>= 1
        shift += 1
    return terms


@dataclass(frozen=True)
class AddStreamsConfig:
    """``sum(factors[k] * x[k])`` of streams with elements in ``ranges[k]``.

    Parameters
    ----------
    elements : :class:`int`
        Elements of a frame.
    ranges : tuple of :class:`IntegerRange`
        Of an element of each input.
    factors : tuple of :class:`int`
        What each input is multiplied by; none is 0.
    count : :class:`int`
        Elements of a beat.

    Raises
    ------
    ValueError
        If a number is not positive, a factor is 0, or there are not as many factors as ranges.
    """

    elements: int
    ranges: tuple[IntegerRange, ...]
    factors: tuple[int, ...]
    count: int

    def __post_init__(self) -> None:
        for subject in ("elements", "count"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        if not self.ranges or len(self.factors) != len(self.ranges):
            raise ValueError(f"Factors must be one for each of {len(self.ranges)} inputs")
        if 0 in self.factors:
            raise ValueError("Factors must not be 0")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input ports."""
        return branch_ports(len(self.ranges))

    @property
    def output_range(self) -> IntegerRange:
        terms = (values * factor for values, factor in zip(self.ranges, self.factors))
        return reduce(IntegerRange.__add__, terms)

    @property
    def port_shapes(self) -> Mapping[str, PortShape]:
        ranges = dict(zip((*self.inputs, "o"), (*self.ranges, self.output_range)))
        return {
            port: PortShape(self.elements, values, self.count) for port, values in ranges.items()
        }

    @cached_property
    def terms(self) -> tuple[tuple[int | None, int, int], ...]:
        """(input, shift, sign) of each leaf of the tree, one with a plus first; input None is 0."""
        found = [
            (branch, shift, sign)
            for branch, factor in enumerate(self.factors)
            for shift, sign in signed_powers(factor)
        ]
        found.sort(key=lambda term: -term[2])
        return ((None, 0, 1), *found) if found[0][2] < 0 else tuple(found)

    @property
    def latency(self) -> int:
        """Registers from a beat to its result in front of the queue."""
        return tree_levels(len(self.terms))

    @property
    def queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(self.output_range, self.count), self.latency)

    def compute(self, *frames: np.ndarray) -> np.ndarray:
        """Sums, int64 ``(frames, elements)``, of as many arrays as there are inputs."""
        scaled = (np.asarray(x, dtype=np.int64) * a for x, a in zip(frames, self.factors))
        return reduce(np.add, scaled)

    def timing(self) -> Timing:
        step = Step(take=(*self.inputs, "places"), give=(("o", self.queue.latency + 1),))
        return Timing(
            self.inputs,
            ("o",),
            (Process("add", (step,)),),
            {"places": self.queue.places},
            {"o": "places"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: the tree of each lane, its registers, and the queue."""
        adders, registers, nodes = self._tree_bits()
        return (
            self.queue.cost(device)
            + flags_cost(device, self.latency)
            + logic(
                device,
                "add_streams",
                ff=self.count * registers,
                adder_bits=self.count * adders,
                adders=self.count * nodes,
            )
        )

    def _tree_bits(self) -> tuple[int, int, int]:
        """Bits of a lane's adders and registers, and how many adders there are."""
        # A shifted operand's low bits are zero: there the other one passes.
        nodes = [
            (IntegerRange(0, 0), sign, 62)
            if branch is None
            else (self.ranges[branch] * (1 << shift), sign, shift)
            for branch, shift, sign in self.terms
        ]
        adders = registers = count = 0
        while len(nodes) > 1:
            joined = []
            for left in range(0, len(nodes), 2):
                values, sign, zeros = nodes[left]
                if left + 1 < len(nodes):
                    others, other_sign, other_zeros = nodes[left + 1]
                    values = values + (others if sign == other_sign else -others)
                    free = max(zeros, other_zeros) if sign == other_sign else other_zeros
                    zeros = min(zeros, other_zeros)
                    adders, count = adders + max(values.width - max(free, zeros), 1), count + 1
                registers += max(values.width - zeros, 0)
                joined.append((values, sign, zeros))
            nodes = joined
        return adders, registers, count

    def create(self) -> AddStreams:
        return AddStreams(self)


class AddStreams(JoinStreams):
    """The part: streams ``i0``, ``i1``, ..., in, and stream ``o``, out."""

    def __init__(self, config: AddStreamsConfig) -> None:
        self.config = config
        super().__init__(config)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        queue = self.add_queue(m)
        inputs = self.branches
        for port in inputs:
            others = (other.valid for other in inputs if other is not port)
            m.d.comb += port.ready.eq(reduce(Value.__and__, others, queue.available))
        m.d.comb += [
            queue.take.eq(inputs[0].valid & inputs[0].ready),
            queue.push.eq(delay(m, queue.take, config.latency, reset_less=False)),
            queue.result.last.eq(delay(m, inputs[0].payload.last, config.latency)),
        ]
        for lane in range(config.count):
            elements = [port.payload.data[lane] for port in inputs]
            m.d.comb += queue.result.data[lane].eq(self._sum(m, elements))
        return m

    def _sum(self, m: Module, elements: list[Value]) -> Value:
        """The tree over one element of each input; a node's sign is that of its first leaf."""
        nodes: list[tuple[Value, IntegerRange, int]] = []
        for branch, shift, sign in self.config.terms:
            if branch is None:
                nodes.append((Const(0, 1), IntegerRange(0, 0), sign))
            else:
                value = elements[branch] << shift
                nodes.append((value, self.config.ranges[branch] * (1 << shift), sign))
        while len(nodes) > 1:
            joined = []
            for left in range(0, len(nodes), 2):
                value, values, sign = nodes[left]
                if left + 1 < len(nodes):
                    other, others, other_sign = nodes[left + 1]
                    adds = sign == other_sign
                    value = value + other if adds else value - other
                    values = values + (others if adds else -others)
                node = Signal(shape_of(values), reset_less=True)
                m.d.sync += node.eq(value)
                joined.append((node, values, sign))
            nodes = joined
        return nodes[0][0]
