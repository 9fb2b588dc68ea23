"""Several AXI4 read ports that together give one stream of wide words, in order, read ahead.

Word k of a transfer is the 16 bytes at ``address + 16 k`` of every port's own region, port 0 in the
low bits; where each region lies is an input, so software may put it anywhere (at a multiple of
4 KB, which lets all ports share one splitter of bursts). Commands are taken ahead of consumption.
Each port runs on its own as far as its prefetch memory has room, so ports may drift apart by that
much; a word is fetched from all memories at once when each one has it, and leaves through a short
queue. So the stream moves one word a cycle for as long as memory does.

Commands with no words or an address that is no multiple of 16 are dropped; they set ``error``, as
do answers that AXI4 does not allow or that report a failure. It stays until reset. Latency from a
command to ``ARVALID``: six cycles; from a word's last ``RVALID`` to ``o``: six. `timing` is exact
under a memory of fixed latency that is always ready.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device, IntegerRange, Process, Step, Timing
from ..beat import beat_layout, beat_signature
from ..credit import delay
from ..memory import MemoryConfig, MemoryStyle
from ..memory_queue import MemoryQueueConfig
from ..stream_buffer import StreamBufferConfig
from .axi4 import BEAT_WIDTH, OFFSET_WIDTH, read_signature
from .bursts import BurstSplitterConfig
from .read_port import ReadPort

__all__ = [
    "ADDRESS_CYCLES",
    "BURST_PLACES",
    "COMMAND_CYCLES",
    "ISSUE_CYCLES",
    "QUEUE_PLACES",
    "ROOM_CYCLES",
    "SLOT_CYCLES",
    "SPLIT_CYCLES",
    "STORED_CYCLES",
    "ReadGroup",
    "ReadGroupConfig",
]

BURST_PLACES = 4
READ_LATENCY = 2
QUEUE_PLACES = 8

COMMAND_CYCLES = 1
"""From a command's acceptance until it can be split."""

SPLIT_CYCLES = 2
"""From a command to its first burst, and from one burst to the next."""

ISSUE_CYCLES = 2
"""From a burst to its issue, and from one issue to the next."""

ADDRESS_CYCLES = 1
"""From the issue of a burst to its address."""

STORED_CYCLES = 2
"""From a beat's arrival until its word may be fetched."""

ROOM_CYCLES = 2
"""From the fetching of a word to an issue that waited for its place, and to the splitting of a
command that waited for the end of the word's command."""

SLOT_CYCLES = 3
"""From a burst's last beat to an issue that waited for it."""


