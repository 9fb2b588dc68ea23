"""Grouped and depthwise convolution: sums of all taps of a group's channels.

A beat is a slice of a window: all taps of ``beat_groups`` whole groups of channels, as
`sliding_window` gives it. Each output of these groups is a sum over the elements of its own group
in the beat, so a beat is all that it needs: nothing is accumulated from beat to beat. Every element
passes a leaf of the select-and-add engine (zero, itself, shifted, with a sign; see `select_matmul`)
and the leaves of an output a tree of adders. What the weights of an output are packed like, how
wide sums are and what they cost is therefore that engine's business: ``select`` is the engine for
one output's inputs, and only which elements an output sees is decided here.

A beat stays on ``i`` for one beat of weights each ``queries`` outputs of its groups and each plane,
and is taken with the last one. Latency from a beat of weights to its result as in the engine. With
one group a beat, ``queries`` may be fewer than the group's outputs; with more it is all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Alphabet, Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_signature, shape_of
from .credit import delay
from .loop import Loop
from .matmul_engine import take_together
from .matmul_tail import Leaf, MatmulTail
from .select_matmul import SelectMatmulConfig, select_leaves

__all__ = ["GroupMatmul", "GroupMatmulConfig"]


@dataclass(frozen=True)
class GroupMatmulConfig:
    """A grouped convolution's sums and their folding.

    Parameters
    ----------
    channels, outputs : :class:`int`
        Channels of the image and of the result.
    groups : :class:`int`
        Into how many both are split.
    taps : :class:`int`
        Of the window.
    input_range : :class:`IntegerRange`
        Of an element.
    alphabet : :class:`Alphabet`
        Of the weights: zeros and powers of two with either sign.
    planes : :class:`int`
        Planes of letters that write a weight.
    beat_groups : :class:`int`
        Groups of a beat; divides the groups.
    queries : :class:`int`
        Outputs worked on at once: all of a beat's groups, or a divisor of one group's.
    accumulator_range : :class:`IntegerRange`, optional
        Range of the results; what any weights can reach by default.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    channels: int
    outputs: int
    groups: int
    taps: int
    input_range: IntegerRange
    alphabet: Alphabet
    planes: int = 1
    beat_groups: int = 1
    queries: int = 1
    accumulator_range: IntegerRange | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "outputs", "groups", "taps", "beat_groups", "queries"):
            value = getattr(self, name)
            if value < 1:
                subject = name.replace("_", " ").capitalize()
                raise ValueError(f"{subject} must be 1 or more, not {value!r}")
        for name in ("channels", "outputs"):
            value = getattr(self, name)
            if value % self.groups:
                raise ValueError(
                    f"{name.capitalize()} must be a multiple of {self.groups} groups, not {value}"
                )
        if self.groups % self.beat_groups:
            raise ValueError(
                f"Beat groups must divide the {self.groups} groups, not be {self.beat_groups}"
            )
        each = self.outputs // self.groups
        whole = each * self.beat_groups
        if self.queries != whole and (self.beat_groups > 1 or whole % self.queries):
            rule = f"be {whole}" if self.beat_groups > 1 else f"divide {whole}"
            raise ValueError(
                f"Queries must {rule} with {self.beat_groups} groups a beat, not {self.queries}"
            )
        _ = self.select  # it validates itself

    @property
    def inside(self) -> int:
        """Channels of a group."""
        return self.channels // self.groups

    @property
    def count(self) -> int:
        """Channels of a beat."""
        return self.beat_groups * self.inside

    @property
    def beats(self) -> int:
        """Beats of a window."""
        return self.groups // self.beat_groups

    @property
    def steps(self) -> int:
        """Times that ``queries`` outputs are worked on for a beat."""
        return self.outputs // self.beats // self.queries

    @property
    def inputs(self) -> int:
        return self.taps * self.channels

    @property
    def input_count(self) -> int:
        return self.taps * self.count

    @property
    def output_count(self) -> int:
        return self.queries

    @cached_property
    def select(self) -> SelectMatmulConfig:
        """The engine that would sum one output's inputs in one step."""
        seen = self.taps * self.inside
        return SelectMatmulConfig(
            inputs=seen,
            outputs=self.outputs,
            input_range=self.input_range,
            alphabet=self.alphabet,
            planes=self.planes,
            block_inputs=seen,
            queries=self.queries,
            accumulator_range=self.accumulator_range,
        )

    @property
    def result_range(self) -> IntegerRange:
        return self.select.result_range

    @property
    def row_count(self) -> int:
        """Beats of ``weights`` in a window."""
        return self.select.row_count

    @property
    def leaf_count(self) -> int:
        return self.select.leaf_count

    @property
    def row_elements(self) -> int:
        """Elements of one beat of ``weights``."""
        return self.select.row_elements

    @property
    def word_range(self) -> IntegerRange:
        """Of one element of ``weights``."""
        return self.select.word_range

    @property
    def weights_signature(self) -> stream.Signature:
        return self.select.weights_signature

    def places(self, query: int) -> list[int]:
        """The elements of a beat that an output sees, in the order of its weights."""
        each = self.outputs // self.groups
        group = query // each if self.beat_groups > 1 else 0
        first = group * self.inside
        return [
            tap * self.count + first + channel
            for tap in range(self.taps)
            for channel in range(self.inside)
        ]

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The beats of ``weights`` for ``[outputs, taps * inside]``: outputs in order, planes from
        the most significant; element ``q*leaf_count + k`` is the word of weight k of output q."""
        return self.select.pack(weights)

    def compute_packed(self, frames: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """What the part makes of packed rows: int64 ``(windows, outputs)`` of ``(windows,
        inputs)``."""
        frames = np.asarray(frames, dtype=np.int64)
        beats = frames.reshape(len(frames), self.beats, self.input_count)
        step_rows = np.asarray(rows, dtype=np.int64).reshape(
            self.beats, self.steps, self.planes, self.queries, self.leaf_count
        )
        one = SelectMatmulConfig(
            inputs=self.leaf_count,
            outputs=1,
            input_range=self.input_range,
            alphabet=self.alphabet,
            planes=self.planes,
            block_inputs=self.leaf_count,
        )
        results = np.empty((len(frames), self.outputs), dtype=np.int64)
        for output in range(self.outputs):
            beat, place = divmod(output, self.steps * self.queries)
            step, query = divmod(place, self.queries)
            seen = beats[:, beat][:, self.places(query)]
            results[:, output] = one.compute_packed(seen, step_rows[beat, step, :, query])[:, 0]
        return results

    def compute(self, frames: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The sums by way of packed rows, exact."""
        return self.compute_packed(frames, self.pack(weights))

    def timing(self) -> Timing:
        select = self.select
        busy, give = self.steps * self.planes, ((("o", select.pipeline_latency + 1),))
        steps = [
            Step(
                peek=("i",),
                take=("weights",)
                + ("i",) * (number == busy - 1)
                + ("places",) * (number % self.planes == self.planes - 1),
                give=give if number % self.planes == self.planes - 1 else (),
            )
            for number in range(busy)
        ]
        return Timing(
            inputs=("i", "weights"),
            outputs=("o",),
            processes=(Process("add", tuple(steps) * self.beats),),
            initial={"places": select.places_needed},
            returns={"o": "places"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: the engine's, and registers for the elements that it does not hold itself."""
        held = (self.input_count - self.leaf_count) * self.input_range.width
        return self.select.cost(device) + logic(device, "groups", ff=held, held_bits=held)

    def create(self) -> GroupMatmul:
        return GroupMatmul(self)


class GroupMatmul(wiring.Component):
    """The part.

    Attributes
    ----------
    i : stream of beats of ``input_count`` elements, in
        Slices of windows, tap by tap, channels fastest; ``beats`` a window.
    weights : stream of beats, in
        Rows of `GroupMatmulConfig.pack`, ``row_count`` a window.
    o : stream of beats of ``queries`` results, out
    """

    def __init__(self, config: GroupMatmulConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(config.input_range, config.input_count)),
                "weights": In(config.weights_signature),
                "o": Out(stream.Signature(config.select.output_layout)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        tail = MatmulTail(m, config.select)
        step = Loop(m, config.steps * config.planes, tail.accept, "step")
        take_together(m, tail, self.i, self.weights, step.is_last)
        leaves, signs = self._leaves(m)
        results = tail.sum_up(m, platform, leaves, signs)
        wiring.connect(m, wiring.flipped(self.o), results)
        return m

    def _leaves(self, m: Module) -> tuple[list[list[Leaf]], list[Value]]:
        """The leaves of each sum, and the signs of each place, one bit a query."""
        config = self.config
        held = [
            Signal(shape_of(config.input_range), reset_less=True, name=f"held_{number}")
            for number in range(config.input_count)
        ]
        m.d.sync += [copy.eq(value) for copy, value in zip(held, self.i.payload.data)]
        leaves: list[list[Leaf]] = []
        words = self.weights.payload.data
        for query in range(config.queries):
            seen = [held[place] for place in config.places(query)]
            first = query * config.leaf_count
            leaves.append(
                [
                    select_leaves(m, config.select, words[first + number], [value])[0]
                    for number, value in enumerate(seen)
                ]
            )
        signs = []
        for place in range(config.leaf_count):
            bits = [words[query * config.leaf_count + place][-1] for query in range(config.queries)]
            signs.append(delay(m, Cat(bits), 2))
        return leaves, signs
