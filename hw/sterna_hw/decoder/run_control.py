"""Makes passes of what the host asked for: its prompt, then tokens drawn from the results.

A run begins with checks that cost nothing: a prompt there must be, its tokens must be in the
vocabulary, and all positions of the run in the context. A run that fails them does nothing. Then
the prompt goes out as passes of as many tokens as there are lanes, all at once as far as the
sequencer takes them; the last of them has a result if tokens are to be generated. From then on
every result's best token is written to the output and, unless it is the last, becomes a pass of its
own.

The last token is the stop token if the host named one, or the one that fills the count. It is
written like all others, and is not itself passed through the decoder.

Between a result and the next pass lie about ten cycles, and one cycle for each token of the prompt
before the first pass.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from .attention_command import logit_layout
from .pass_layout import count_shape, index_shape, pass_layout

__all__ = [
    "AWAIT_CYCLES",
    "DRAWN_CYCLES",
    "END_CYCLES",
    "FIRST_PASS_CYCLES",
    "NEXT_PASS_CYCLES",
    "TOKEN_CYCLES",
    "RunControl",
    "RunControlConfig",
]

_READ_LATENCY = 2

FIRST_PASS_CYCLES = 2 * _READ_LATENCY + 5
"""From the first cycle of a run to its first pass, besides one for each token of the prompt."""

TOKEN_CYCLES = _READ_LATENCY + 2
"""From a pass to its first token, and from one token to the next."""

NEXT_PASS_CYCLES = 2
"""From the last token of a pass of the prompt to the next pass."""

AWAIT_CYCLES = 1
"""By so much the first of the best logits, and with it the whole list, is taken later than it is
offered."""

DRAWN_CYCLES = 3
"""From the last of the best logits to the pass of the token that they gave."""

END_CYCLES = 2
"""From the end of the last pass (``finished``) to the first cycle in which the run is over."""


@dataclass(frozen=True)
class RunControlConfig:
    """A run control.

    Parameters
    ----------
    lanes, ports, context, vocabulary : :class:`int`
        As in the fetcher. The context has at most 65536 positions.

    Raises
    ------
    ValueError
        If the context is too large.
    """

    lanes: int
    ports: int
    context: int
    vocabulary: int

    def __post_init__(self) -> None:
        if not 1 <= self.context <= 1 << 16:
            raise ValueError(f"Context must be 1 to 65536, not {self.context!r}")

    @property
    def count_width(self) -> int:
        """Bits of counts and positions of a run that is in order, and of their sum."""
        return 20

    def cost(self, device: Device) -> Cost:
        return Cost(lut=330, ff=260)

    def create(self) -> RunControl:
        return RunControl(self)


class RunControl(wiring.Component):
    """The run control.

    Attributes
    ----------
    start : in
        Begins a run; only while ``idle``. What the host asks for must stand until ``idle`` again.
    start_position, prompt_count, generate_count : in
    stop_token, has_stop : in
    halt : in
        Something failed: no further pass, until reset.
    prompt_address, prompt_token : out, in
        Read port of the prompt; data two cycles after the address. The token's upmost bit says
        that it does not fit the others.
    output_enable, output_address, output_token : out
        Write port of the output.
    passes, tokens : streams, out
        For the sequencer.
    finished : in
        High for a cycle when a pass is done.
    best : stream of `logit_layout`, in
        The best rows of each result, best first.
    idle : out
    done : out
        High for a cycle at the end of a run that was not halted.
    produced : out
        Tokens written to the output by this run or, when idle, the last one.
    position : out
        The position that the next token would have.
    empty_prompt, position_range, token_range : out
        High for a cycle: the run was refused.
    """

    start: Signal
    start_position: Signal
    prompt_count: Signal
    generate_count: Signal
    stop_token: Signal
    has_stop: Signal
    halt: Signal
    prompt_address: Signal
    prompt_token: Signal
    output_enable: Signal
    output_address: Signal
    output_token: Signal
    passes: stream.Interface
    tokens: stream.Interface
    finished: Signal
    best: stream.Interface
    idle: Signal
    done: Signal
    produced: Signal
    position: Signal
    empty_prompt: Signal
    position_range: Signal
    token_range: Signal

    def __init__(self, config: RunControlConfig) -> None:
        self.config = config
        count = config.count_width
        token, place = index_shape(config.vocabulary), index_shape(config.context)
        super().__init__(
            {
                "start": In(1),
                "start_position": In(32),
                "prompt_count": In(32),
                "generate_count": In(32),
                "stop_token": In(token),
                "has_stop": In(1),
                "halt": In(1),
                "prompt_address": Out(place),
                "prompt_token": In(token.width + 1),
                "output_enable": Out(1),
                "output_address": Out(place),
                "output_token": Out(token),
                "passes": Out(
                    stream.Signature(pass_layout(config.lanes, config.context, config.ports))
                ),
                "tokens": Out(stream.Signature(token)),
                "finished": In(1),
                "best": In(stream.Signature(logit_layout(config.vocabulary, "last"))),
                "idle": Out(1),
                "done": Out(1),
                "produced": Out(count),
                "position": Out(count),
                "empty_prompt": Out(1),
                "position_range": Out(1),
                "token_range": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        width = config.count_width
        current = self.passes.payload
        slot, port = Signal(width), Signal(range(max(2, config.ports)))
        place, remaining = Signal(width), Signal(width)
        in_pass, active = Signal(count_shape(config.lanes)), Signal(count_shape(config.lanes))
        token = Signal(index_shape(config.vocabulary))
        is_prompt, is_first, is_final = Signal(), Signal(), Signal()

        # Passes that are under way; runs of a few, as the sequencer takes no more.
        under_way, pushed = Signal(4), Signal()
        m.d.comb += pushed.eq(self.passes.valid & self.passes.ready)
        with m.If(pushed ^ self.finished):
            m.d.sync += under_way.eq(under_way + Mux(pushed, 1, -1))

        wishes = (self.start_position, self.prompt_count, self.generate_count)
        end, is_huge = Signal(width), Signal()
        # A pass lies between two tokens drawn, so this may follow the count two cycles later.
        next_output, last_output = Signal(width), Signal()
        # The token stands from the cycle after AWAIT on, at least one before it is asked.
        is_stop = Signal()
        prompt_count = self.prompt_count[:width]
        m.d.sync += [
            # The token that a run ends with needs no position of its own.
            end.eq(sum((wish[: width - 2] for wish in wishes), start=Const(0))),
            is_huge.eq(Cat(wish[width - 2 :] for wish in wishes).any()),
            is_stop.eq(self.has_stop & (token == self.stop_token)),
            next_output.eq(self.produced + 1),
            last_output.eq(next_output == self.generate_count[:width]),
            self.done.eq(0),
            self.empty_prompt.eq(0),
            self.position_range.eq(0),
            self.token_range.eq(0),
        ]
        limit = config.context + (self.generate_count != 0)
        m.d.comb += [
            self.prompt_address.eq(place),
            self.tokens.payload.eq(token),
            self.output_address.eq(self.produced),
            self.output_token.eq(token),
            current.position.eq(self.position),
            current.slot.eq(slot),
            current.port.eq(port),
            current.active.eq(active),
            current.first.eq(is_first),
            current.result.eq(is_final & (self.generate_count != 0)),
        ]
        wait = Signal(range(_READ_LATENCY + 2))
        m.d.sync += wait.eq(wait - 1)
        # Of the tokens that are read one after the other, the data come this much later.
        reading = Signal(_READ_LATENCY)
        strange, quotient = Signal(), Signal(17)
        m.d.sync += quotient.eq(self._quotient())

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(1)
                m.d.sync += [wait.eq(_READ_LATENCY + 1), place.eq(0), strange.eq(0)]
                with m.If(self.start):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += [
                    self.produced.eq(0),
                    self.position.eq(self.start_position),
                    remaining.eq(self.prompt_count),
                    is_prompt.eq(1),
                    is_first.eq(1),
                ]
                with m.If(self.prompt_count == 0):
                    m.d.sync += self.empty_prompt.eq(1)
                    m.next = "IDLE"
                with m.Elif((is_huge | (end > limit)) & (wait == 0)):
                    m.d.sync += self.position_range.eq(1)
                    m.next = "IDLE"
                with m.Elif(wait == 0):
                    m.next = "SCAN"
            # Every token of the prompt passes by once, before anything is begun.
            with m.State("SCAN"):
                m.d.sync += [
                    place.eq(place + 1),
                    reading.eq((reading << 1) | (place < prompt_count)),
                ]
                with m.If(reading[-1] & (self.prompt_token >= config.vocabulary)):
                    m.d.sync += strange.eq(1)
                with m.If((place > prompt_count) & ~reading.any()):
                    m.d.sync += place.eq(0)
                    m.next = "SCANNED"
            with m.State("SCANNED"):
                m.d.sync += [
                    self.token_range.eq(strange),
                    slot.eq(quotient),
                    port.eq(self.start_position[:17] - quotient * config.ports),
                ]
                with m.If(strange):
                    m.next = "IDLE"
                with m.Else():
                    m.next = "PASS"
            with m.State("PASS"):
                m.d.sync += [
                    active.eq(Mux(remaining > config.lanes, config.lanes, remaining)),
                    is_final.eq(remaining <= config.lanes),
                    in_pass.eq(0),
                ]
                m.next = "GIVE_PASS"
            with m.State("GIVE_PASS"):
                with m.If(self.halt):
                    m.next = "HALTED"
                with m.Elif(~under_way[-1]):
                    m.d.comb += self.passes.valid.eq(1)
                    with m.If(self.passes.ready):
                        m.d.sync += [is_first.eq(0), wait.eq(_READ_LATENCY)]
                        m.next = "READ"
            with m.State("READ"):
                with m.If(wait == 0):
                    with m.If(is_prompt):
                        m.d.sync += token.eq(self.prompt_token)
                    m.next = "GIVE_TOKEN"
            with m.State("GIVE_TOKEN"):
                m.d.comb += self.tokens.valid.eq(1)
                with m.If(self.tokens.ready):
                    m.d.sync += [
                        place.eq(place + 1),
                        in_pass.eq(in_pass + 1),
                        remaining.eq(remaining - 1),
                        self.position.eq(self.position + 1),
                        wait.eq(_READ_LATENCY),
                    ]
                    with m.If(port == config.ports - 1):
                        m.d.sync += [port.eq(0), slot.eq(slot + 1)]
                    with m.Else():
                        m.d.sync += port.eq(port + 1)
                    with m.If(in_pass + 1 != active):
                        m.next = "READ"
                    with m.Elif(~is_final):
                        m.next = "PASS"
                    with m.Else():
                        m.next = "AWAIT"
            with m.State("AWAIT"):
                with m.If(self.halt):
                    m.next = "HALTED"
                with m.Elif(self.generate_count != 0):
                    with m.If(self.best.valid):
                        m.d.sync += token.eq(self.best.payload.index)
                        m.next = "DRAW"
                with m.Elif(under_way == 0):
                    m.d.sync += self.done.eq(1)
                    m.next = "IDLE"
            # The best row is the token; the others pass by.
            with m.State("DRAW"):
                m.d.comb += self.best.ready.eq(1)
                with m.If(self.best.valid & self.best.payload.last):
                    m.d.comb += self.output_enable.eq(1)
                    m.next = "DRAWN"
            with m.State("DRAWN"):
                m.d.sync += [self.produced.eq(self.produced + 1), remaining.eq(1), is_prompt.eq(0)]
                with m.If(last_output | is_stop):
                    m.next = "END"
                with m.Else():
                    m.next = "PASS"
            with m.State("END"):
                with m.If(self.halt):
                    m.next = "HALTED"
                with m.Elif(under_way == 0):
                    m.d.sync += self.done.eq(1)
                    m.next = "IDLE"
            with m.State("HALTED"):
                pass
        return m

    def _quotient(self) -> Value:
        """The slot of the first position."""
        position, ports = self.start_position[:17], self.config.ports
        if ports == 3:
            # The factor is (2**17 + 1) / 3: exact for all positions below 2**16.
            return (position * 43691)[17:]
        return position[(ports - 1).bit_length() :]
