"""What the decoder's matrix engine is told: to multiply by a matrix, and to send totals.

Matrices are named by their blocks only: the engine knows no sizes. It multiplies all lanes at once;
totals are sent lane by lane, any run of output blocks at a time.
"""

from __future__ import annotations

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data

__all__ = ["drain_command_layout", "matmul_command_layout"]


def _below(count: int) -> Shape:
    return unsigned(max(1, (count - 1).bit_length()))


def matmul_command_layout(
    largest_input_blocks: int, largest_output_blocks: int
) -> data.StructLayout:
    """A matrix: ``input_blocks`` of T*G inputs and ``output_blocks`` of Q outputs, 1 or more."""
    return data.StructLayout(
        {
            "input_blocks": _below(largest_input_blocks + 1),
            "output_blocks": _below(largest_output_blocks + 1),
        }
    )


def drain_command_layout(lanes: int, largest_output_blocks: int) -> data.StructLayout:
    """What to send: ``blocks`` (1 or more) output blocks of ``lane`` from ``first_block`` on."""
    return data.StructLayout(
        {
            "lane": _below(lanes),
            "first_block": _below(largest_output_blocks),
            "blocks": _below(largest_output_blocks + 1),
        }
    )
