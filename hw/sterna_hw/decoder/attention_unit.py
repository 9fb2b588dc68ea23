"""Attention over the cached tokens, and the products of the head, on the same dot lanes.

P lanes work in lockstep, one on each memory port's 16 bytes of a word: P tokens of the cache, or P
rows of the head. In the pass over the keys each lane multiplies 16 codes by the query's, sums them
over the words of a head, and scales the sum to a score; scores are kept for all tokens and heads,
with the maximum of each head. In the pass over the values the scores become weights, and the
weighted codes of all P tokens are added to the sums of the heads. At the end these are divided by
the sums of weights and leave V elements a beat. What the passes are made of stands in the parts;
here they are joined and told when to begin.

A word is taken every cycle, or with several query heads for a key head, held for as many cycles.
One command at a time: ``command.ready`` is low until all that a command sends has left. Exact
cycles: `AttentionSizes.attention_cycles`, `AttentionSizes.head_cycles`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..beat import beat_signature
from ..credit import CreditQueueConfig
from .attention_command import (
    attention_command_layout,
    lane_scale_layout,
    logit_layout,
    query_layout,
)
from .attention_passes import place_row, rank_rows, score_words, sum_values, weigh_tokens
from .attention_phases import AttentionPhasesConfig
from .attention_sizes import WEIGHT_LATENCY, AttentionSizes
from .head_results import RESULT
from .token_weights import WEIGHT_WIDTH
from .vector_command import word_layout

__all__ = ["AttentionUnit", "AttentionUnitConfig"]


@dataclass(frozen=True)
class AttentionUnitConfig(AttentionSizes):
    """An attention unit.

    Parameters
    ----------
    ports : :class:`int`
        Memory ports, P, 1 to 4.
    lanes : :class:`int`
        Token lanes, B: queries that are held.
    heads, kv_heads : :class:`int`
        Query heads, and key heads that they share evenly.
    head_size : :class:`int`
        Elements of a head, a multiple of 16, 32 or more.
    context : :class:`int`
        Largest number of positions.
    hidden : :class:`int`
        Elements of a row of the head, a multiple of 16.
    vocabulary : :class:`int`
        Largest number of rows of the head.
    count : :class:`int`
        Elements a beat of codes and results, V: a power of two up to 16.
    best_count : :class:`int`
        How many of the largest logits are given, k.
    score_style : ``"block"`` or ``"ultra"``
        Memory that holds the scores.

    Raises
    ------
    ValueError
        If a field breaks its rule.
    """

    def __post_init__(self) -> None:
        def check(holds: bool, subject: str, rule: str, value: object) -> None:
            if not holds:
                raise ValueError(f"{subject} must be {rule}, not {value!r}")

        check(1 <= self.ports <= 4, "Ports", "1 to 4", self.ports)
        for name in ("lanes", "kv_heads", "heads", "context", "vocabulary"):
            value = getattr(self, name)
            check(value >= 1, name.replace("_", " ").capitalize(), "1 or more", value)
        rule = f"a multiple of the {self.kv_heads} key heads"
        check(self.heads % self.kv_heads == 0, "Heads", rule, self.heads)
        sizes = self.head_size >= 32 and self.head_size % 16 == 0
        check(sizes, "Head size", "a multiple of 16, 32 or more", self.head_size)
        fits = self.hidden >= 16 and self.hidden % 16 == 0
        check(fits, "Hidden", "a positive multiple of 16", self.hidden)
        check(self.context <= 65536, "Context", "65536 or less", self.context)
        # The parts check the rest.
        _ = self.queries, self.best

    def compute(
        self,
        query: np.ndarray,
        query_scale: tuple[int, int],
        keys: np.ndarray,
        key_scales: np.ndarray,
        values: np.ndarray,
        value_scales: np.ndarray,
    ) -> np.ndarray:
        """Results ``(heads * head_size,)`` of one query over all the tokens given.

        ``query`` has ``heads * head_size`` codes, ``keys`` and ``values`` the shape ``(tokens,
        kv_heads * head_size)``, scales of tokens are ``(tokens, 2)``: mantissa and exponent.
        """
        tokens = len(keys)
        keys = np.asarray(keys, dtype=np.int64).reshape(tokens, self.kv_heads, self.head_size)
        values = np.asarray(values, dtype=np.int64).reshape(keys.shape)
        heads = np.asarray(query, dtype=np.int64).reshape(self.heads, self.head_size)
        sums = np.stack(
            [self.dots.compute(keys[:, h // self.group], heads[h]) for h in range(self.heads)], 1
        )
        scores = self.scale.compute(sums, query_scale, key_scales)
        mantissas, behind = self.value_scales.compute(value_scales)
        p, w = self.weights.compute(scores, mantissas, behind)
        factors, are_large = self.factors.compute(p)
        totals = self.sums.compute(w, values, self.group)
        return self.results.compute(totals, factors, are_large).reshape(-1)

    def compute_best(self, head: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Rows and logits ``(k, 2)`` of the best rows of a head ``(rows, hidden)``."""
        return self.best.compute(self.dots.compute(head, codes))

    def cost(self, device: Device) -> Cost:
        """Estimate: the sum of the parts, and what joins them."""
        parts = (
            self.queries, self.dots, self.scale, self.scores, self.value_scales, self.weights,
            self.factors, self.sums, self.results, self.logits, self.best, self.weights_queue,
        )  # fmt: skip
        total = Cost(lut=300, ff=300 + 60 * self.ports)
        for part in parts:
            total += part.cost(device)
        return total

    @property
    def weights_queue(self) -> CreditQueueConfig:
        """Where weights wait for their word."""
        return CreditQueueConfig(data.ArrayLayout(WEIGHT_WIDTH, self.ports), WEIGHT_LATENCY)

    def create(self) -> AttentionUnit:
        return AttentionUnit(self)


