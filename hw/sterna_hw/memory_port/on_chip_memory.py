"""A memory on the chip behind an AXI4 memory port: block memory with contents at start.

It stands where external memory would be, for a model that is small enough, and serves what
`read_port` and `write_port` ask for: incrementing bursts of whole 16-byte beats. Addresses begin at
zero. Reads and writes go side by side; what a write's response acknowledges is seen by every
read whose address comes later. Contents come from a file, so they can be exchanged without new
Verilog; no reset clears what was written.

Reads: a burst's first beat is on the data channel seven cycles after its address was taken, then
one beat a cycle; the next bursts' beats follow without a gap. A pipeline without enables reads the
memory, and a short queue with credits behind it lets RREADY stall. Writes: one burst after the
other, two cycles for itself and one a beat.

A burst that leaves the memory, begins within a beat or is of another kind is answered by SLVERR,
after as many beats as it asked for, and changes nothing. SLVERR also tells of a beat of which only
some bytes should be written and of a WLAST in the wrong place; from that beat on, nothing of its
burst is written. There are no identifiers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring

from ..banked_memory import BankedMemory, BankedMemoryConfig
from ..base import Cost, Device, Process, Step, Timing
from ..credit import delay
from ..memory import Memory, MemoryConfig
from ..memory_queue import MemoryQueueConfig
from ..stream_buffer import StreamBufferConfig
from .axi4 import (
    BEAT_BYTES,
    BEAT_WIDTH,
    BURST_INCREMENTING,
    OFFSET_WIDTH,
    SIZE_16_BYTES,
    read_signature,
    write_signature,
)

__all__ = ["OnChipMemory", "OnChipMemoryConfig"]

READ_LATENCY = 2
QUEUE_PLACES = 8
WAITING_PLACES = 2
BANK_ROWS = 2048
"""Rows of a bank: blocks of 18 Kbit waste least with nine bits of each row."""

SLAVE_ERROR = 0b10


@dataclass(frozen=True)
class OnChipMemoryConfig:
    """A memory of ``rows`` beats of 16 bytes.

    Parameters
    ----------
    name : :class:`str`
        Names the file of its contents.
    rows : :class:`int`
        16-byte rows, 2 or more.
    init : sequence of :class:`int`
        The first rows' contents; the others are zero.
    address_width : :class:`int`
        Bits of an address in bytes.

    Raises
    ------
    ValueError
        If a field breaks one of these rules, or there are more contents than rows.
    """

    name: str
    rows: int
    init: Sequence[int] = field(default=(), repr=False)
    address_width: int = 40

    def __post_init__(self) -> None:
        if self.rows < 2:
            raise ValueError(f"Rows must be 2 or more, not {self.rows!r}")
        if not 13 <= self.address_width <= 64 or self.bytes > 1 << self.address_width:
            raise ValueError(
                f"Address width must be within 13 to 64 and reach {self.bytes} bytes, "
                f"not {self.address_width!r}"
            )
        object.__setattr__(self, "init", tuple(int(row) for row in self.init))
        if len(self.init) > self.rows:
            raise ValueError(f"Contents must be at most {self.rows} rows, not {len(self.init)}")
        _ = self.memory  # it checks the name and the rows' width

    @property
    def bytes(self) -> int:
        return self.rows * BEAT_BYTES

    @cached_property
    def memory(self) -> MemoryConfig | BankedMemoryConfig:
        """The rows: one memory, or banks of it."""
        init = (*self.init, *(0 for _ in range(self.rows - len(self.init))))
        if self.rows <= BANK_ROWS:
            return MemoryConfig(self.name, self.rows, BEAT_WIDTH, init, "block", True, READ_LATENCY)
        return BankedMemoryConfig(
            self.name, self.rows, BEAT_WIDTH, init, "block", True, READ_LATENCY, BANK_ROWS
        )

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files that hold the contents, a bank each, in the order of the rows."""
        memory = self.memory
        banks = memory.banks if isinstance(memory, BankedMemoryConfig) else (memory,)
        return tuple(f"{bank.name}.hex" for bank in banks)

    @property
    def queue(self) -> MemoryQueueConfig:
        shape = data.StructLayout({"data": BEAT_WIDTH, "refused": 1, "last": 1})
        return MemoryQueueConfig(shape, QUEUE_PLACES)

    @property
    def burst(self) -> data.StructLayout:
        """An address as it waits."""
        return data.StructLayout({"address": self.address_width, "length": 8, "fits": 1})

    def compute(self, address: int, beats: int) -> list[int] | None:
        """What a read of the contents at start gives; None if it is refused."""
        first = address // BEAT_BYTES
        if address % BEAT_BYTES or first + beats > self.rows:
            return None
        rows = range(first, first + beats)
        return [self.init[row] if row < len(self.init) else 0 for row in rows]

    @property
    def read_latency(self) -> int:
        """Cycles from the transfer of a read's address to its first beat, while nothing waits."""
        return 3 + READ_LATENCY + self.queue.latency

    def timing(self, bursts: Sequence[int]) -> Timing:
        """Of reads of so many beats each, over and over: addresses are ``i``, beats ``o``."""
        accept = Step(take=("i", "waiting_places"), give=(("waiting", 1),))
        look = Step(take=("waiting", "looking"), give=(("seen", 1), ("waiting_places", 1)))
        offset = READ_LATENCY + self.queue.latency
        walk: list[Step] = []
        for beats in bursts:
            walk.append(Step(take=("seen",), give=(("looking", 0),)))
            if beats > 1:
                walk.append(Step(take=("places",), give=(("o", offset),), repeat=beats - 1))
            # The next burst begins its walk with the last beat of this one.
            walk.append(Step(0, take=("places",), give=(("o", offset),)))
        return Timing(
            ("i",),
            ("o",),
            (Process("accept", (accept,)), Process("look", (look,)), Process("walk", tuple(walk))),
            {"waiting_places": WAITING_PLACES, "looking": 1, "places": QUEUE_PLACES},
            {"o": "places"},
        )

    def write_cycles(self, beats: int) -> int:
        """Cycles from the transfer of a write's address to that of its response, its data there
        and BREADY high."""
        return 1 + beats

    def cost(self, device: Device) -> Cost:
        """Estimate: the rows, waiting addresses, the queue, and two walks through the rows."""
        waiting = StreamBufferConfig(self.burst, WAITING_PLACES).cost(device)
        bits = self.memory.address_width
        logic = Cost(lut=6 * bits + 60, ff=4 * bits + BEAT_WIDTH + 40)
        return self.memory.cost(device) + waiting + self.queue.cost(device) + logic

    @staticmethod
    def rows_in(device: Device, blocks: float) -> int:
        """How many rows so many of the device's block memories hold, by the estimate of `cost`."""
        kinds = [kind for kind in device.memories if kind.resource == "bram" and kind.initialised]

        def deepest(most: float) -> int:
            return max(
                int(most // (-(-BEAT_WIDTH // width) * kind.unit)) * depth
                for kind in kinds
                for depth, width in kind.shapes
            )

        bank = MemoryConfig("bank", BANK_ROWS, BEAT_WIDTH, None, "block", True).cost(device).bram
        banks, rest = divmod(max(blocks, 0), bank)
        return int(banks) * BANK_ROWS + min(deepest(rest), BANK_ROWS - 1)

    def create(self) -> OnChipMemory:
        return OnChipMemory(self)


class OnChipMemory(wiring.Component):
    """The memory: all signals of `read_signature` and `write_signature` by their names, seen from
    the memory."""

    def __init__(self, config: OnChipMemoryConfig) -> None:
        self.config = config
        width = config.address_width
        members = {**read_signature(width).members, **write_signature(width).members}
        super().__init__({name: member.flip() for name, member in members.items()})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.rows = rows = self.config.memory.create()
        self._read(m, rows)
        self._write(m, rows)
        return m

    def _is_served(self, address: Value, size: Value, burst: Value) -> Value:
        kind = (size == SIZE_16_BYTES) & (burst == BURST_INCREMENTING)
        return kind & ~address[:OFFSET_WIDTH].any()

    def _leaves(self, address: Value, length: Value) -> Value:
        """Whether a burst has a beat beyond the last row."""
        high = OFFSET_WIDTH + self.config.memory.address_width
        inside = address[OFFSET_WIDTH:high]
        return address[high:].any() | (inside + length >= self.config.rows)

    def _read(self, m: Module, rows: Memory | BankedMemory) -> None:
        config = self.config
        m.submodules.addresses = addresses = StreamBufferConfig(
            config.burst, WAITING_PLACES
        ).create()
        m.submodules.queue = queue = config.queue.create()
        m.d.comb += [
            addresses.i.payload.address.eq(self.araddr),
            addresses.i.payload.length.eq(self.arlen),
            addresses.i.payload.fits.eq(self._is_served(self.araddr, self.arsize, self.arburst)),
            addresses.i.valid.eq(self.arvalid),
            self.arready.eq(addresses.i.ready),
        ]
        # A burst is looked at, then walked through; the next one is looked at meanwhile.
        is_seen, is_walking, moves, ends = Signal(), Signal(), Signal(), Signal()
        row, left, refused = Signal(config.memory.address_width), Signal(8), Signal()
        next_row, next_left, next_refused = Signal.like(row), Signal.like(left), Signal()
        may_look = ~is_seen | moves
        m.d.comb += [
            ends.eq(queue.take & (left == 0)),
            moves.eq(is_seen & (~is_walking | ends)),
            addresses.o.ready.eq(may_look),
            queue.take.eq(is_walking & queue.available),
        ]
        burst = addresses.o.payload
        with m.If(may_look):
            m.d.sync += [
                is_seen.eq(addresses.o.valid),
                next_row.eq(burst.address[OFFSET_WIDTH:]),
                next_left.eq(burst.length),
                next_refused.eq(~burst.fits | self._leaves(burst.address, burst.length)),
            ]
        with m.If(moves):
            m.d.sync += [
                is_walking.eq(1),
                row.eq(next_row),
                left.eq(next_left),
                refused.eq(next_refused),
            ]
        with m.Elif(queue.take):
            m.d.sync += [is_walking.eq(~ends), row.eq(row + 1), left.eq(left - 1)]
        m.d.comb += [
            rows.address.eq(row),
            queue.push.eq(delay(m, queue.take, READ_LATENCY, reset_less=False)),
            queue.result.data.eq(rows.data),
            queue.result.refused.eq(delay(m, refused, READ_LATENCY)),
            queue.result.last.eq(delay(m, ends, READ_LATENCY)),
            self.rvalid.eq(queue.o.valid),
            queue.o.ready.eq(self.rready),
            self.rdata.eq(queue.o.payload.data),
            self.rresp.eq(Mux(queue.o.payload.refused, SLAVE_ERROR, 0)),
            self.rlast.eq(queue.o.payload.last),
        ]

    def _write(self, m: Module, rows: Memory | BankedMemory) -> None:
        row, left, failed = Signal(self.config.memory.address_width), Signal(8), Signal()
        is_idle, is_writing = Signal(init=1), Signal()
        m.d.comb += [
            self.awready.eq(is_idle),
            self.wready.eq(is_writing),
            self.bresp.eq(Mux(failed, SLAVE_ERROR, 0)),
        ]
        m.d.sync += rows.load.enable.eq(0)
        with m.If(is_idle):
            served = self._is_served(self.awaddr, self.awsize, self.awburst)
            m.d.sync += [
                row.eq(self.awaddr[OFFSET_WIDTH:]),
                left.eq(self.awlen),
                failed.eq(~served | self._leaves(self.awaddr, self.awlen)),
                is_idle.eq(~self.awvalid),
                is_writing.eq(self.awvalid),
            ]
        with m.Elif(is_writing & self.wvalid):
            ends = left == 0
            wrong = ~self.wstrb.all() | (self.wlast != ends)
            m.d.sync += [
                rows.load.enable.eq(~failed & ~wrong),
                rows.load.address.eq(row),
                rows.load.data.eq(self.wdata),
                row.eq(row + 1),
                left.eq(left - 1),
                failed.eq(failed | wrong),
                is_writing.eq(~ends),
                self.bvalid.eq(ends),
            ]
        with m.Elif(self.bvalid & self.bready):
            m.d.sync += [self.bvalid.eq(0), is_idle.eq(1)]
