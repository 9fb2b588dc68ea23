"""The decoder without its registers: sequencer, units and memory ports, wired together.

Words come in through the read group in the order in which the fetcher asked for them and are handed
to the unit that needs them: the vector unit (embedding, rotations, gains, constants), the trit
stream (matrices, on their way to the engine), the attention unit (cache and head), or the header
check. The engine's sums are drained to the vector unit, whose codes go to the engine's buffer, to
the attention unit or to the cache writer and from there to memory. The executor tells all of them
what to do.

All units are sized by one `DecoderCoreConfig`, from a decoder's sizes and what the hardware is
given. What comes out is the best logits of each pass that has a result. `compute` is not here: what
a pass means is told by `docs/numerics.md`, section "Decoders", and each unit's part of it by the
unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..memory import load_signature
from ..memory_port.axi4 import read_signature, write_signature
from .attention_command import logit_layout
from .core_sizes import DecoderCoreSizes
from .header_check import HeaderCheckConfig
from .instruction import INSTRUCTION_WIDTH
from .vector_command import scale_layout
from .word_router import WordRouterConfig

__all__ = ["CORE_ERRORS", "DecoderCore", "DecoderCoreConfig"]

CORE_ERRORS = (
    "illegal_instruction",
    "program_end",
    "operand",
    "memory_range",
    "image_header",
    "read_response",
    "write_response",
    "matrix_end",
)
"""Outputs that stay high once something went wrong; names as in the error register."""


@dataclass(frozen=True)
class DecoderCoreConfig(DecoderCoreSizes):
    """Its fields are those of `DecoderCoreSizes`."""

    def costs(self, device: Device) -> dict[str, Cost]:
        """Estimates by unit."""
        return {
            "sequencer": self.sequencer.cost(device),
            "matmul": self.matmul.cost(device),
            "trits": self.trits.cost(device),
            "vector": self.vector.cost(device),
            "attention": self.attention.cost(device),
            "cache": self.cache.cost(device),
            "reads": self.reads.cost(device),
            "writes": self.writes.cost(device),
            "routers": self.codes.cost(device)
            + WordRouterConfig(self.ports).cost(device)
            + self.routes.cost(device),
        }

    def cost(self, device: Device) -> Cost:
        """Estimate: the plain sum."""
        return sum(self.costs(device).values(), start=Cost())

    def create(self) -> DecoderCore:
        return DecoderCore(self)


class DecoderCore(wiring.Component):
    """The core.

    Attributes
    ----------
    passes, tokens : streams, in
        As of the sequencer.
    load : in
        Writes the program, while idle.
    halt : in
        Nothing new is asked for.
    memory_words, model_hash : in
    base : in, for each port
    read, write : AXI4 interfaces for each port
    best : stream of `logit_layout`, out
        Of each result, best first.
    logits : out, `logit_layout` with ``valid``
        Every logit of a result, for checks.
    scale : out
        Norm scale of the latest result's vector.
    finished : out
    place, layer : out
    moved : out
        Something got on in the sequencer or between memory and units.
    word_taken, word_waits : out
        A memory word was given to a unit; one waits for its unit.
    matrix_busy, vector_busy, attention_busy : out
    CORE_ERRORS : out, by name
    """

    passes: stream.Interface
    tokens: stream.Interface
    load: wiring.PureInterface
    halt: Signal
    memory_words: Signal
    model_hash: Signal
    base: list[Signal]
    read: list
    write: list
    best: stream.Interface
    logits: data.View
    scale: data.View
    finished: Signal
    place: Signal
    layer: Signal
    moved: Signal
    word_taken: Signal
    word_waits: Signal
    matrix_busy: Signal
    vector_busy: Signal
    attention_busy: Signal

    def __init__(self, config: DecoderCoreConfig) -> None:
        self.config = config
        fetcher, executor = config.sequencer.fetcher, config.sequencer.executor
        reads, ports = config.reads, config.ports
        rows = config.vocabulary
        super().__init__(
            {
                "passes": fetcher.members["passes"],
                "tokens": fetcher.members["tokens"],
                "load": In(load_signature(config.program_depth, INSTRUCTION_WIDTH)),
                "halt": In(1),
                "memory_words": fetcher.members["memory_words"],
                "model_hash": In(32),
                "base": In(reads.address_width).array(ports),
                "read": Out(read_signature(reads.address_width)).array(ports),
                "write": Out(write_signature(reads.address_width)).array(ports),
                "best": Out(stream.Signature(logit_layout(rows, "last"))),
                "logits": Out(logit_layout(rows, "valid")),
                "scale": Out(scale_layout()),
                "finished": Out(1),
                "place": Out(range(config.program_depth + 1)),
                "layer": executor.members["layer"],
                **{name: Out(1) for name in (*_EVENTS, *CORE_ERRORS)},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.sequencer = sequencer = config.sequencer.create()
        m.submodules.matmul = matmul = config.matmul.create()
        m.submodules.trits = trits = config.trits.create()
        m.submodules.vector = vector = config.vector.create()
        m.submodules.attention = attention = config.attention.create()
        m.submodules.cache = cache = config.cache.create()
        m.submodules.reads = reads = config.reads.create()
        m.submodules.writes = writes = config.writes.create()
        m.submodules.words = words = WordRouterConfig(config.ports).create()
        m.submodules.codes = codes = config.codes.create()
        m.submodules.header = header = HeaderCheckConfig(config.ports).create()

        # What the units are told.
        for name in ("passes", "tokens"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(sequencer, name))
        wiring.connect(m, wiring.flipped(self.load), sequencer.load)
        for command, unit in (
            (sequencer.vector, vector.command),
            (sequencer.matrix, matmul.command),
            (sequencer.drain, matmul.drain),
            (sequencer.attention, attention.command),
            (sequencer.cache, cache.command),
        ):
            wiring.connect(m, command, unit)
        m.d.comb += [
            sequencer.halt.eq(self.halt),
            sequencer.memory_words.eq(self.memory_words),
            sequencer.units_idle.eq(vector.idle & matmul.idle & attention.idle),
            sequencer.cache_idle.eq(cache.idle & writes.idle),
            self.finished.eq(sequencer.finished),
            self.place.eq(sequencer.place),
            self.layer.eq(sequencer.layer),
        ]

        # Words from memory to the units.
        _pass(m, sequencer.command, reads.command)
        _pass(m, reads.o, words.i)
        m.submodules.routes = routes = config.routes.create()
        wiring.connect(m, sequencer.route, routes.i)
        wiring.connect(m, routes.o, words.route)
        wiring.connect(m, words.vector, vector.words)
        wiring.connect(m, words.attention, attention.words)
        wiring.connect(m, words.header, header.i)
        m.d.comb += [
            trits.i.valid.eq(words.matrix.valid),
            words.matrix.ready.eq(trits.i.ready),
            Cat(trits.i.payload.data).eq(Cat(words.matrix.payload.data)),
            trits.i.payload.last.eq(words.matrix.payload.last),
            header.model_hash.eq(self.model_hash),
        ]
        wiring.connect(m, trits.o, matmul.weights)

        # Results from unit to unit, and back to memory.
        wiring.connect(m, matmul.o, vector.drain)
        wiring.connect(m, attention.o, vector.attention)
        wiring.connect(m, vector.codes, codes.codes)
        wiring.connect(m, vector.scale, codes.scale)
        wiring.connect(m, codes.activations, matmul.activations)
        wiring.connect(m, codes.query, attention.query)
        wiring.connect(m, codes.query_scale, attention.query_scale)
        wiring.connect(m, codes.cache_codes, cache.codes)
        wiring.connect(m, codes.cache_scale, cache.scale)
        _pass(m, cache.write, writes.command)
        _pass(m, cache.data, writes.data)
        wiring.connect(m, attention.best, wiring.flipped(self.best))
        m.d.comb += [self.logits.eq(attention.logits), self.scale.eq(codes.latest)]

        for port in range(config.ports):
            wiring.connect(m, reads.memory[port], wiring.flipped(self.read[port]))
            wiring.connect(m, writes.memory[port], wiring.flipped(self.write[port]))
            m.d.comb += [
                reads.base[port].eq(self.base[port]),
                writes.base[port].eq(self.base[port]),
            ]

        m.d.comb += [
            self.illegal_instruction.eq(sequencer.illegal),
            self.program_end.eq(sequencer.past_end),
            self.operand.eq(sequencer.operand_error),
            self.memory_range.eq(sequencer.range_error),
            self.image_header.eq(header.error),
            self.read_response.eq(reads.error),
            self.write_response.eq(writes.error),
            self.matrix_end.eq(trits.error),
        ]
        m.d.sync += [
            self.word_taken.eq(words.i.valid & words.i.ready),
            self.word_waits.eq(words.i.valid & ~words.i.ready),
            self.matrix_busy.eq(~matmul.idle),
            self.vector_busy.eq(~vector.idle),
            self.attention_busy.eq(~attention.idle),
            self.moved.eq(sequencer.moved | self.word_taken | self.finished),
        ]
        return m


_EVENTS = (
    "moved",
    "word_taken",
    "word_waits",
    "matrix_busy",
    "vector_busy",
    "attention_busy",
)


def _pass(m: Module, source: stream.Interface, sink: stream.Interface) -> None:
    """Joins two streams whose payloads have fields of the same names, of other widths perhaps."""
    for name in source.payload.shape().members:
        m.d.comb += getattr(sink.payload, name).eq(getattr(source.payload, name))
    m.d.comb += [sink.valid.eq(source.valid), source.ready.eq(sink.ready)]
