"""The sequencer: a program, the fetcher that runs ahead in it and the executor that follows.

Both walk through the same program, each with a reader of its own, and get the same passes in the
same order. The fetcher is the earlier of the two at all times but for two meetings: tokens come to
it when they are known, and the executor tells it when a layer's keys and values are in memory.
Passes that are known beforehand (those of a prompt) may be given while others are at work: the
fetcher goes on to the next pass as soon as it has asked for the last word of one.

``halt`` keeps both from asking for anything more: passes are not given to them and commands of the
fetcher are withdrawn. What has been asked for by then comes in; a reset of the sequencer and of all
units makes a fresh start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..memory import load_signature
from ..stream_buffer import StreamBufferConfig
from .executor import Executor, ExecutorConfig
from .fetcher import Fetcher, FetcherConfig
from .instruction import INSTRUCTION_WIDTH
from .program_reader import ProgramReader, ProgramReaderConfig

__all__ = ["Sequencer", "SequencerConfig", "attach_reader"]

_UNITS = ("vector", "matrix", "drain", "attention", "cache")


@dataclass(frozen=True)
class SequencerConfig:
    """A sequencer.

    Parameters
    ----------
    executor : :class:`ExecutorConfig`
        Sizes of the units.
    vocabulary : :class:`int`
        Largest number of tokens.
    program : sequence of :class:`int`
        What the program memory holds after configuration.
    """

    executor: ExecutorConfig
    vocabulary: int
    program: Sequence[int] = field(default=(), repr=False)

    @property
    def fetcher(self) -> FetcherConfig:
        return FetcherConfig(
            self.executor.lanes,
            self.executor.ports,
            self.executor.context,
            self.vocabulary,
            self.executor.depth,
            self.executor.address_width,
        )

    @property
    def reader(self) -> ProgramReaderConfig:
        return ProgramReaderConfig(self.executor.depth, self.program)

    def cost(self, device: Device) -> Cost:
        """Estimate: the sum of the parts, and queues of passes and tokens."""
        readers = self.reader.cost(device) * 2
        return readers + self.fetcher.cost(device) + self.executor.cost(device) + Cost(60, 150)

    def create(self) -> Sequencer:
        return Sequencer(self)


class Sequencer(wiring.Component):
    """The sequencer.

    Attributes
    ----------
    passes, tokens
        As of `sterna_hw.decoder.fetcher.Fetcher`; passes go to the executor as well.
    command, route
        The fetcher's transfers.
    vector, matrix, drain, attention, cache
        The executor's commands.
    units_idle, cache_idle, memory_words : in
        As of the executor.
    load : in
        Writes the program, while idle.
    halt : in
        Nothing new is asked for.
    finished : out
        High for a cycle when a pass is done.
    illegal, past_end, range_error, operand_error : out
        What a program did wrong, until reset.
    place, layer : out
        Where the error was, or where the executor is.
    moved : out
        High for a cycle whenever the sequencer got on: the watchdog's food.
    """

    passes: stream.Interface
    tokens: stream.Interface
    command: stream.Interface
    route: stream.Interface
    units_idle: Signal
    cache_idle: Signal
    memory_words: Signal
    load: wiring.PureInterface
    halt: Signal
    finished: Signal
    illegal: Signal
    past_end: Signal
    range_error: Signal
    operand_error: Signal
    place: Signal
    layer: Signal
    moved: Signal

    def __init__(self, config: SequencerConfig) -> None:
        self.config = config
        executor, fetcher = config.executor.members, config.fetcher.members
        super().__init__(
            {
                "passes": fetcher["passes"],
                "tokens": fetcher["tokens"],
                "command": fetcher["command"],
                "route": fetcher["route"],
                **{name: executor[name] for name in _UNITS},
                "units_idle": In(1),
                "cache_idle": In(1),
                "memory_words": executor["memory_words"],
                "load": In(load_signature(config.executor.depth, INSTRUCTION_WIDTH)),
                "halt": In(1),
                "finished": Out(1),
                "illegal": Out(1),
                "past_end": Out(1),
                "range_error": Out(1),
                "operand_error": Out(1),
                "place": Out(range(config.executor.depth + 1)),
                "layer": executor["layer"],
                "moved": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.fetcher = fetcher = config.fetcher.create()
        m.submodules.executor = executor = config.executor.create()
        m.submodules.fetch_reader = fetch_reader = config.reader.create()
        m.submodules.work_reader = work_reader = config.reader.create()
        queues = []
        for name, reader, user in (
            ("fetch_passes", fetch_reader, fetcher),
            ("work_passes", work_reader, executor),
        ):
            m.submodules[name] = queue = StreamBufferConfig(self.passes.payload.shape()).create()
            queues.append(queue)
            attach_reader(m, reader, queue.o, user, self.halt)
            m.d.comb += [
                queue.i.payload.eq(self.passes.payload),
                reader.load.enable.eq(self.load.enable),
                reader.load.address.eq(self.load.address),
                reader.load.data.eq(self.load.data),
            ]
        m.submodules.tokens = tokens = StreamBufferConfig(
            self.tokens.payload.shape(), config.executor.lanes + 1
        ).create()
        wiring.connect(m, wiring.flipped(self.tokens), tokens.i)
        wiring.connect(m, tokens.o, fetcher.tokens)

        # A pass goes to both at once.
        both_ready = queues[0].i.ready & queues[1].i.ready
        m.d.comb += self.passes.ready.eq(both_ready)
        for queue in queues:
            m.d.comb += queue.i.valid.eq(self.passes.valid & both_ready)

        for name in _UNITS:
            wiring.connect(m, getattr(executor, name), wiring.flipped(getattr(self, name)))
        wiring.connect(m, fetcher.route, wiring.flipped(self.route))
        m.d.comb += [
            self.command.payload.eq(fetcher.command.payload),
            self.command.valid.eq(fetcher.command.valid & ~self.halt),
            fetcher.command.ready.eq(self.command.ready & ~self.halt),
            fetcher.release.eq(executor.release),
            fetcher.memory_words.eq(self.memory_words),
            executor.memory_words.eq(self.memory_words),
            executor.units_idle.eq(self.units_idle),
            executor.cache_idle.eq(self.cache_idle),
            self.finished.eq(executor.finished),
        ]
        self._errors(m, fetcher, executor, fetch_reader, work_reader)
        return m

    def _errors(
        self,
        m: Module,
        fetcher: Fetcher,
        executor: Executor,
        fetch_reader: ProgramReader,
        work_reader: ProgramReader,
    ) -> None:
        """Errors with the place of whoever met them first; the fetcher usually does."""
        m.d.comb += [
            self.illegal.eq(fetch_reader.illegal | work_reader.illegal),
            self.past_end.eq(fetch_reader.past_end | work_reader.past_end),
            self.range_error.eq(fetcher.range_error),
            self.operand_error.eq(executor.operand_error),
        ]
        with m.If(fetch_reader.illegal | fetch_reader.past_end):
            m.d.sync += [self.place.eq(fetch_reader.place), self.layer.eq(0)]
        with m.Elif(fetcher.range_error):
            m.d.sync += [self.place.eq(fetcher.place), self.layer.eq(fetcher.layer)]
        with m.Elif(work_reader.illegal | work_reader.past_end):
            m.d.sync += [self.place.eq(work_reader.place), self.layer.eq(0)]
        with m.Else():
            m.d.sync += [self.place.eq(executor.place), self.layer.eq(executor.layer)]
        m.d.sync += self.moved.eq(
            (self.command.valid & self.command.ready)
            | (executor.work.valid & executor.work.ready)
            | (self.vector.valid & self.vector.ready)
        )


def attach_reader(
    m: Module,
    reader: ProgramReader,
    passes: stream.Interface,
    user: Fetcher | Executor,
    halt: Signal,
) -> None:
    """Gives passes to a reader and the user of its instructions: the reader starts when a pass is
    there, once, and the pass leaves when the user is through with it."""
    started = Signal(name=f"{type(user).__name__.lower()}_started")
    wiring.connect(m, reader.o, user.work)
    m.d.comb += [
        reader.result.eq(passes.payload.result),
        reader.start.eq(passes.valid & reader.idle & ~started & ~halt),
        user.passes.payload.eq(passes.payload),
        user.passes.valid.eq(passes.valid),
        passes.ready.eq(user.passes.ready),
    ]
    with m.If(reader.start):
        m.d.sync += started.eq(1)
    with m.Elif(passes.valid & passes.ready):
        m.d.sync += started.eq(0)
