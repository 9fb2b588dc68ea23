"""Where the codes of a pass wait for the matrix engine: rows of T elements of every lane.

The engine's tables are filled one activation of each group at a time, so what it reads is a row:
T neighbouring elements of a vector, for all lanes at once. (Group t of a block is therefore its
elements t, T + t, 2*T + t, ...: `column_order` moves the columns of a matrix so.) Codes arrive V
at a time for one lane. T being V times a power of two, a write fills one of T/V slices of a row,
and every slice of every lane is a memory of its own: nothing is ever gathered or rotated.

One write and one read a cycle; a row's data follow its address by two cycles. A row may not be read
in the cycle in which it is written. What was never written is junk: the engine meets it with
weights of zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Shape, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..memory import MemoryConfig

__all__ = ["ActivationBuffer", "ActivationBufferConfig", "activation_write_signature"]


def _index(count: int) -> Shape:
    return unsigned(max(1, (count - 1).bit_length()))


def activation_write_signature(lanes: int, count: int, largest_inputs: int) -> wiring.Signature:
    """The write port: with ``enable``, ``data`` (V int8) are elements ``address*V`` and following
    of ``lane``'s vector."""
    return wiring.Signature(
        {
            "enable": Out(1),
            "lane": Out(_index(lanes)),
            "address": Out(_index(-(-largest_inputs // count))),
            "data": Out(data.ArrayLayout(signed(8), count)),
        }
    )


@dataclass(frozen=True)
class ActivationBufferConfig:
    """A buffer.

    Parameters
    ----------
    lanes : :class:`int`
        Token lanes, B.
    tables : :class:`int`
        Elements of a row, T: ``count`` times a power of two.
    count : :class:`int`
        Elements of a write, V.
    largest_inputs : :class:`int`
        Elements of the longest vector.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    lanes: int
    tables: int
    count: int
    largest_inputs: int

    def __post_init__(self) -> None:
        for name in ("lanes", "tables", "count", "largest_inputs"):
            value = getattr(self, name)
            if value < 1:
                subject = name.replace("_", " ").capitalize()
                raise ValueError(f"{subject} must be 1 or more, not {value!r}")
        slices = self.tables // self.count
        if self.tables % self.count or slices & (slices - 1):
            raise ValueError(
                f"Tables must be {self.count} (the elements of a write) times a power of two,"
                f" not {self.tables!r}"
            )

    @property
    def row_count(self) -> int:
        return -(-self.largest_inputs // self.tables)

    @property
    def slices(self) -> int:
        """Writes that fill one lane's part of a row."""
        return self.tables // self.count

    @property
    def memory(self) -> MemoryConfig:
        """Of one slice of one lane."""
        depth = max(2, self.row_count)
        return MemoryConfig("activations", depth, 8 * self.count, reloadable=True)

    def compute(self, vectors: np.ndarray) -> np.ndarray:
        """Rows [row, lane, table] of vectors [lane, element]; zero where nothing is known."""
        vectors = np.asarray(vectors, dtype=np.int64)
        rows = np.zeros((len(vectors), self.row_count * self.tables), dtype=np.int64)
        rows[:, : vectors.shape[1]] = vectors
        return rows.reshape(len(vectors), self.row_count, self.tables).transpose(1, 0, 2)

    def cost(self, device: Device) -> Cost:
        """Estimate: a memory a slice and lane, the register in front of it."""
        memories = self.lanes * self.slices
        return self.memory.cost(device) * memories + Cost(lut=memories, ff=8 * self.count + 16)

    def create(self) -> ActivationBuffer:
        return ActivationBuffer(self)


class ActivationBuffer(wiring.Component):
    """The buffer.

    Attributes
    ----------
    write : `activation_write_signature`, in
    row : in
        Which row to read.
    activations : out, array of int8
        That row two cycles later: element ``lane*tables + table``.
    """

    write: wiring.PureInterface
    row: Signal
    activations: data.View

    def __init__(self, config: ActivationBufferConfig) -> None:
        self.config = config
        write = activation_write_signature(config.lanes, config.count, config.largest_inputs)
        count = config.lanes * config.tables
        super().__init__(
            {
                "write": In(write),
                "row": In(config.memory.address_width),
                "activations": Out(data.ArrayLayout(signed(8), count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        # A register in front: the writer's outputs go to many memories.
        enable, lane = Signal(), Signal.like(self.write.lane, reset_less=True)
        address = Signal.like(self.write.address, reset_less=True)
        codes = Signal(8 * config.count, reset_less=True)
        m.d.sync += [
            enable.eq(self.write.enable),
            lane.eq(self.write.lane),
            address.eq(self.write.address),
            codes.eq(Cat(self.write.data)),
        ]
        place_width = (config.slices - 1).bit_length()
        row, place = address[place_width:], address[:place_width]
        parts = []
        for number in range(config.lanes):
            for part in range(config.slices):
                name = f"slice_{number}_{part}"
                m.submodules[name] = slice_memory = config.memory.create()
                m.d.comb += [
                    slice_memory.address.eq(self.row),
                    slice_memory.load.enable.eq(enable & (lane == number) & (place == part)),
                    slice_memory.load.address.eq(row),
                    slice_memory.load.data.eq(codes),
                ]
                parts.append(slice_memory.data)
        m.d.comb += Cat(self.activations).eq(Cat(parts))
        return m
