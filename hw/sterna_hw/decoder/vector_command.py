"""What the vector unit is told, what it sends, and how much work each kind of command is.

A command works on one vector of one token lane. ``beats`` counts the vector in beats of V elements
as it is kept (residual, scratch, codes), so the unit needs no knowledge of a model's sizes: the
padding of the last words of a load, which the memory delivers too, is dropped.

=================== ================ =========================== =============================
kind                takes            leaves                      gives
=================== ================ =========================== =============================
``EMBED``           words: int16     residual of the lane
``ROPE``            words: cos, sin  position row of the lane
``CONSTANTS``       words: 32 bytes  constants of the layer
``GAINS``           words: int16     gains
``ADD``             drain            residual of the lane
``NORM``            residual         rho of the lane             codes, and rho to the query
``ROPE_QUANTISE``   drain            scratch                     scale, codes
``QUANTISE``        drain            scratch                     scale, codes
``GATE``            drain, twice     scratch, rho of the lane    codes
``ATTENTION_NORM``  attention        scratch, rho of the lane    codes
=================== ================ =========================== =============================

``GATE`` takes two beats of the drain (gate and up of an element are neighbours) for each beat of
its result. ``constant`` is read by ``ADD``, ``GATE`` and the two that quantise. A scale is given by
every command whose ``destination`` is not the activation buffer: the scale kappa of quantised
queries, keys and values, and for ``NORM`` the norm scale itself (of the vector that the head sees).
It does not say what the numbers mean: ``docs/numerics.md``, section "Decoders", does.
"""

from __future__ import annotations

from enum import IntEnum

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data

__all__ = [
    "CONSTANT_COUNT",
    "Destination",
    "VectorKind",
    "code_layout",
    "scale_layout",
    "scale_report_layout",
    "vector_command_layout",
    "word_layout",
]

CONSTANT_COUNT = 8
"""Constants of a layer that one load brings: q, v, k, o, gate, down and two spare ones."""


class VectorKind(IntEnum):
    """Kinds of command."""

    EMBED = 0
    ROPE = 1
    CONSTANTS = 2
    GAINS = 3
    ADD = 4
    NORM = 5
    ROPE_QUANTISE = 6
    QUANTISE = 7
    GATE = 8
    ATTENTION_NORM = 9


class Destination(IntEnum):
    """Where codes and their scale go."""

    ACTIVATION = 0
    QUERY = 1
    KEY = 2
    VALUE = 3


def _index(count: int) -> Shape:
    return unsigned(max(1, (count - 1).bit_length()))


def scale_layout() -> data.StructLayout:
    """A run-time scale ``mantissa * 2**exponent``: zero, or 2**15 <= mantissa < 2**16."""
    return data.StructLayout({"mantissa": 16, "exponent": Shape(12, signed=True)})


def vector_command_layout(lanes: int, largest_beats: int) -> data.StructLayout:
    """A command: ``kind``, ``lane``, ``beats`` (1 to ``largest_beats``, of the vector as kept),
    ``constant`` (number of the matrix' constant) and ``destination`` of the codes."""
    return data.StructLayout(
        {
            "kind": VectorKind,
            "lane": _index(lanes),
            "beats": _index(largest_beats + 1),
            "constant": _index(CONSTANT_COUNT),
            "destination": Destination,
        }
    )


def word_layout(ports: int) -> data.StructLayout:
    """A word of the memory stream: 128 bits of each port, and whether it ends its transfer."""
    return data.StructLayout({"data": data.ArrayLayout(128, ports), "last": 1})


def code_layout(lanes: int, largest_beats: int, count: int) -> data.StructLayout:
    """A beat of codes: ``count`` int8 of a lane's vector, where they belong (``address`` counts
    beats from 0), and whether they end the vector."""
    return data.StructLayout(
        {
            "data": data.ArrayLayout(Shape(8, signed=True), count),
            "last": 1,
            "destination": Destination,
            "lane": _index(lanes),
            "address": _index(largest_beats),
        }
    )


def scale_report_layout(lanes: int) -> data.StructLayout:
    """The scale of a lane's codes, and where these go."""
    return data.StructLayout(
        {"scale": scale_layout(), "destination": Destination, "lane": _index(lanes)}
    )
