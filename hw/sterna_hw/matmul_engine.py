"""The ports of a matrix engine that takes its weights as a stream, whatever it makes of them.

Engines have the activations on ``i``, rows of weights on ``weights`` and results on ``o``; how rows
are packed, and what becomes of a beat, is each engine's own. Most take a beat of weights together
with the activations that it meets: these stay on ``i`` through all beats of their block and are
taken together with the last one (`take_together`). No hardware here but that handshake, which is
combinational.
"""

from __future__ import annotations

from amaranth.hdl import Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .matmul import MatmulConfig
from .matmul_tail import MatmulTail

__all__ = ["MatmulEngine", "take_together"]


class MatmulEngine(wiring.Component):
    """An engine's ports.

    Attributes
    ----------
    i : stream of beats, in
        Activations: element ``lane*block_inputs + input``; ``input_blocks`` beats a frame.
    weights : stream of beats, in
        Rows as the configuration's ``pack`` makes them, ``row_count`` a frame.
    o : stream of beats, out
        Results: element ``lane*queries + query``; ``output_blocks`` beats a frame.
    """

    i: stream.Interface
    weights: stream.Interface
    o: stream.Interface

    def __init__(self, config: MatmulConfig) -> None:
        super().__init__(
            {
                "i": In(config.input_signature),
                "weights": In(config.weights_signature),
                "o": Out(stream.Signature(config.output_layout)),
            }
        )


def take_together(
    m: Module, tail: MatmulTail, i: stream.Interface, weights: stream.Interface, is_last: Value
) -> None:
    """Takes a beat of weights when there are activations for it and a place for its results; the
    activations are taken with the beat that is the last to need them."""
    m.d.comb += [
        weights.ready.eq(i.valid & tail.has_place),
        i.ready.eq(weights.valid & tail.has_place & is_last),
        tail.accept.eq(i.valid & weights.valid & tail.has_place),
    ]