@dataclass(frozen=True)
class ReadGroupConfig:
    """The group.

    Parameters
    ----------
    ports : :class:`int`
        Read ports, 1 to 16.
    address_width : :class:`int`
        Bits of an address in bytes.
    words_width : :class:`int`
        Bits of a command's number of words.
    burst_beats : :class:`int`
        Beats of a full burst, a power of two from 2 to 256.
    fifo_words : :class:`int`
        Rows of each port's prefetch memory; at least a full burst.
    outstanding : :class:`int`
        Bursts of a port that may be under way.
    commands : :class:`int`
        Commands that wait, and again as many that are under way.
    style, name
        Kind of the prefetch memories and the beginning of their names.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    ports: int
    address_width: int = 40
    words_width: int = 24
    burst_beats: int = 64
    fifo_words: int = 512
    outstanding: int = 8
    commands: int = 16
    style: MemoryStyle = "block"
    name: str = "prefetch"

    def __post_init__(self) -> None:
        if not 1 <= self.ports <= 16:
            raise ValueError(f"Ports must be within 1 to 16, not {self.ports!r}")
        for subject in ("outstanding", "commands"):
            value = getattr(self, subject)
            if value < 1:
                raise ValueError(f"{subject.capitalize()} must be 1 or more, not {value!r}")
        _ = self.splitter  # it validates itself
        if self.fifo_words < self.burst_beats:
            raise ValueError(
                f"Fifo words must be at least the {self.burst_beats} of a burst, "
                f"not {self.fifo_words!r}"
            )

    @property
    def word_bytes(self) -> int:
        return self.ports * BEAT_WIDTH // 8

    @property
    def output_range(self) -> IntegerRange:
        """Of an element of ``o``: the 16 bytes of a port as one number."""
        return IntegerRange.of_width(BEAT_WIDTH, signed=False)

    @property
    def splitter(self) -> BurstSplitterConfig:
        return BurstSplitterConfig(self.address_width, self.words_width, self.burst_beats)

    @property
    def queue(self) -> MemoryQueueConfig:
        return MemoryQueueConfig(beat_layout(self.output_range, self.ports), QUEUE_PLACES)

    @property
    def fetch_latency(self) -> int:
        """Cycles from the fetching of a word to its offer."""
        return READ_LATENCY + self.queue.latency

    def memory(self, port: int) -> MemoryConfig:
        """The prefetch memory of a port."""
        name = f"{self.name}_{port}"
        return MemoryConfig(name, self.fifo_words, BEAT_WIDTH, None, self.style, True, READ_LATENCY)

    def timing(self, commands: Sequence[tuple[int, int]], memory_latency: int) -> Timing:
        """Of these (address, words), over and over, under an ideal memory.

        ``memory_latency`` is the number of cycles from the transfer of an address to the first beat
        of its data, 1 or more; beats then follow each other, those of the next burst too. The input
        port of the result is ``command``, its output port ``o``.
        """
        split: list[Step] = []
        issue: list[Step] = []
        answer: list[Step] = []
        fetch: list[Step] = []
        for address, words in commands:
            split.append(
                Step(SPLIT_CYCLES, take=("queued", "length"), give=(("command_places", 1),))
            )
            bursts = [beats for _, beats in self.splitter.split(address, words)]
            for number, beats in enumerate(bursts):
                is_last = number == len(bursts) - 1
                cycles = 1 if is_last else SPLIT_CYCLES
                split.append(Step(cycles, take=("room",), give=(("burst", ISSUE_CYCLES),)))
                # A step takes one token of a channel: all places but the last are taken before.
                if beats > 1:
                    issue.append(Step(0, take=("space",), repeat=beats - 1))
                gives = (("room", 1), ("address", ADDRESS_CYCLES + memory_latency))
                issue.append(Step(ISSUE_CYCLES, take=("burst", "slot", "space"), give=gives))
                for beat in range(beats):
                    take = ("address",) if beat == 0 else ()
                    freed = (("slot", SLOT_CYCLES),) if beat == beats - 1 else ()
                    answer.append(Step(take=take, give=(("stored", STORED_CYCLES), *freed)))
            gives = (("space", ROOM_CYCLES), ("o", self.fetch_latency))
            length = ("length", ROOM_CYCLES)
            fetch.append(Step(take=("stored", "places"), give=(length, *gives)))
            if words > 1:
                fetch.append(Step(take=("stored", "places"), give=gives, repeat=words - 1))
        accept = Step(take=("command", "command_places"), give=(("queued", COMMAND_CYCLES),))
        return Timing(
            ("command",),
            ("o",),
            (
                Process("accept", (accept,)),
                Process("split", tuple(split)),
                Process("issue", tuple(issue)),
                Process("answer", tuple(answer)),
                Process("fetch", tuple(fetch)),
            ),
            {
                "command_places": self.commands,
                "length": self.commands,
                "room": BURST_PLACES,
                "slot": self.outstanding,
                "space": self.fifo_words,
                "places": QUEUE_PLACES,
            },
            {"o": "places"},
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: per port the prefetch memory, registers of both channels, counters and queues;
        for all of them the splitter, the commands and the output queue."""
        burst = StreamBufferConfig(self.splitter.burst, BURST_PLACES).cost(device)
        lengths = StreamBufferConfig(8, self.outstanding).cost(device)
        bits = self.fifo_words.bit_length()
        logic = Cost(lut=5 * bits + 60, ff=2 * self.address_width + BEAT_WIDTH + 3 * bits + 40)
        port = self.memory(0).cost(device) + burst + lengths + logic
        commands = StreamBufferConfig(self.splitter.command, self.commands).cost(device)
        words = StreamBufferConfig(self.words_width, self.commands).cost(device)
        counter = Cost(lut=2 * self.words_width, ff=self.words_width + 20)
        shared = self.splitter.cost(device) + commands + words + counter
        return port * self.ports + shared + self.queue.cost(device)

    def create(self) -> ReadGroup:
        return ReadGroup(self)


