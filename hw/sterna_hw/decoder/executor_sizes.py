"""Sizes of an executor: those of the units that it tells what to do, its ports, and its parts.

The sequencer, which passes most of these ports on, and the executor itself read them from here.
What an executor does stands in `executor`.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .attention_command import attention_command_layout, cache_command_layout
from .operand_check import OperandCheckConfig
from .pass_layout import index_shape, pass_layout
from .program_reader import work_layout
from .record_address import RecordAddressConfig
from .token_matmul import drain_command_layout, matmul_command_layout
from .vector_command import vector_command_layout

__all__ = ["ExecutorSizes"]


@dataclass(frozen=True)
class ExecutorSizes:
    """An executor for units of certain sizes.

    Parameters
    ----------
    lanes : :class:`int`
        Token lanes, 1 to 16.
    ports : :class:`int`
        Memory ports, 1 to 4.
    context : :class:`int`
        Largest number of positions.
    slots : :class:`int`
        Of the attention unit: cached records or rows of the head on a port.
    record_words : :class:`int`
        Words of a record of the cache.
    largest_beats : :class:`int`
        Of the vector unit.
    largest_input_blocks, largest_output_blocks : :class:`int`
        Of the engine.
    depth : :class:`int`
        Instructions of a program at most.
    address_width : :class:`int`
        Bits of a byte address in a port's region.

    Raises
    ------
    ValueError
        If lanes or ports are out of range.
    """

    lanes: int
    ports: int
    context: int
    slots: int
    record_words: int
    largest_beats: int
    largest_input_blocks: int
    largest_output_blocks: int
    depth: int = 64
    address_width: int = 32

    def __post_init__(self) -> None:
        if not 1 <= self.lanes <= 16:
            raise ValueError(f"Lanes must be 1 to 16, not {self.lanes!r}")
        if not 1 <= self.ports <= 4:
            raise ValueError(f"Ports must be 1 to 4, not {self.ports!r}")

    @property
    def check(self) -> OperandCheckConfig:
        return OperandCheckConfig(
            self.ports,
            self.slots,
            self.record_words,
            self.largest_beats,
            self.largest_input_blocks,
            self.largest_output_blocks,
            self.depth,
        )

    @property
    def record(self) -> RecordAddressConfig:
        slots = -(-self.context // self.ports)
        return RecordAddressConfig(
            self.address_width, index_shape(slots + 1).width, self.record_words
        )

    @property
    def members(self) -> dict[str, wiring.Member]:
        """Ports of the executor."""
        lanes, ports = self.lanes, self.ports
        work = work_layout(self.depth)
        inputs, outputs = self.largest_input_blocks, self.largest_output_blocks
        return {
            "passes": In(stream.Signature(pass_layout(lanes, self.context, ports))),
            "work": In(stream.Signature(work)),
            "vector": Out(stream.Signature(vector_command_layout(lanes, self.largest_beats))),
            "matrix": Out(stream.Signature(matmul_command_layout(inputs, outputs))),
            "drain": Out(stream.Signature(drain_command_layout(lanes, outputs))),
            "attention": Out(stream.Signature(attention_command_layout(lanes, self.slots, ports))),
            "cache": Out(stream.Signature(cache_command_layout(lanes, ports, self.address_width))),
            "units_idle": In(1),
            "cache_idle": In(1),
            "memory_words": In(self.address_width - 4),
            "release": Out(1),
            "finished": Out(1),
            "operand_error": Out(1),
            "place": Out(work["place"].shape),
            "layer": Out(work["layer"].shape),
        }
