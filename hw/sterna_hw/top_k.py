"""The label stage: the k largest elements of a frame, best first, ties to the lower index.

Candidates pass a short sorted list, one a cycle. A candidate that is larger than a place's value
wins that place; the places that it wins shift down and it drops into the gap. A wide comparison and
the shift that follows from it would be a long way for one cycle, so a candidate is compared one
cycle before its turn, while the candidate ahead of it still decides, with all that the list may
hold by then: every place's value, and the candidate ahead. When its turn comes, which of these
registered comparisons holds for a place is told by what the candidate ahead has won: the loop is a
look-up table deep. What can be known before comes along: the index, and which places hold nothing
of this frame yet. Since elements arrive by rising index and only a strictly larger value moves
ahead, ties fall to the lower index by themselves. For k = 1 a tree of comparisons first picks the
best element of each beat, a register a level, so a beat is taken every cycle. For larger k the
elements of a beat are offered one after the other while the beat stays on ``i``; elements behind
the frame's end are left out.

Latency from the frame's last beat (k = 1) or last element: 5 cycles and one for each tree level
beyond the first. Throughput: ceil(M / Q) cycles a frame for k = 1, otherwise M cycles.

One output beat a frame: index 0, value 0, index 1, value 1 and so on, in the union of both ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Array, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device, IntegerRange, Process, Step, Timing
from .base.cost_table import logic
from .beat import beat_count, beat_layout, beat_signature, shape_of
from .credit import CreditQueueConfig, delay, delay_cost
from .loop import Loop, loops_cost

__all__ = ["TopK", "TopKConfig"]


@dataclass(frozen=True)
class TopKConfig:
    """The best ``k`` of a frame.

    Parameters
    ----------
    elements : :class:`int`
        Elements of a frame, M.
    count : :class:`int`
        Elements of an input beat, Q.
    input_range : :class:`IntegerRange`
        Of an element.
    k : :class:`int`
        Places in the result, at most the elements.

    Raises
    ------
    ValueError
        If a count is not positive or k is beyond the elements.
    """

    elements: int
    count: int
    input_range: IntegerRange
    k: int = 1

    def __post_init__(self) -> None:
        for name in ("elements", "count"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name.capitalize()} must be 1 or more, not {value!r}")
        if not 1 <= self.k <= self.elements:
            raise ValueError(f"K must be 1 to the {self.elements} elements, not {self.k!r}")

    @property
    def inputs(self) -> int:
        return self.elements

    @property
    def outputs(self) -> int:
        """Elements of the result: an index and a value for each place."""
        return 2 * self.k

    @property
    def input_count(self) -> int:
        return self.count

    @property
    def output_count(self) -> int:
        return 2 * self.k

    @property
    def output_range(self) -> IntegerRange:
        return self.input_range.union(IntegerRange(0, self.elements - 1))

    @property
    def beats(self) -> int:
        return beat_count(self.elements, self.count)

    @property
    def tail(self) -> int:
        """Elements in the last beat."""
        return self.elements - (self.beats - 1) * self.count

    @property
    def select_latency(self) -> int:
        """Registers between ``i`` and the list: the tree's levels, or the element multiplexer, and
        the candidate's own two: while it is compared, and while it decides."""
        return 2 + (max(1, (self.count - 1).bit_length()) if self.k == 1 else 1)

    def compute(self, frames: np.ndarray) -> np.ndarray:
        """int64 ``(frames, 2k)`` from int64 ``(frames, elements)``."""
        frames = np.asarray(frames, dtype=np.int64)
        result = np.empty((len(frames), self.k, 2), dtype=np.int64)
        for number, frame in enumerate(frames):
            best = sorted(range(self.elements), key=lambda index: (-frame[index], index))
            result[number, :, 0] = best[: self.k]
            result[number, :, 1] = frame[best[: self.k]]
        return result.reshape(len(frames), -1)

    def timing(self) -> Timing:
        latency = self.queue.latency + 1
        steps: list[Step] = []
        for beat in range(self.beats):
            is_last = beat == self.beats - 1
            size = self.tail if is_last else self.count
            if self.k > 1 and size > 1:
                steps.append(Step(peek=("i",), repeat=size - 1))
            take = ("i", "places") if is_last else ("i",)
            steps.append(Step(take=take, give=(("o", latency),) if is_last else ()))
        process = Process("select", tuple(steps))
        places = {"places": self.queue.places}
        return Timing(("i",), ("o",), (process,), places, {"o": "places"})

    @property
    def queue(self) -> CreditQueueConfig:
        layout = beat_layout(self.output_range, self.output_count)
        return CreditQueueConfig(layout, self.select_latency + 1)

    def cost(self, device: Device) -> Cost:
        """Estimate: a comparison, a multiplexer and registers for each tree node or list place; a
        candidate twice, and the comparison of the two."""
        value, index = self.input_range.width, (self.elements - 1).bit_length()
        lane, latency = (self.count - 1).bit_length(), self.select_latency
        is_serial = self.k > 1 or self.count == 1
        listed = logic(
            device,
            "top_k",
            ff=(self.k + 2) * value + (self.k + 3) * index + 4 * self.k + 2 * latency + 2,
            value_bits=self.k * value,
            index_bits=self.k * index,
            moved_bits=(self.k - 1) * (value + index),
            beat_bits=index,
            each=1,
        )
        if is_serial:
            chosen = logic(
                device, "top_k_serial", ff=value + 2 * lane, bits=value * (self.count - 1)
            )
        else:
            chosen = self._tree_cost(device)
        waits = delay_cost(device, index, self.select_latency - 2)
        return self.queue.cost(device) + listed + chosen + waits + loops_cost(device, self.beats)

    def _tree_cost(self, device: Device) -> Cost:
        """Estimate of the tree over the elements of a beat."""
        value, left, level, alone, registers = self.input_range.width, self.count, 0, 0, 0
        cost = logic(device, "top_k_tree", bits=value * (self.count - 1))
        while left > 1:
            level += 1
            registers += left // 2 * (value + level)
            if left % 2:
                alone += 1
            elif alone:
                cost += delay_cost(device, value, alone)
                alone = 0
            left = -(-left // 2)
        return cost + Cost(ff=registers)

    def create(self) -> TopK:
        return TopK(self)


class TopK(wiring.Component):
    """The stage: streams ``i`` (beats of ``count`` elements) and ``o`` (one beat a frame)."""

    i: stream.Interface
    o: stream.Interface

    def __init__(self, config: TopKConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(config.input_range, config.count)),
                "o": Out(beat_signature(config.output_range, config.output_count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        base, taken = Signal(range(config.elements)), Signal()
        is_last_beat = Loop(m, config.beats, taken, "beat").is_last
        is_last_element, may_end, step = Signal(), Signal(), Signal()
        m.d.comb += [
            may_end.eq(queue.available | ~is_last_beat),
            self.i.ready.eq(is_last_element & may_end),
            step.eq(self.i.valid & (may_end | ~is_last_element)),
            taken.eq(self.i.valid & self.i.ready),
        ]
        with m.If(taken):
            m.d.sync += base.eq(Mux(is_last_beat, 0, base + config.count))
        ends = Signal()
        m.d.comb += [ends.eq(taken & is_last_beat), queue.take.eq(ends)]

        if config.k == 1:
            m.d.comb += is_last_element.eq(1)
            value, lane = self._tree(m, is_last_beat)
        else:
            value, lane = self._serial(m, is_last_element, is_last_beat, step)
        latency = config.select_latency
        first = delay(m, base, latency - 2)
        index = Signal(range(config.elements), reset_less=True)
        # Of beats (k = 1) only the first finds an empty list; elements come by rising index.
        empty = Signal(config.k, reset_less=True)
        for place in range(config.k):
            m.d.sync += empty[place].eq(first == 0 if config.k == 1 else first + lane <= place)
        m.d.sync += index.eq(first + lane)
        is_valid = delay(m, step, latency, reset_less=False)
        places = self._insert(
            m, is_valid, delay(m, empty, 1), delay(m, value, 1), delay(m, index, 1)
        )
        m.d.comb += queue.push.eq(delay(m, ends, latency + 1, reset_less=False))
        for place, (best_index, best_value) in enumerate(places):
            m.d.comb += queue.result.data[2 * place].eq(best_index)
            m.d.comb += queue.result.data[2 * place + 1].eq(best_value)
        m.d.comb += queue.result.last.eq(1)
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        return m

    def _tree(self, m: Module, is_last_beat: Value) -> tuple[Value, Value]:
        """Best element of a beat and its lane, after one register a level."""
        config = self.config
        lanes = range(config.count)
        # Elements behind the end are zero, not small: they must not take part.
        nodes = [
            (self.i.payload.data[lane], lane, is_last_beat if lane >= config.tail else None)
            for lane in lanes
        ]
        level: list[tuple[Value, Value | int, Value | None]] = list(nodes)
        registers = 0
        while len(level) > 1 or registers == 0:
            merged: list[tuple[Value, Value | int, Value | None]] = []
            for left in range(0, len(level), 2):
                merged.append(self._better(m, level[left : left + 2]))
            level, registers = merged, registers + 1
        value, lane, _ = level[0]
        return value, Value.cast(lane)

    def _better(
        self, m: Module, pair: list[tuple[Value, Value | int, Value | None]]
    ) -> tuple[Value, Value | int, Value | None]:
        """Register of the better of two neighbours; the left one on a tie or if the right is
        absent (its third entry, a flag, is high)."""
        value = Signal(shape_of(self.config.input_range), reset_less=True)
        lane = Signal(range(self.config.count), reset_less=True)
        left, right = pair[0], pair[-1]
        right_wins = _exceeds(right[0], left[0])
        if right[2] is not None:
            right_wins = right_wins & ~right[2]
        m.d.sync += [
            value.eq(Mux(right_wins, right[0], left[0])),
            lane.eq(Mux(right_wins, right[1], left[1])),
        ]
        # A node is absent when its leftmost element is.
        absent = None if left[2] is None else delay(m, left[2], 1)
        return value, lane, absent

    def _serial(
        self, m: Module, is_last_element: Signal, is_last_beat: Value, step: Value
    ) -> tuple[Value, Value]:
        """One element of the held beat after the other, registered."""
        config = self.config
        lane = Signal(range(config.count))
        end = Mux(is_last_beat, config.tail - 1, config.count - 1)
        m.d.comb += is_last_element.eq(lane == end)
        with m.If(step):
            m.d.sync += lane.eq(Mux(is_last_element, 0, lane + 1))
        value = Signal(shape_of(config.input_range), reset_less=True)
        elements = Array([self.i.payload.data[number] for number in range(config.count)])
        m.d.sync += value.eq(elements[lane])
        return value, delay(m, lane, 1)

    def _insert(
        self, m: Module, is_valid: Value, empty: Value, value: Value, index: Value
    ) -> list[tuple[Signal, Signal]]:
        """The sorted list; gives its places as (index, value), best first. All arguments but
        ``value``, which is compared first, are of the candidate whose turn it is. A place that is
        empty lets anything in, and what it hands on to the next empty place does not matter."""
        config = self.config
        decided_value = delay(m, value, 1)
        wins, won = Signal(config.k), Signal(config.k)
        m.d.sync += won.eq(wins)
        beats_last = Signal(reset_less=True)
        m.d.sync += beats_last.eq(_exceeds(value, decided_value))
        places: list[tuple[Signal, Signal]] = []
        # What moved into the place when the candidate ahead won it, and the comparison with that.
        moves_in = (index, decided_value)
        beats_moved: Value = beats_last
        for place in range(config.k):
            best_index = Signal(range(config.elements), name=f"index{place}", reset_less=True)
            best_value = Signal(shape_of(config.input_range), name=f"value{place}", reset_less=True)
            beats_held = Signal(name=f"beats{place}", reset_less=True)
            m.d.sync += beats_held.eq(_exceeds(value, best_value))
            beats_now = Mux(won[place], beats_moved, beats_held)
            m.d.comb += wins[place].eq(is_valid & (empty[place] | beats_now))
            with m.If(wins[place]):
                m.d.sync += [best_index.eq(moves_in[0]), best_value.eq(moves_in[1])]
            places.append((best_index, best_value))
            # The next place gets this one's, unless the candidate itself stops there.
            moves_in = (
                Mux(wins[place], best_index, index),
                Mux(wins[place], best_value, decided_value),
            )
            beats_moved = Mux(won[place], beats_held, beats_last)
        return places


def _exceeds(one: Value, other: Value) -> Value:
    """Whether ``one`` is the larger, as the sign of a difference: one carry chain and nothing
    behind it. Of a signed ``>`` Yosys 0.70 makes two for ECP5, one behind the other."""
    return (other - one)[-1]
