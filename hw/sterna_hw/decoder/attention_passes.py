"""The passes of the attention unit: how its parts are joined, from words to what leaves.

Four functions, each of which joins the parts of one stretch of the way: words to scores, scores to
weights, weighted words to results, rows of the head to the best logits. The parts themselves say
what they do and how long it takes; here values are held back so that those which belong together
meet. They are called by `attention_unit`, which decides when a word is taken.

What stands beside a word on its way (which tokens are present, whether the slot is the first one)
is read from the walk when the word is taken and travels in shift registers as long as the way.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring

from ..credit import delay
from . import dot_lanes, score_scale, token_weights
from .attention_command import index_shape, scale_field
from .attention_sizes import WEIGHT_LATENCY, AttentionSizes
from .score_store import READ_LATENCY
from .vector_command import scale_layout

__all__ = ["place_row", "rank_rows", "score_words", "sum_values", "weigh_tokens"]

Parts = dict[str, Any]


def _present(ports: int, walk: Any, last_port: Value) -> Value:
    """Which ports hold a row of the slot: in the last one, those up to the last port."""
    return Cat(~walk.is_last_slot | (last_port >= port) for port in range(ports))


def place_row(m: Module, config: AttentionSizes, walk: Any) -> Signal:
    """Number of the 16 elements of a query, or of the sums, that belong to the walk's place:
    the queries of a group take turns, words apart."""
    row = Signal(index_shape(config.queries.words))
    back = (config.group - 1) * config.head_words
    with m.If(walk.advance & ~walk.is_header):
        with m.If(walk.is_slot_end):
            m.d.sync += row.eq(0)
        with m.Elif(~walk.is_last_query):
            m.d.sync += row.eq(row + config.head_words)
        with m.Elif(walk.is_last_word | walk.rows):
            m.d.sync += row.eq(row + 1)
        with m.Else():
            m.d.sync += row.eq(row + 1 - back)
    return row


def score_words(m: Module, config: AttentionSizes, unit: Any, parts: Parts, row: Signal) -> None:
    """Words of keys or of the head, to sums; those of keys on to scores and their store."""
    phases, walk = parts["phases"], parts["walk"]
    queries, dots, scale = parts["queries"], parts["dots"], parts["scale"]
    scores, value_scales = parts["scores"], parts["value_scales"]
    wiring.connect(m, wiring.flipped(unit.query), queries.i)
    takes = phases.takes_keys | phases.takes_rows
    m.d.comb += [
        queries.lane.eq(phases.lane),
        queries.row.eq(row),
        dots.step.eq(walk.advance & ~walk.is_header & takes),
        dots.is_first.eq(walk.is_first_word),
        dots.is_last.eq(walk.is_last_word),
        dots.is_row.eq(phases.is_head),
        dots.word.eq(unit.words.payload.data),
        dots.query.eq(queries.word),
    ]
    is_header = Signal()
    m.d.comb += is_header.eq(walk.advance & walk.is_header & phases.takes_keys)
    fields = data.ArrayLayout(scale_field(), 2)
    for port in range(config.ports):
        header = data.View(fields, unit.words.payload.data[port][: fields.size])
        for target, field in ((scale.key, header[0]), (value_scales.scales, header[1])):
            kept = Signal(scale_layout(), name=f"scale_{port}", reset_less=True)
            with m.If(is_header):
                m.d.sync += [
                    kept.mantissa.eq(field.mantissa),
                    kept.exponent.eq(field.exponent),
                ]
            m.d.comb += target[port].eq(kept)
    present = _present(config.ports, walk, phases.last_port)
    m.d.comb += [
        value_scales.start.eq(phases.begin),
        value_scales.valid.eq(delay(m, is_header, 1, reset_less=False)),
        value_scales.present.eq(delay(m, present, 1)),
    ]

    # The scale of a record is taken over between its predecessor's sums and its own.
    at_sums = dot_lanes.LATENCY
    at_scores = at_sums + score_scale.LATENCY
    is_score = delay(m, dots.valid & ~phases.is_head, score_scale.LATENCY, reset_less=False)
    m.d.comb += [
        scale.query.eq(_query_scale(m, config, unit, phases.lane)),
        scale.load.eq(delay(m, is_header, at_sums, reset_less=False)),
        scores.start.eq(phases.begin),
        scores.valid.eq(is_score),
        scores.scores.eq(scale.scores),
        scores.present.eq(delay(m, present, at_scores)),
        scores.is_first_slot.eq(delay(m, walk.is_first_slot, at_scores)),
    ]
    for port in range(config.ports):
        m.d.comb += scale.sums[port].eq(dots.sums[port])


def _query_scale(m: Module, config: AttentionSizes, unit: Any, lane: Value) -> Value:
    """The scale of a lane's query, from where it was put."""
    store = memory.Memory(
        shape=scale_layout(),
        depth=config.lanes,
        init=[],
        attrs={"ram_style": "distributed"},
    )
    m.submodules.query_scales = store
    write, read = store.write_port(), store.read_port(domain="comb")
    m.d.comb += [
        unit.query_scale.ready.eq(1),
        write.en.eq(unit.query_scale.valid),
        write.addr.eq(unit.query_scale.payload.lane),
        write.data.eq(unit.query_scale.payload.scale),
        read.addr.eq(lane),
    ]
    scale = Signal(scale_layout(), reset_less=True)
    m.d.sync += scale.eq(read.data)
    return scale