class ReadGroup(wiring.Component):
    """The group.

    Attributes
    ----------
    command : stream of `command_layout`, in
    base : in, for each port
        Where its region begins: a multiple of 4096 that stays while commands are under way.
    memory : AXI4 read interface for each port
    o : stream of words, out
        Element p is port p's 16 bytes; ``last`` with the last word of a command.
    idle : out
        No word of an accepted command is still to be fetched.
    error : out
    """

    command: stream.Interface
    base: list[Signal]
    memory: list
    o: stream.Interface
    idle: Signal
    error: Signal

    def __init__(self, config: ReadGroupConfig) -> None:
        self.config = config
        super().__init__(
            {
                "command": In(stream.Signature(config.splitter.command)),
                "base": In(config.address_width).array(config.ports),
                "memory": Out(read_signature(config.address_width)).array(config.ports),
                "o": Out(beat_signature(config.output_range, config.ports)),
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
        m.submodules.lengths = lengths = StreamBufferConfig(
            config.words_width, config.commands
        ).create()
        m.submodules.splitter = splitter = config.splitter.create()
        wiring.connect(m, commands.i, wiring.flipped(self.command))
        command = commands.o.payload
        fits, moves = Signal(), Signal()
        m.d.comb += [
            fits.eq(command.words.any() & ~command.address[:OFFSET_WIDTH].any()),
            moves.eq(commands.o.valid & splitter.i.ready & lengths.i.ready),
            commands.o.ready.eq(splitter.i.ready & lengths.i.ready),
            splitter.i.payload.eq(command),
            splitter.i.valid.eq(moves & fits),
            lengths.i.payload.eq(command.words),
            lengths.i.valid.eq(moves & fits),
        ]

        ports = [ReadPort(config, number) for number in range(config.ports)]
        queues = [StreamBufferConfig(config.splitter.burst, BURST_PLACES).create() for _ in ports]
        have_room = Cat(queue.i.ready for queue in queues).all()
        m.d.comb += splitter.o.ready.eq(have_room)
        for number, (port, queue) in enumerate(zip(ports, queues)):
            m.submodules[f"port{number}"] = port
            m.submodules[f"bursts{number}"] = queue
            m.d.comb += [
                queue.i.payload.eq(splitter.o.payload),
                queue.i.valid.eq(splitter.o.valid & have_room),
                port.base.eq(self.base[number]),
            ]
            wiring.connect(m, port.bursts, queue.o)
            wiring.connect(m, wiring.flipped(self.memory[number]), port.memory)

        is_counting = self._fetch(m, ports, lengths)
        m.d.sync += [
            self.error.eq(self.error | Cat(p.error for p in ports).any() | (moves & ~fits)),
            self.idle.eq(
                ~(self.command.valid | commands.o.valid | lengths.o.valid | is_counting)
                & splitter.i.ready
            ),
        ]
        return m

    def _fetch(self, m: Module, ports: list[ReadPort], lengths: wiring.Component) -> Signal:
        """One word from every port at once; marks the last one of each command."""
        config = self.config
        m.submodules.queue = queue = config.queue.create()
        wiring.connect(m, wiring.flipped(self.o), queue.o)
        fetch, row = Signal(), Signal(range(config.fifo_words))
        m.d.comb += [
            fetch.eq(Cat(port.is_stored for port in ports).all() & queue.available),
            queue.take.eq(fetch),
            queue.push.eq(delay(m, fetch, READ_LATENCY, reset_less=False)),
        ]
        with m.If(fetch):
            m.d.sync += row.eq(Mux(row == config.fifo_words - 1, 0, row + 1))
        for number, port in enumerate(ports):
            m.d.comb += [
                port.fetch.eq(fetch),
                port.row.eq(row),
                queue.result.data[number].eq(port.data),
            ]
        # Counting goes on while the memories are read: the mark is not needed before.
        fetched = delay(m, fetch, 1, reset_less=False)
        left, is_counting = Signal(config.words_width), Signal()
        current, is_last = Signal(config.words_width), Signal()
        m.d.comb += [
            current.eq(Mux(is_counting, left, lengths.o.payload)),
            is_last.eq(current == 1),
            lengths.o.ready.eq(fetched & ~is_counting),
            queue.result.last.eq(delay(m, is_last, READ_LATENCY - 1)),
        ]
        with m.If(fetched):
            m.d.sync += [left.eq(current - 1), is_counting.eq(~is_last)]
        return is_counting
