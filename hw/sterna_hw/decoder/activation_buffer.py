"""Where the codes of a pass wait for the matrix engine: short rows of neighbouring elements.

The engine's tables are filled one activation of each group at a time and some tables after the
others, so what it reads is a row: R neighbouring elements of a vector, for all lanes at once.
(Group t of a block is therefore its elements t, T + t, 2*T + t, ...: `column_order` moves the
columns of a matrix so.) Codes arrive V at a time for one lane. R and V differ by a power of two.
Where a row is longer than a write, every part of it that is written at once is a memory of its own;
where it is shorter, a multiplexer takes it from a memory's word. Nothing is ever gathered or
rotated.

One write and one read a cycle; a row's data follow its address by one cycle, behind the memories'
own registers and perhaps the multiplexer: a register should follow. A row may not be read in the
cycle in which it is written, which is one after it was given. What was never written is junk: the
engine meets it with weights of zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Array, Cat, Module, Shape, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay
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
    row : :class:`int`
        Elements of a row, R.
    count : :class:`int`
        Elements of a write, V; R times or divided by a power of two.
    largest_inputs : :class:`int`
        Elements of the longest vector.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    lanes: int
    row: int
    count: int
    largest_inputs: int

    def __post_init__(self) -> None:
        for name in ("lanes", "row", "count", "largest_inputs"):
            value = getattr(self, name)
            if value < 1:
                subject = name.replace("_", " ").capitalize()
                raise ValueError(f"{subject} must be 1 or more, not {value!r}")
        longer, shorter = max(self.row, self.count), min(self.row, self.count)
        ratio = longer // shorter
        if longer % shorter or ratio & (ratio - 1):
            raise ValueError(
                f"Row must be {self.count} (the elements of a write) times or divided by a power"
                f" of two, not {self.row!r}"
            )

    @property
    def row_count(self) -> int:
        """Rows that hold the longest vector."""
        return -(-self.largest_inputs // self.row)

    @property
    def slices(self) -> int:
        """Writes that fill one lane's part of a row; 1 where a write fills several rows."""
        return max(1, self.row // self.count)

    @property
    def rows_of_write(self) -> int:
        """Rows that a write fills; 1 where it fills a part of one."""
        return max(1, self.count // self.row)

    @property
    def row_width(self) -> int:
        """Bits of a row's number."""
        return self.memory.address_width + (self.rows_of_write - 1).bit_length()

    @property
    def memory(self) -> MemoryConfig:
        """Of one slice of one lane."""
        depth = max(2, -(-self.largest_inputs // (self.count * self.slices)))
        return MemoryConfig("activations", depth, 8 * self.count, reloadable=True, read_latency=1)

    def compute(self, vectors: np.ndarray) -> np.ndarray:
        """Rows [row, lane, element] of vectors [lane, element]; zero where nothing is known."""
        vectors = np.asarray(vectors, dtype=np.int64)
        rows = np.zeros((len(vectors), self.row_count * self.row), dtype=np.int64)
        known = min(vectors.shape[1], rows.shape[1])
        rows[:, :known] = vectors[:, :known]
        return rows.reshape(len(vectors), self.row_count, self.row).transpose(1, 0, 2)

    def cost(self, device: Device) -> Cost:
        """Estimate: a memory a slice and lane, the register in front of it, multiplexers."""
        memories = self.lanes * self.slices
        chosen = 8 * self.row * self.lanes * -(-(self.rows_of_write - 1) // 3)
        control = Cost(lut=memories + chosen, ff=8 * self.count + 16)
        return self.memory.cost(device) * memories + control

    def create(self) -> ActivationBuffer:
        return ActivationBuffer(self)


class ActivationBuffer(wiring.Component):
    """The buffer.

    Attributes
    ----------
    write : `activation_write_signature`, in
    row : in
        Which row to read: elements ``row*R`` and following.
    activations : out, array of int8
        That row one cycle later: element ``lane*R + number``.
    """

    write: wiring.PureInterface
    row: Signal
    activations: data.View

    def __init__(self, config: ActivationBufferConfig) -> None:
        self.config = config
        write = activation_write_signature(config.lanes, config.count, config.largest_inputs)
        count = config.lanes * config.row
        super().__init__(
            {
                "write": In(write),
                "row": In(config.row_width),
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
        write_row, place = address[place_width:], address[:place_width]
        part_width = (config.rows_of_write - 1).bit_length()
        part = delay(m, self.row[:part_width], 1) if part_width else None
        rows = []
        for number in range(config.lanes):
            for piece in range(config.slices):
                name = f"slice_{number}_{piece}"
                m.submodules[name] = slice_memory = config.memory.create()
                m.d.comb += [
                    slice_memory.address.eq(self.row[part_width:]),
                    slice_memory.load.enable.eq(enable & (lane == number) & (place == piece)),
                    slice_memory.load.address.eq(write_row),
                    slice_memory.load.data.eq(codes),
                ]
                word = slice_memory.data
                if part is not None:
                    width = 8 * config.row
                    choices = [word[low : low + width] for low in range(0, len(word), width)]
                    word = Array(choices)[part]
                rows.append(word)
        m.d.comb += Cat(self.activations).eq(Cat(rows))
        return m
