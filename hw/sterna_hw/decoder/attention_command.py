"""What the attention unit is told and what it tells: layouts of its streams.

The unit reads memory words whose 16-byte parts belong to P rows side by side, one row a port: row
``slot * P + port``, whether rows are the cached tokens of attention or the vocabulary of the head.
A command therefore says where the rows end as the slot and the port of the last one, which saves
the unit a division by P: ``last_slot = (rows - 1) // P`` and ``last_port = (rows - 1) % P``, rows
being position + 1 for attention. All ports read the same slots; rows beyond the last one are junk.

=========== ================================================= ==================================
kind        takes                                             gives
=========== ================================================= ==================================
``ATTEND``  words: K records of slots 0 to last, then V       ``o``: heads * head size elements
``HEAD``    words: rows of hidden / 16 words, slots 0 to last ``best``: the largest logits
=========== ================================================= ==================================

A record is a header word and kv_heads * head_size / 16 words of codes. The header of K holds, from
byte 0, the scales kappa_k and kappa_v as `scale_field`; the header of V is not looked at.
"""

from __future__ import annotations

from enum import IntEnum

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data

from .vector_command import scale_layout

__all__ = [
    "AttentionKind",
    "attention_command_layout",
    "cache_command_layout",
    "cache_scale_layout",
    "lane_scale_layout",
    "logit_layout",
    "query_layout",
    "scale_field",
    "write_command_layout",
    "write_data_layout",
]

LOGIT_WIDTH = 32


class AttentionKind(IntEnum):
    """Kinds of command."""

    ATTEND = 0
    HEAD = 1


def index_shape(count: int) -> Shape:
    """Shape of a number from 0 to ``count - 1``, one bit at least."""
    return unsigned(max(1, (count - 1).bit_length()))


def attention_command_layout(lanes: int, slots: int, ports: int) -> data.StructLayout:
    """A command: ``kind``, ``lane`` (whose query or vector), ``last_slot`` and ``last_port``."""
    return data.StructLayout(
        {
            "kind": AttentionKind,
            "lane": index_shape(lanes),
            "last_slot": index_shape(slots),
            "last_port": index_shape(ports),
        }
    )


def query_layout(lanes: int, count: int) -> data.StructLayout:
    """A beat of codes of a lane's query (or of the vector of the head), in order from the first."""
    return data.StructLayout(
        {
            "data": data.ArrayLayout(Shape(8, signed=True), count),
            "last": 1,
            "lane": index_shape(lanes),
        }
    )


def lane_scale_layout(lanes: int) -> data.StructLayout:
    """The scale kappa_q of a lane's query."""
    return data.StructLayout({"scale": scale_layout(), "lane": index_shape(lanes)})


def logit_layout(rows: int, flag: str) -> data.StructLayout:
    """A row's number and its logit, and a flag: ``last`` in the list of the best, ``valid`` where
    every logit can be watched."""
    logit = Shape(LOGIT_WIDTH, signed=True)
    return data.StructLayout({"index": index_shape(rows), "logit": logit, flag: 1})


def scale_field() -> data.StructLayout:
    """A scale as it lies in memory: four bytes, of the exponent's two only 12 bits matter."""
    return data.StructLayout({"mantissa": 16, "exponent": Shape(12, signed=True), "sign": 4})


def cache_command_layout(lanes: int, ports: int, address_width: int) -> data.StructLayout:
    """A record to be written: the token's ``lane``, ``is_key`` (else its values), and where it
    goes: the ``port`` and the local byte ``address`` there."""
    return data.StructLayout(
        {
            "lane": index_shape(lanes),
            "is_key": 1,
            "port": index_shape(ports),
            "address": address_width,
        }
    )


def cache_scale_layout() -> data.StructLayout:
    """The scale of the codes of one record."""
    return data.StructLayout({"scale": scale_layout()})


def write_command_layout(ports: int, address_width: int, words: int) -> data.StructLayout:
    """A write of ``words`` times 16 bytes (at most so many) to one port."""
    return data.StructLayout(
        {"port": index_shape(ports), "address": address_width, "words": index_shape(words + 1)}
    )


def write_data_layout() -> data.StructLayout:
    """16 bytes of a write, byte 0 in the low bits."""
    return data.StructLayout({"data": 128, "last": 1})
