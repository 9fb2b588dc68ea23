"""Sizes of a decoder's units, all from one description of decoder and hardware.

A decoder's sizes, the memory ports, token lanes and the engine's tables fix what every unit must
hold: the longest vector, the most blocks of a matrix, the records of the cache. This file derives
the units' configurations; `decoder_core` wires the units together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ..memory import MemoryStyle
from ..memory_port import ReadGroupConfig, WritePortConfig
from ..stream_buffer import StreamBufferConfig
from ..trit_stream import TritStreamConfig
from .attention_unit import AttentionUnitConfig
from .cache_writer import CacheWriterConfig
from .code_router import CodeRouterConfig
from .executor import ExecutorConfig
from .pass_layout import Route
from .sequencer import SequencerConfig
from .token_matmul import TokenMatmulConfig
from .vector_unit import VectorUnitConfig

__all__ = ["DecoderCoreSizes"]


@dataclass(frozen=True)
class DecoderCoreSizes:
    """A decoder core.

    Parameters
    ----------
    hidden, feed_forward, heads, kv_heads, head_size, vocabulary, context : :class:`int`
        Sizes of the decoder.
    ports : :class:`int`
        Memory ports of 128 bits, 1 to 4.
    lanes : :class:`int`
        Tokens of a pass at most, 1 to 16.
    tables, group, queries : :class:`int`
        T, G and Q of the engine; a beat of the vector unit has Q elements.
    activation, embedding_shift, gate_shift
        As of the vector unit.
    best_count : :class:`int`
        Logits of a result, best first.
    buffers, sign_fold, adders : as of the engine
    prefetch_words, burst_beats, outstanding : :class:`int`
        As of the read group: words that may wait, beats of a burst, bursts under way on a port.
    weight_places : :class:`int`
        Beats of weights that may wait for the engine.
    large_style : ``"block"`` or ``"ultra"``
        Kind of the large memories: prefetched words, scores, totals, residual.
    address_width : :class:`int`
        Bits of a byte address within a port's region; outside, addresses have 40 bits.
    program : sequence of :class:`int`
        Encoded instructions that the program memory begins with.
    program_depth : :class:`int`
        Instructions that it holds.

    Raises
    ------
    ValueError
        If a unit cannot be made for these sizes.
    """

    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    context: int
    ports: int
    lanes: int
    tables: int
    group: int
    queries: int
    activation: str = "silu"
    embedding_shift: int = 0
    gate_shift: int = 10
    best_count: int = 1
    buffers: Literal[1, 2] = 2
    sign_fold: bool = True
    adders: Literal["logic", "three", "dsp"] = "logic"
    prefetch_words: int = 512
    burst_beats: int = 64
    outstanding: int = 8
    weight_places: int = 32
    large_style: Literal["block", "ultra"] = "block"
    address_width: int = 32
    program: Sequence[int] = field(default=(), repr=False)
    program_depth: int = 64

    def __post_init__(self) -> None:
        object.__setattr__(self, "program", tuple(self.program))
        # Every unit validates its own sizes.
        _ = self.matmul, self.vector, self.attention, self.trits, self.reads, self.writes
        _ = self.sequencer.fetcher, self.sequencer.reader

    @property
    def query_size(self) -> int:
        return self.heads * self.head_size

    @property
    def kv_size(self) -> int:
        return self.kv_heads * self.head_size

    @property
    def word_bytes(self) -> int:
        return 16 * self.ports

    @cached_property
    def matmul(self) -> TokenMatmulConfig:
        queries = self.queries
        attention = sum(
            -(-size // queries) * queries for size in (self.query_size, self.kv_size, self.kv_size)
        )
        return TokenMatmulConfig(
            self.lanes,
            queries,
            self.tables,
            max(self.hidden, self.query_size, self.feed_forward),
            max(attention, self.hidden, 2 * self.feed_forward),
            self.group,
            self.sign_fold,
            self.buffers,
            self.adders,
            self.large_style,
        )

    @cached_property
    def vector(self) -> VectorUnitConfig:
        style: MemoryStyle = self.large_style
        return VectorUnitConfig(
            self.lanes,
            self.queries,
            self.ports,
            self.hidden,
            max(self.hidden, self.query_size, self.kv_size, self.feed_forward),
            self.head_size,
            self.activation,
            self.embedding_shift,
            self.gate_shift,
            style,
        )

    @cached_property
    def attention(self) -> AttentionUnitConfig:
        return AttentionUnitConfig(
            self.ports,
            self.lanes,
            self.heads,
            self.kv_heads,
            self.head_size,
            self.context,
            self.hidden,
            self.vocabulary,
            self.queries,
            self.best_count,
            self.large_style,
        )

    @cached_property
    def cache(self) -> CacheWriterConfig:
        return CacheWriterConfig(
            self.ports, self.lanes, self.kv_size, self.queries, self.address_width
        )

    @cached_property
    def trits(self) -> TritStreamConfig:
        return TritStreamConfig(
            self.word_bytes,
            self.group,
            self.tables,
            self.queries,
            self.sign_fold,
            self.weight_places,
        )

    @cached_property
    def sequencer(self) -> SequencerConfig:
        executor = ExecutorConfig(
            self.lanes,
            self.ports,
            self.context,
            self.attention.slots,
            self.cache.words,
            self.vector.largest_beats,
            self.matmul.largest_input_blocks,
            self.matmul.largest_output_blocks,
            self.program_depth,
            self.address_width,
        )
        return SequencerConfig(executor, self.vocabulary, self.program)

    @cached_property
    def reads(self) -> ReadGroupConfig:
        return ReadGroupConfig(
            self.ports,
            words_width=self.sequencer.fetcher.words_width,
            burst_beats=self.burst_beats,
            fifo_words=self.prefetch_words,
            outstanding=self.outstanding,
            style=self.large_style,
        )

    @cached_property
    def writes(self) -> WritePortConfig:
        return WritePortConfig(self.ports)

    @cached_property
    def codes(self) -> CodeRouterConfig:
        return CodeRouterConfig(
            self.lanes,
            self.queries,
            self.vector.largest_beats,
            self.matmul.buffer.largest_inputs,
        )

    @cached_property
    def routes(self) -> StreamBufferConfig:
        """Where routes of transfers wait: as many as there can be commands ahead, so that it is
        memory that holds up the fetcher."""
        return StreamBufferConfig(Route, 2 * self.reads.commands + 2)
