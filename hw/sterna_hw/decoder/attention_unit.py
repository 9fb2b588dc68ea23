"""Attention over the cached tokens, and the products of the head, on the same dot lanes.

P lanes work in lockstep, one on each memory port's 16 bytes of a word: P tokens of the cache, or P
rows of the head. In the pass over the keys each lane multiplies 16 codes by the query's, sums them
over the words of a head, and scales the sum to a score; scores are kept for all tokens and heads,
with the maximum of each head. In the pass over the values the scores become weights, and the
weighted codes of all P tokens are added to the sums of the heads. At the end these are divided by
the sums of weights and leave V elements a beat.

A word is taken every cycle, or with several query heads for a key head, held for as many cycles.
One command at a time: ``command.ready`` is low until all that a command sends has left.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import IntegerRange
from ..beat import beat_signature
from ..memory import MemoryStyle
from .attention_command import (
    attention_command_layout,
    lane_scale_layout,
    logit_layout,
    query_layout,
)
from .vector_command import word_layout

__all__ = ["AttentionUnit", "AttentionUnitConfig"]

RESULT = IntegerRange.of_width(24, signed=True)


@dataclass(frozen=True)
class AttentionUnitConfig:
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
    """

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
    def cache_slots(self) -> int:
        """Records of a port for the largest context."""
        return -(-self.context // self.ports)

    @property
    def slots(self) -> int:
        """Slots that a command may name, plus one."""
        return max(self.cache_slots, -(-self.vocabulary // self.ports))

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
    logits : stream of `logit_layout`, out, never waits
        Every logit as it is found, for checks.
    idle : out
        No command is at work and nothing is left to be taken.
    """

    command: stream.Interface
    query: stream.Interface
    query_scale: stream.Interface
    words: stream.Interface
    o: stream.Interface
    best: stream.Interface
    logits: stream.Interface
    idle: Signal

    def __init__(self, config: AttentionUnitConfig) -> None:
        self.config = config
        lanes, rows = config.lanes, config.vocabulary
        command = attention_command_layout(lanes, config.slots, config.ports)
        logits = stream.Signature(logit_layout(rows, False), always_ready=True)
        super().__init__(
            {
                "command": In(stream.Signature(command)),
                "query": In(stream.Signature(query_layout(lanes, config.count), always_ready=True)),
                "query_scale": In(stream.Signature(lane_scale_layout(lanes), always_ready=True)),
                "words": In(stream.Signature(word_layout(config.ports))),
                "o": Out(beat_signature(RESULT, config.count)),
                "best": Out(stream.Signature(logit_layout(rows, True))),
                "logits": Out(logits),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        return Module()
