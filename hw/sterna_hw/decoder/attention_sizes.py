"""Sizes of an attention unit, its parts' configurations and its cycles, all from one description.

What the unit is made of follows from a few numbers; this file derives it, together with the exact
number of cycles of a command when words are there as soon as they are wanted and results are
taken at once. Cycle 0 is the one in which the command is taken.

Attention over S slots: the keys take ``walk_cycles(S)``, then the maxima need some cycles to
settle and the first weight some more to be made, then the values take as long as the keys did, then
the sums settle and the results leave. The head over S slots: its rows, then the last logits find
their places in the list, then the list leaves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..memory import MemoryStyle
from . import dot_lanes, score_scale, token_weights
from .best_logits import BestLogitsConfig
from .dot_lanes import DotLanesConfig
from .head_factors import HeadFactorsConfig
from .head_results import HeadResultsConfig
from .logit_sequence import LogitSequenceConfig
from .query_buffer import QueryBufferConfig
from .record_walk import RecordWalkConfig
from .score_scale import ScoreScaleConfig
from .score_store import READ_LATENCY, ScoreStoreConfig
from .token_weights import TokenWeightsConfig
from .value_scales import ValueScalesConfig
from .value_sum import ValueSumConfig

__all__ = ["BEGIN_CYCLES", "LEAST_RECORD", "WEIGHT_LATENCY", "AttentionSizes"]

BEGIN_CYCLES = 2
"""From the command to the first word."""
LEAST_RECORD = 8
"""Cycles that a record takes at least: what two visits of the same head need in between."""
WEIGHT_LATENCY = READ_LATENCY + token_weights.LATENCY
"""From a place of the weights' walk to its weights."""


@dataclass(frozen=True)
class AttentionSizes:
    """What an attention unit is built for; `AttentionUnitConfig` explains and checks the fields."""

    ports: int
    lanes: int
    heads: int
    kv_heads: int
    head_size: int
    context: int
    hidden: int
    vocabulary: int
    count: int
    best_count: int = 1
    score_style: MemoryStyle = "block"

    @property
    def group(self) -> int:
        """Query heads that share a key head."""
        return self.heads // self.kv_heads

    @property
    def head_words(self) -> int:
        return self.head_size // 16

    @property
    def record_words(self) -> int:
        """Words of a record, with its header."""
        return 1 + self.kv_heads * self.head_words

    @property
    def cache_slots(self) -> int:
        """Records of a port for the largest context."""
        return -(-self.context // self.ports)

    @property
    def slots(self) -> int:
        """One more than the largest slot that a command may name."""
        return max(self.cache_slots, -(-self.vocabulary // self.ports))

    @property
    def queries(self) -> QueryBufferConfig:
        words = max(self.heads * self.head_words, self.hidden // 16)
        return QueryBufferConfig(self.lanes, words, self.count)

    @property
    def words_walk(self) -> RecordWalkConfig:
        """Of what memory delivers."""
        return RecordWalkConfig(
            self.slots,
            self.kv_heads,
            self.group,
            self.head_words,
            self.hidden // 16,
            LEAST_RECORD,
            self.ports,
        )

    @property
    def weights_walk(self) -> RecordWalkConfig:
        """Of the weights that are made for the values; it has a place for headers too."""
        return RecordWalkConfig(
            self.cache_slots, self.kv_heads, self.group, self.head_words, least_record=LEAST_RECORD
        )

    @property
    def dots(self) -> DotLanesConfig:
        return DotLanesConfig(self.ports, self.group, max(self.head_size, self.hidden))

    @property
    def scale(self) -> ScoreScaleConfig:
        return ScoreScaleConfig(self.ports, DotLanesConfig(1, 1, self.head_size).sum_range)

    @property
    def scores(self) -> ScoreStoreConfig:
        return ScoreStoreConfig(self.ports, self.heads, self.cache_slots, self.score_style)

    @property
    def value_scales(self) -> ValueScalesConfig:
        return ValueScalesConfig(self.ports, self.cache_slots)

    @property
    def weights(self) -> TokenWeightsConfig:
        return TokenWeightsConfig(self.ports)

    @property
    def factors(self) -> HeadFactorsConfig:
        return HeadFactorsConfig(self.ports, self.heads, self.context)

    @property
    def sums(self) -> ValueSumConfig:
        return ValueSumConfig(self.ports, self.heads * self.head_words, self.context)

    @property
    def results(self) -> HeadResultsConfig:
        return HeadResultsConfig(self.heads, self.head_words, self.count, self.sums.sum_range)

    @property
    def logit_interval(self) -> int:
        return self.words_walk.row_cycles // self.ports

    @property
    def logits(self) -> LogitSequenceConfig:
        width = self.dots.sum_range.width
        return LogitSequenceConfig(self.ports, width, self.vocabulary, self.logit_interval)

    @property
    def best(self) -> BestLogitsConfig:
        width = self.dots.sum_range.width
        return BestLogitsConfig(self.best_count, self.vocabulary, width, self.logit_interval)

    @property
    def keys_settle(self) -> int:
        """Cycles from the last word of the keys until the weights' walk starts."""
        return dot_lanes.LATENCY + score_scale.LATENCY + self.scores.write_latency

    @property
    def values_settle(self) -> int:
        """Cycles from the last word of the values until the results start."""
        return self.sums.write_latency + 1

    @property
    def rows_settle(self) -> int:
        """Cycles from the last word of the rows until the list of the best may leave."""
        return dot_lanes.LATENCY + self.logits.latency + self.best.settle_cycles

    def keys_end(self, position: int) -> int:
        """Cycles from the command to the last word of the keys, for the query at ``position``."""
        return BEGIN_CYCLES + self.weights_walk.walk_cycles(position // self.ports + 1) - 1

    @property
    def values_begin(self) -> int:
        """Cycles from the last word of the keys to the first one of the values that meets its
        weights: the header's place, which comes before, makes no weights."""
        return self.keys_settle + 2 + WEIGHT_LATENCY + 1

    def attention_cycles(self, position: int, keys_late: float = 0, values_late: float = 0) -> int:
        """Cycles from the command to the last beat of results, for the query at ``position``.

        The last word of the keys may come so many cycles late; so may that of the values, besides.
        """
        slots = position // self.ports + 1
        walk = self.weights_walk
        keys_end = self.keys_end(position) + math.ceil(keys_late)
        weights_begin = keys_end + self.keys_settle + 1
        first_body = keys_end + self.values_begin
        values_end = first_body - 1 + walk.walk_cycles(slots) - 1 + math.ceil(values_late)
        last_slot = weights_begin + (slots - 1) * walk.record_cycles + 1
        arrivals = [
            last_slot
            + head * self.head_words * self.group
            + query
            + READ_LATENCY
            + token_weights.P_LATENCY
            for head in range(self.kv_heads)
            for query in range(self.group)
        ]
        offered = self.factors.factor_cycles(arrivals)
        return self.results.beat_cycles(values_end + self.values_settle, offered)[-1]

    def head_cycles(self, rows: int) -> int:
        """Cycles from the command to the last of the best logits, for so many rows."""
        slots = -(-rows // self.ports)
        rows_end = BEGIN_CYCLES + self.words_walk.walk_cycles(slots, rows=True) - 1
        return rows_end + self.rows_settle + self.best.flush_cycles(rows)
