"""The memories of the vector unit: residual, scratch, gains and rotations, in rows of V numbers.

The residual has a vector for each lane, rotations a row of pairs for each lane; scratch and gains
are one vector each. All reads take two cycles. Loaded beats (16-bit numbers) go where the load's
kind says: embedding codes become the residual, shifted left. Lanes lie one after the other, so the
address of a lane's vector is a product with a constant, made once a command.

It does not count beats: addresses inside a vector come from outside.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..memory import Memory, MemoryConfig, MemoryStyle
from .vector_command import VectorKind
from .vector_kernels import ELEMENT

__all__ = ["VectorStore", "VectorStoreConfig"]


@dataclass(frozen=True)
class VectorStoreConfig:
    """The memories.

    Parameters
    ----------
    lanes : :class:`int`
        Token lanes.
    count : :class:`int`
        Elements of a row, V.
    hidden_beats, largest_beats, head_beats : :class:`int`
        Rows of a residual, of the longest vector, and of a head.
    embedding_shift : :class:`int`
        Places by which embedding codes are shifted left.
    residual_style : ``"block"`` or ``"ultra"``
        Kind of memory of the residual.
    """

    lanes: int
    count: int
    hidden_beats: int
    largest_beats: int
    head_beats: int
    embedding_shift: int
    residual_style: MemoryStyle = "block"

    def _memory(self, name: str, rows: int, width: int, style: MemoryStyle) -> MemoryConfig:
        return MemoryConfig(name, rows, width * self.count, style=style, reloadable=True)

    @property
    def residual(self) -> MemoryConfig:
        rows = self.lanes * self.hidden_beats
        return self._memory("residual", rows, ELEMENT.width, self.residual_style)

    @property
    def scratch(self) -> MemoryConfig:
        return self._memory("scratch", self.largest_beats, ELEMENT.width, "block")

    @property
    def gains(self) -> MemoryConfig:
        return self._memory("gains", self.largest_beats, 16, "block")

    @property
    def rotations(self) -> MemoryConfig:
        return self._memory("rotations", self.lanes * self.head_beats, 16, "block")

    def cost(self, device: Device) -> Cost:
        """Estimate: the memories, and registers in front of the residual."""
        memories = (self.residual, self.scratch, self.gains, self.rotations)
        bits = self.count * ELEMENT.width
        return sum((memory.cost(device) for memory in memories), Cost(lut=bits, ff=bits + 60))

    def create(self) -> VectorStore:
        return VectorStore(self)


class VectorStore(wiring.Component):
    """The memories.

    Attributes
    ----------
    lane : in
        Of the command; addresses count from this lane's rows two cycles after it changes.
    kind : in
        Of the command, for loads.
    load_valid, load_data, load_address : in
        A loaded beat.
    kept_address : in
        Row of residual and scratch to read.
    gain_address, rotation_address : in
        Rows to read.
    residual, scratch, gains, rotation : out
        Rows, two cycles later.
    total, total_valid, total_address : in
        A row of the residual to write.
    x, x_valid, x_address : in
        A row of the scratch memory to write.
    """

    lane: Signal
    kind: Signal
    load_valid: Signal
    load_data: data.View
    load_address: Signal
    kept_address: Signal
    gain_address: Signal
    rotation_address: Signal
    residual: data.View
    scratch: data.View
    gains: data.View
    rotation: data.View
    total: data.View
    total_valid: Signal
    total_address: Signal
    x: data.View
    x_valid: Signal
    x_address: Signal

    def __init__(self, config: VectorStoreConfig) -> None:
        self.config = config
        elements = data.ArrayLayout(Shape(ELEMENT.width, signed=True), config.count)
        halfwords = data.ArrayLayout(Shape(16, signed=True), config.count)
        address = Shape.cast(range(max(config.largest_beats, 2)))
        super().__init__(
            {
                "lane": In(range(max(config.lanes, 2))),
                "kind": In(VectorKind),
                "load_valid": In(1),
                "load_data": In(halfwords),
                "load_address": In(address),
                "kept_address": In(address),
                "gain_address": In(address),
                "rotation_address": In(address),
                "residual": Out(elements),
                "scratch": Out(elements),
                "gains": Out(halfwords),
                "rotation": Out(halfwords),
                "total": In(elements),
                "total_valid": In(1),
                "total_address": In(address),
                "x": In(elements),
                "x_valid": In(1),
                "x_address": In(address),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        residual, scratch = config.residual.create(), config.scratch.create()
        gains, rotations = config.gains.create(), config.rotations.create()
        m.submodules.residual, m.submodules.scratch = residual, scratch
        m.submodules.gains, m.submodules.rotations = gains, rotations

        lane_residual = Signal(config.residual.address_width)
        lane_rotation = Signal(config.rotations.address_width)
        m.d.sync += [
            lane_residual.eq(self.lane * config.hidden_beats),
            lane_rotation.eq(self.lane * config.head_beats),
        ]
        m.d.comb += [
            residual.address.eq(lane_residual + self.kept_address),
            scratch.address.eq(self.kept_address),
            gains.address.eq(self.gain_address),
            rotations.address.eq(lane_rotation + self.rotation_address),
            Value.cast(self.residual).eq(residual.data),
            Value.cast(self.scratch).eq(scratch.data),
            Value.cast(self.gains).eq(gains.data),
            Value.cast(self.rotation).eq(rotations.data),
        ]
        self._write_residual(m, residual, lane_residual)
        loaded = Value.cast(self.load_data)
        for memory, kind, base in (
            (gains, VectorKind.GAINS, 0),
            (rotations, VectorKind.ROPE, lane_rotation),
        ):
            m.d.sync += [
                memory.load.enable.eq(self.load_valid & (self.kind == kind)),
                memory.load.address.eq(base + self.load_address),
                memory.load.data.eq(loaded),
            ]
        m.d.comb += [
            scratch.load.enable.eq(self.x_valid),
            scratch.load.address.eq(self.x_address),
            scratch.load.data.eq(Value.cast(self.x)),
        ]
        return m

    def _write_residual(self, m: Module, residual: Memory, lane_residual: Signal) -> None:
        """Sums or embedding codes, through a register."""
        config = self.config
        row = Signal(data.ArrayLayout(Shape(ELEMENT.width, signed=True), config.count))
        embeds = self.load_valid & (self.kind == VectorKind.EMBED)
        for place in range(config.count):
            embedded = self.load_data[place] << config.embedding_shift
            m.d.sync += row[place].eq(Mux(self.total_valid, self.total[place], embedded))
        m.d.sync += [
            residual.load.enable.eq(self.total_valid | embeds),
            residual.load.address.eq(
                lane_residual + Mux(self.total_valid, self.total_address, self.load_address)
            ),
        ]
        m.d.comb += residual.load.data.eq(Value.cast(row))
