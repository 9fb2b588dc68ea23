"""What the sequencer's parts tell each other: passes, and where words of memory belong.

Two readers of one program work on a pass at different times, so each gets the same description of
it. A pass has ``active`` lanes; lane l holds position ``position + l``. ``slot`` and ``port`` say
where the cache keeps that position: ``position = slot * ports + port``.
"""

from __future__ import annotations

from enum import IntEnum

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data

__all__ = ["Route", "count_shape", "index_shape", "pass_layout", "read_command_layout"]


class Route(IntEnum):
    """Which unit the words of a transfer are for."""

    HEADER = 0
    VECTOR = 1
    MATRIX = 2
    ATTENTION = 3


def index_shape(count: int) -> Shape:
    """Numbers from 0 to ``count - 1``; one bit at least."""
    return unsigned(max(1, (count - 1).bit_length()))


def count_shape(count: int) -> Shape:
    """Numbers from 0 to ``count``."""
    return unsigned(count.bit_length())


def pass_layout(lanes: int, context: int, ports: int) -> data.StructLayout:
    """A pass: ``position`` of its first lane with its ``slot`` and ``port``, how many lanes are
    ``active`` (1 to ``lanes``), whether it begins a run (``first``: the image's header is checked
    before) and whether the host wants its ``result``."""
    return data.StructLayout(
        {
            "position": index_shape(context),
            "slot": index_shape(-(-context // ports)),
            "port": index_shape(ports),
            "active": count_shape(lanes),
            "first": 1,
            "result": 1,
        }
    )


def read_command_layout(address_width: int, words_width: int) -> data.StructLayout:
    """A transfer from memory: byte address in every port's region, a multiple of 16, and words."""
    return data.StructLayout({"address": address_width, "words": words_width})