def weigh_tokens(m: Module, config: AttentionSizes, parts: Parts) -> None:
    """Weights of all tokens and heads in order, ahead of the words that they belong to."""
    phases, walk = parts["phases"], parts["weights_walk"]
    scores, scales, weights = parts["scores"], parts["value_scales"], parts["weights"]
    queue, factors = parts["weights_queue"], parts["factors"]
    active, advance, step = Signal(), Signal(), Signal()
    row, head, slot = (
        Signal.like(scores.row),
        Signal.like(scores.head),
        Signal.like(scales.slot),
    )
    m.d.comb += [
        advance.eq(active & walk.is_open & queue.available),
        step.eq(advance & ~walk.is_header),
        walk.start.eq(phases.starts_weights),
        walk.advance.eq(advance),
        walk.last_slot.eq(phases.last_slot),
    ]
    with m.If(phases.starts_weights):
        m.d.sync += [active.eq(1), row.eq(0), head.eq(0), slot.eq(0)]
    with m.Elif(step):
        # The queries of the group come again with each word of their key head.
        is_back = walk.is_last_query & ~walk.is_last_word
        move = Mux(is_back, 1 - config.group, 1)
        m.d.sync += [
            active.eq(~walk.is_end),
            row.eq(row + move),
            head.eq(Mux(walk.is_slot_end, 0, head + move)),
            slot.eq(slot + walk.is_slot_end),
        ]
    m.d.comb += [
        scores.row.eq(row),
        scores.head.eq(head),
        scales.slot.eq(slot),
        weights.scores.eq(scores.stored),
        weights.maximum.eq(scores.maximum),
        weights.present.eq(delay(m, _present(config.ports, walk, phases.last_port), READ_LATENCY)),
        weights.scales.eq(scales.weights),
        queue.take.eq(step),
        queue.push.eq(delay(m, step, WEIGHT_LATENCY, reset_less=False)),
        queue.result.eq(weights.w),
    ]
    at_p = READ_LATENCY + token_weights.P_LATENCY
    m.d.comb += [
        factors.start.eq(phases.starts_weights),
        factors.valid.eq(delay(m, step & walk.is_first_word, at_p, reset_less=False)),
        factors.weights.eq(weights.p),
        factors.is_first_slot.eq(delay(m, walk.is_first_slot, at_p)),
        factors.is_last_slot.eq(delay(m, walk.is_last_slot, at_p)),
    ]


def sum_values(m: Module, unit: Any, parts: Parts, row: Signal) -> None:
    """Words of values, weighted, to sums; these to results."""
    phases, walk, results = parts["phases"], parts["walk"], parts["results"]
    sums, weights = parts["sums"], parts["weights_queue"].o
    wiring.connect(m, parts["factors"].o, results.factors)
    wiring.connect(m, wiring.flipped(unit.o), results.o)
    m.d.comb += [
        sums.step.eq(walk.advance & ~walk.is_header & phases.takes_values),
        sums.word.eq(unit.words.payload.data),
        sums.weights.eq(weights.payload),
        sums.row.eq(Mux(phases.takes_values, row, results.row)),
        sums.is_first_slot.eq(walk.is_first_slot),
        results.start.eq(phases.starts_results),
        results.sums.eq(sums.sums),
    ]


def rank_rows(m: Module, config: AttentionSizes, unit: Any, parts: Parts) -> None:
    """Sums of the head's rows, one after the other, to the list of the best."""
    phases, walk, dots = parts["phases"], parts["walk"], parts["dots"]
    sequence, best = parts["logit_sequence"], parts["best_logits"]
    wiring.connect(m, wiring.flipped(unit.best), best.o)
    present = _present(config.ports, walk, phases.last_port)
    m.d.comb += [
        sequence.start.eq(phases.begin),
        sequence.valid.eq(dots.valid & phases.is_head),
        sequence.sums.eq(dots.sums),
        sequence.present.eq(delay(m, present, dot_lanes.LATENCY)),
        best.clear.eq(phases.begin),
        best.valid.eq(sequence.found),
        best.index.eq(sequence.index),
        best.logit.eq(sequence.logit),
        best.flush.eq(phases.starts_list),
        unit.logits.valid.eq(sequence.found),
        unit.logits.index.eq(sequence.index),
        unit.logits.logit.eq(sequence.logit),
    ]