class AttentionUnit(wiring.Component):
    """The unit.

    Attributes
    ----------
    command : stream of `attention_command_layout`, in
    query : stream of `query_layout`, in, always ready
        Codes of a lane's query, or of the vector of the head; not while a command uses that lane.
    query_scale : stream of `lane_scale_layout`, in, always ready
        Scale of a lane's query; stays until the next one.
    words : stream of `word_layout`, in
    o : stream of beats of V results, out
        ``heads * head_size`` elements for each ``ATTEND``.
    best : stream of `logit_layout` with ``last``, out
        For each ``HEAD`` the ``best_count`` largest logits (or as many as there are rows), largest
        first, the lower row first among equals.
    logits : out, `logit_layout` with ``valid``
        Every logit as it is found, for checks; nothing waits for it.
    idle : out
        No command is at work and nothing is left to be taken.
    """

    command: stream.Interface
    query: stream.Interface
    query_scale: stream.Interface
    words: stream.Interface
    o: stream.Interface
    best: stream.Interface
    logits: data.View
    idle: Signal

    def __init__(self, config: AttentionUnitConfig) -> None:
        self.config = config
        lanes, rows = config.lanes, config.vocabulary
        command = attention_command_layout(lanes, config.slots, config.ports)
        super().__init__(
            {
                "command": In(stream.Signature(command)),
                "query": In(stream.Signature(query_layout(lanes, config.count))),
                "query_scale": In(stream.Signature(lane_scale_layout(lanes))),
                "words": In(stream.Signature(word_layout(config.ports))),
                "o": Out(beat_signature(RESULT, config.count)),
                "best": Out(stream.Signature(logit_layout(rows, "last"))),
                "logits": Out(logit_layout(rows, "valid")),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        phases = AttentionPhasesConfig(
            config.ports,
            config.lanes,
            config.slots,
            config.keys_settle,
            config.values_settle,
            config.rows_settle,
        )
        configs: dict[str, Any] = {
            "phases": phases,
            "queries": config.queries,
            "walk": config.words_walk,
            "weights_walk": config.weights_walk,
            "dots": config.dots,
            "scale": config.scale,
            "scores": config.scores,
            "value_scales": config.value_scales,
            "weights": config.weights,
            "weights_queue": config.weights_queue,
            "factors": config.factors,
            "sums": config.sums,
            "results": config.results,
            "logit_sequence": config.logits,
            "best_logits": config.best,
        }
        parts = {name: part.create() for name, part in configs.items()}
        for name, part in parts.items():
            m.submodules[name] = part
        self._control(m, parts)
        row = place_row(m, config, parts["walk"])
        score_words(m, config, self, parts, row)
        weigh_tokens(m, config, parts)
        sum_values(m, self, parts, row)
        rank_rows(m, config, self, parts)
        return m

    def _control(self, m: Module, parts: dict[str, Any]) -> None:
        """Phases, the walk along the words, and when a word is taken."""
        phases, walk, weights = parts["phases"], parts["walk"], parts["weights_queue"].o
        wiring.connect(m, wiring.flipped(self.command), phases.command)
        may, advance = Signal(), Signal()
        has_weights = walk.is_header | weights.valid
        takes_all = phases.takes_keys | phases.takes_rows
        m.d.comb += [
            may.eq(walk.is_open & (takes_all | (phases.takes_values & has_weights))),
            advance.eq(may & self.words.valid),
            self.words.ready.eq(may & (walk.is_header | walk.is_last_query)),
            weights.ready.eq(
                phases.takes_values & walk.is_open & ~walk.is_header & self.words.valid
            ),
            walk.advance.eq(advance),
            phases.words_end.eq(advance & walk.is_end),
            walk.start.eq(phases.begin | (phases.words_end & phases.takes_keys)),
            walk.rows.eq(phases.is_head),
            walk.last_slot.eq(phases.last_slot),
            phases.has_left.eq(_ends(self.o) | _ends(self.best)),
            self.idle.eq(phases.idle),
        ]


def _ends(port: stream.Interface) -> Value:
    """The last beat of a frame leaves."""
    return port.valid & port.ready & port.payload.last
