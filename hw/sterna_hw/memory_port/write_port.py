"""Writes short runs of 16-byte words to one of several AXI4 ports, and knows when all are there.

A command names a port, an address and a number of words, whose data follow on a stream of their
own. Transfers are cut into bursts like reads (`bursts`); one burst after the other goes to its
port's address and data channel, without waiting for the responses, which are counted: ``idle`` says
that every word of every command has been acknowledged, so a read that starts then sees them.

It is made for what a decoder writes, which is little beside what it reads: one burst after the
other, each with two cycles for itself (`cycles`). Commands with no words or a crooked address are
dropped; they set ``error``, as do responses other than OKAY and a ``last`` of the data that is not
the last word of a command. It stays until reset. Reset while bursts are under way leaves answers to
come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..stream_buffer import StreamBufferConfig
from .axi4 import BEAT_WIDTH, BURST_INCREMENTING, OFFSET_WIDTH, SIZE_16_BYTES, write_signature
from .bursts import BurstSplitterConfig

__all__ = ["WRITTEN_CYCLES", "WritePort", "WritePortConfig"]

WRITTEN_CYCLES = 3
"""From the response to the last burst until ``idle``."""

_BEGIN_CYCLES = 5
_BETWEEN_CYCLES = 2


@dataclass(frozen=True)
class WritePortConfig:
    """The writer.

    Parameters
    ----------
    ports : :class:`int`
        Ports to choose from, 1 to 16.
    address_width, words_width : :class:`int`
        Bits of an address in bytes and of a command's number of words.
    burst_beats : :class:`int`
        Beats of a full burst, a power of two from 2 to 256.
    outstanding : :class:`int`
        Bursts that may be unacknowledged, over all ports.
    commands : :class:`int`
        Commands that wait.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    ports: int
    address_width: int = 40
    words_width: int = 12
    burst_beats: int = 16
    outstanding: int = 8
    commands: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.ports <= 16:
            raise ValueError(f"Ports must be within 1 to 16, not {self.ports!r}")
        for subject in ("outstanding", "commands"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        _ = self.splitter  # it validates itself

    @property
    def splitter(self) -> BurstSplitterConfig:
        return BurstSplitterConfig(
            self.address_width, self.words_width, self.burst_beats, self.ports
        )

    @property
    def data_layout(self) -> data.StructLayout:
        """A word of the stream ``data``; ``last`` with the last one of a command."""
        return data.StructLayout({"data": BEAT_WIDTH, "last": 1})

    def cycles(self, commands: Sequence[tuple[int, int]], memory_latency: int) -> int:
        """Cycles from the acceptance of the first of these (address, words) to ``idle``.

        All commands and data are there from the start; the memory is always ready and acknowledges
        a burst ``memory_latency`` cycles after its last word. Holds while no burst waits for
        acknowledgements (``outstanding`` is not reached).
        """
        bursts = [beats for command in commands for _, beats in self.splitter.split(*command)]
        return round(self.channel_cycles(bursts)[-1]) + memory_latency + WRITTEN_CYCLES

    def channel_cycles(
        self, bursts: Sequence[int], offered: Callable[[int], float] | None = None
    ) -> list[float]:
        """Cycles from a command's acceptance until the last word of each of its bursts is on the
        data channel; ``bursts`` are their beats.

        All words are there from the start, unless ``offered(number)`` gives the cycle in which
        a word is offered. Memory is always ready, and the condition of `cycles` holds.
        """
        ends: list[float] = []
        moves, number = float(_BEGIN_CYCLES), 0
        for beats in bursts:
            for _ in range(beats):
                if offered is not None:
                    moves = max(moves, offered(number) + 1)
                moves, number = moves + 1, number + 1
            ends.append(moves)
            moves += _BETWEEN_CYCLES
        return ends

    def cost(self, device: Device) -> Cost:
        """Estimate: the queues, the splitter, and the registers that all ports share."""
        commands = StreamBufferConfig(self.splitter.command, self.commands).cost(device)
        words = StreamBufferConfig(self.data_layout, 2).cost(device)
        bases = Cost(lut=self.address_width * (1 + self.ports // 4))
        logic = Cost(lut=40 + 4 * self.ports, ff=BEAT_WIDTH + self.address_width + 40)
        return self.splitter.cost(device) + commands + words + bases + logic

    def create(self) -> WritePort:
        return WritePort(self)


class WritePort(wiring.Component):
    """The writer.

    Attributes
    ----------
    command : stream of `command_layout`, in
    data : stream of `WritePortConfig.data_layout`, in
    base : in, for each port
        Where its region begins: a multiple of 4096 that stays while commands are under way.
    memory : AXI4 write interface for each port
    idle : out
        Every word of every accepted command has been acknowledged.
    error : out
    """

    command: stream.Interface
    data: stream.Interface
    base: list[Signal]
    memory: list
    idle: Signal
    error: Signal

    def __init__(self, config: WritePortConfig) -> None:
        self.config = config
        super().__init__(
            {
                "command": In(stream.Signature(config.splitter.command)),
                "data": In(stream.Signature(config.data_layout)),
                "base": In(config.address_width).array(config.ports),
                "memory": Out(write_signature(config.address_width)).array(config.ports),
                "idle": Out(1, init=1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.commands = commands = StreamBufferConfig(
            config.splitter.command, config.commands
        ).create()
        m.submodules.words = words = StreamBufferConfig(config.data_layout, 2).create()
        m.submodules.splitter = splitter = config.splitter.create()
        wiring.connect(m, commands.i, wiring.flipped(self.command))
        wiring.connect(m, words.i, wiring.flipped(self.data))
        command = commands.o.payload
        fits = command.words.any() & ~command.address[:OFFSET_WIDTH].any()
        m.d.comb += [
            commands.o.ready.eq(splitter.i.ready),
            splitter.i.payload.eq(command),
            splitter.i.valid.eq(commands.o.valid & fits),
        ]
        starts = Signal()
        rests, failed = self._acknowledge(m, starts)
        misplaced = self._write(m, splitter.o, words.o, starts, rests)
        busy = self.command.valid | commands.o.valid | ~splitter.i.ready | ~rests["all"]
        dropped = commands.o.valid & splitter.i.ready & ~fits
        m.d.sync += [
            self.idle.eq(~busy),
            self.error.eq(self.error | failed | misplaced | dropped),
        ]
        return m

    def _write(
        self,
        m: Module,
        bursts: stream.Interface,
        words: stream.Interface,
        starts: Signal,
        rests: dict[str, Value],
    ) -> Value:
        """Address and data channels: registers that all ports share but for their ``valid``."""
        config = self.config
        ports = range(config.ports)
        chosen = Signal(config.ports)
        address, length, is_last = Signal(config.address_width), Signal(8), Signal()
        asks, gives, gives_last = Signal(config.ports), Signal(config.ports), Signal()
        word = Signal(BEAT_WIDTH, reset_less=True)
        left, is_writing, is_preparing = Signal(9), Signal(), Signal()
        # A burst is done when its last word and its address are with the memory.
        address_waits, word_waits = Signal(), Signal()
        m.d.comb += [
            address_waits.eq((asks & ~Cat(self.memory[p].awready for p in ports)).any()),
            word_waits.eq((gives & ~Cat(self.memory[p].wready for p in ports)).any()),
            starts.eq(
                bursts.valid
                & rests["slot"]
                & ~is_writing
                & ~is_preparing
                & ~address_waits
                & ~word_waits
            ),
            bursts.ready.eq(starts),
            words.ready.eq(is_writing & ~word_waits),
        ]
        number = bursts.payload.port
        with m.If(starts):
            m.d.sync += [
                address.eq(Array(self.base)[number] + bursts.payload.address),
                length.eq(bursts.payload.length),
                left.eq(bursts.payload.length),
                is_last.eq(bursts.payload.last),
                chosen.eq(Cat(number == port for port in ports)),
            ]
        m.d.sync += is_preparing.eq(starts)
        with m.If(is_preparing):
            m.d.sync += [asks.eq(chosen), is_writing.eq(1)]
        with m.Elif(~address_waits):
            m.d.sync += asks.eq(0)
        moves, ends = Signal(), Signal()
        m.d.comb += [moves.eq(words.valid & words.ready), ends.eq(left == 0)]
        with m.If(~word_waits):
            m.d.sync += [
                gives.eq(Mux(moves, chosen, 0)),
                gives_last.eq(ends),
                word.eq(words.payload.data),
            ]
        with m.If(moves):
            m.d.sync += left.eq(left - 1)
            with m.If(ends):
                m.d.sync += is_writing.eq(0)
        for port in ports:
            axi = self.memory[port]
            m.d.comb += [
                axi.awaddr.eq(address),
                axi.awlen.eq(length),
                axi.awsize.eq(SIZE_16_BYTES),
                axi.awburst.eq(BURST_INCREMENTING),
                axi.awvalid.eq(asks[port]),
                axi.wdata.eq(word),
                axi.wstrb.eq(~0),
                axi.wlast.eq(gives_last),
                axi.wvalid.eq(gives[port]),
                axi.bready.eq(1),
            ]
        return moves & (words.payload.last != (ends & is_last))

    def _acknowledge(self, m: Module, starts: Signal) -> tuple[dict[str, Value], Value]:
        """Counts unacknowledged bursts; whether there are none, and whether there may be more."""
        config = self.config
        arrived, failures = Signal(config.ports), Signal(config.ports)
        for port in range(config.ports):
            axi = self.memory[port]
            m.d.sync += [
                arrived[port].eq(axi.bvalid),
                failures[port].eq(axi.bvalid & (axi.bresp != 0)),
            ]
        most = max(config.outstanding, config.ports)
        pending = Signal(range(most + 1))
        total = Signal(range(2 * most + 1))
        m.d.comb += total.eq(pending + starts - sum(arrived[port] for port in range(config.ports)))
        m.d.sync += pending.eq(total)
        rests = {"all": pending == 0, "slot": pending < config.outstanding}
        return rests, failures.any()
