"""Memory words of packed trits in, an engine's beats of weights out.

A matrix comes as words of ``word_bytes`` bytes, five trits a byte, laid out as `trit_layout` says;
the last word is marked. Every byte is decoded into trits; shared words are kept in registers, and
each own word completes one beat with the lanes that fall to it. Each group of G trits then becomes
the index of its letters in the engine's tables, with `relative_signs` where signs are folded, so
that the beats are those of `TableMatmulConfig.pack`. The mark of the last word becomes ``last`` of
the last beat and the next matrix starts afresh. All of this is a pipeline without enables, shared
by all lanes of tokens; a queue with credits ends it.

One word a cycle. That is all that memory gives, so a word that has to wait is lost time, unless
beats wait behind this part instead: the queue holds ``places`` beats, which the engine can take
faster than memory makes them. 32 in distributed memory cost no more than a few and cover the fill
of tables; thousands in ultra memory (as many bits as the words took) cover gaps between matrices.

It does not check that matrices are as long as the engine wants. A last mark on a shared word sets
``error``, which stays until reset. Planes are not supported: the alphabet is ternary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .adder_tree import relative_signs
from .base import TERNARY, Cost, Device, IntegerRange, Step, Timing
from .beat import beat_layout, beat_signature
from .credit import delay, delay_cost
from .memory import MemoryStyle
from .memory_queue import MemoryQueueConfig
from .table_plan import TablePlan, plan_table
from .trit_decode import DECODE_LATENCY, TRIT_WIDTH, decode_byte, index_of_group
from .trit_layout import TritLayout

__all__ = ["TritStream", "TritStreamConfig"]


@dataclass(frozen=True)
class TritStreamConfig:
    """The stream for one engine.

    Parameters
    ----------
    word_bytes : :class:`int`
        Bytes of a memory word: 16 for each memory port.
    group, tables, queries : :class:`int`
        G, T and Q of the engine. A beat's T*G*Q weights must be at least those of a word.
    sign_fold : :class:`bool`
        Whether the engine's tables hold one of each pair of opposite sums.
    places : :class:`int`
        Beats that pipeline and queue hold.
    style, name
        Kind and name of the queue's memory (`MemoryQueueConfig`).

    Raises
    ------
    ValueError
        If a number is not positive or a beat is smaller than a word.
    """

    word_bytes: int
    group: int
    tables: int
    queries: int
    sign_fold: bool = True
    places: int = 32
    style: MemoryStyle = "distributed"
    name: str = "weight_queue"

    def __post_init__(self) -> None:
        for subject in ("group", "tables", "queries"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        _ = self.layout, self.plan, self.queue  # they validate themselves

    @property
    def block_inputs(self) -> int:
        return self.tables * self.group

    @property
    def groups(self) -> int:
        """Elements of an output beat."""
        return self.queries * self.tables

    @cached_property
    def layout(self) -> TritLayout:
        return TritLayout(self.word_bytes, self.groups * self.group)

    @property
    def plan(self) -> TablePlan:
        return plan_table(TERNARY, self.group, self.sign_fold)

    @property
    def output_range(self) -> IntegerRange:
        return IntegerRange(0, 2**self.plan.index_width - 1)

    @property
    def queue(self) -> MemoryQueueConfig:
        shape = beat_layout(self.output_range, self.groups)
        return MemoryQueueConfig(shape, self.places, self.style, self.name)

    @property
    def pipeline_latency(self) -> int:
        """Registers in front of the queue: the decoder, the arranged beat, the indices."""
        return DECODE_LATENCY + 2

    def beats(self, outputs: int, inputs: int) -> int:
        """Beats of a matrix [outputs, inputs]."""
        return -(-outputs // self.queries) * -(-inputs // self.block_inputs)

    def words(self, outputs: int, inputs: int) -> int:
        """Memory words of a matrix [outputs, inputs]."""
        return self.layout.word_count(self.beats(outputs, inputs))

    def pack_matrix(self, weights: np.ndarray) -> bytes:
        """The memory image of a matrix of -1, 0 and 1, shape [outputs, inputs]: whole words.

        Beats run through input blocks, in each through output blocks; in a beat output q of the
        block is slowest, input of the block fastest. Missing inputs and outputs are weight 0.

        Raises
        ------
        ValueError
            If it is no matrix or a weight is another number.
        """
        weights = np.asarray(weights)
        if weights.ndim != 2 or 0 in weights.shape:
            raise ValueError(f"Weights must be a matrix, not of shape {weights.shape}")
        outputs, inputs = weights.shape
        output_blocks, input_blocks = -(-outputs // self.queries), -(-inputs // self.block_inputs)
        padded = np.zeros(
            (output_blocks * self.queries, input_blocks * self.block_inputs), dtype=np.int8
        )
        padded[:outputs, :inputs] = weights
        if not np.array_equal(padded[:outputs, :inputs], weights):
            raise ValueError("Weights must be -1, 0 or 1, not greater than a byte or fractions")
        blocks = padded.reshape(output_blocks, self.queries, input_blocks, self.block_inputs)
        return self.layout.image(blocks.transpose(2, 0, 1, 3).reshape(-1, self.layout.beat_trits))

    def compute(self, image: bytes) -> np.ndarray:
        """The beats of one matrix's image: int64 [beats, Q*T] of indices.

        Raises
        ------
        ValueError
            If the image is not whole words that end with a beat.
        """
        letters = self.layout.beats(image).astype(np.int64)
        digits = letters.reshape(-1, self.queries, self.tables, self.group) + 1
        indices = self.plan.indices()[digits @ 3 ** np.arange(self.group)]
        if self.sign_fold:
            width = self.plan.entry_width
            signs = relative_signs(indices >> width)
            indices = (indices & ((1 << width) - 1)) | (signs << width)
        return indices.reshape(len(letters), -1)

    def timing(self, beats: int) -> Timing:
        """Of matrices of so many beats, one after the other."""

        def steps() -> Iterator[Step]:
            for done in range(0, beats, self.layout.own_words):
                if self.layout.shared_words:
                    yield Step(take=("i",), repeat=self.layout.shared_words)
                own = min(self.layout.own_words, beats - done)
                yield Step(take=("i", "places"), repeat=own)

        return self.queue.timing(tuple(steps()), self.pipeline_latency)

    def cost(self, device: Device) -> Cost:
        """Estimate: decoders, the lanes of shared words, indices and the queue. Yosys 0.70 for xcup
        counts 3,192 LUT and 4,520 FF for words of 64 bytes, G=3, T=16, Q=8 (estimate: 3,238)."""
        layout, plan = self.layout, self.plan
        shared_bits = layout.shared_words * layout.lane_trits * TRIT_WIDTH
        by_lut = 4 if device.lutram_depth >= 32 else 2
        decode = Cost(lut=27 if by_lut == 4 else 60, ff=27) * self.word_bytes
        shared = Cost(
            lut=shared_bits * -(-layout.own_words // by_lut),
            ff=shared_bits * layout.own_words + layout.beat_trits * TRIT_WIDTH,
        )
        trit_bits = self.group * TRIT_WIDTH
        per_bit = max(1, 1 << max(trit_bits - (6 if by_lut == 4 else 4), 0))
        index = Cost(lut=plan.index_width * per_bit + self.sign_fold, ff=plan.index_width)
        flags = delay_cost(device, 3, self.pipeline_latency) + Cost(lut=20, ff=12)
        return decode + shared + index * self.groups + flags + self.queue.cost(device)

    def create(self) -> TritStream:
        return TritStream(self)


class TritStream(wiring.Component):
    """The part.

    Attributes
    ----------
    i : stream of words, in
        Element k is byte k; ``last`` with the last word of a matrix.
    o : stream of beats, out
        As an engine's ``weights``: element ``q*T + t``; ``last`` with the last beat of a matrix.
    error : out
        A matrix ended with a shared word: it was cut off, or is no matrix for this engine.
    """

    i: stream.Interface
    o: stream.Interface
    error: Signal

    def __init__(self, config: TritStreamConfig) -> None:
        self.config = config
        super().__init__(
            {
                "i": In(beat_signature(IntegerRange(0, 255), config.word_bytes)),
                "o": Out(beat_signature(config.output_range, config.groups)),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layout = self.config, self.config.layout
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)

        # Where in the period the next word is: shared words first, then own words.
        accept, is_last = Signal(), Signal()
        place = Signal(range(layout.beat_lanes))
        is_own = Signal(init=layout.shared_words == 0)
        own_number = Signal(range(layout.own_words))
        m.d.comb += [
            self.i.ready.eq(~is_own | queue.available),
            accept.eq(self.i.valid & self.i.ready),
            is_last.eq(self.i.payload.last),
            queue.take.eq(accept & is_own),
        ]
        with m.If(accept):
            restarts = is_last | (place == layout.beat_lanes - 1)
            shared = layout.shared_words
            passed_shared = place >= shared - 1 if shared > 1 else Const(1)
            next_is_own = Mux(restarts, shared == 0, passed_shared)
            m.d.sync += [
                place.eq(Mux(restarts, 0, place + 1)),
                is_own.eq(next_is_own),
                own_number.eq(Mux(restarts | ~is_own, 0, own_number + 1)),
                self.error.eq(self.error | (is_last & ~is_own)),
            ]

        word = Cat(decode_byte(m, byte) for byte in self.i.payload.data)
        loads = [
            delay(m, accept & (place == number), DECODE_LATENCY, reset_less=False)
            for number in range(layout.shared_words)
        ]
        beat = self._arrange(m, word, loads, delay(m, own_number, DECODE_LATENCY))
        cycles = config.pipeline_latency
        m.d.comb += [
            Cat(queue.result.data).eq(Cat(self._indices(m, beat))),
            queue.result.last.eq(delay(m, is_last, cycles)),
            queue.push.eq(delay(m, queue.take, cycles, reset_less=False)),
        ]
        return m

    def _arrange(self, m: Module, word: Value, loads: list[Value], own_number: Value) -> Value:
        """The beat of an own word: its own lanes and one lane of each shared word; a register."""
        width = self.config.layout.lane_trits * TRIT_WIDTH
        lanes = [delay(m, word, 1)]
        for number, load in enumerate(loads):
            shared = Signal(len(word), name=f"shared{number}", reset_less=True)
            lane = Signal(width, name=f"lane{number}", reset_less=True)
            with m.If(load):
                m.d.sync += shared.eq(word)
            m.d.sync += lane.eq(Array(_cut(shared, width))[own_number])
            lanes.append(lane)
        return Cat(lanes)

    def _indices(self, m: Module, beat: Value) -> Iterator[Value]:
        """The elements of an output beat, one register behind ``beat``."""
        config, plan = self.config, self.config.plan
        bits = config.group * TRIT_WIDTH
        for query in range(config.queries):
            first = query * config.tables
            indices = [
                index_of_group(m, beat[at * bits :][:bits], plan, f"index{at}")
                for at in range(first, first + config.tables)
            ]
            for table, index in enumerate(indices):
                if config.sign_fold and table:
                    sign = index[-1] ^ indices[table & (table - 1)][-1]
                    yield Cat(index[:-1], sign)
                else:
                    yield index


def _cut(value: Value, width: int) -> list[Value]:
    return [value[low : low + width] for low in range(0, len(value), width)]
