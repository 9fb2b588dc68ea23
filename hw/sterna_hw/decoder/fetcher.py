"""Runs ahead through the program and asks memory for all words, in the order of their use.

For each instruction that needs words the fetcher makes one transfer (a lane's row, a matrix, a
lane's keys) or several, and says to whom its words belong; room for the words is the business of
the memory ports, which hold up ``command`` when they are full. The constant stream needs only a
pointer. Rows and cached records lie at ``address + index * size``: one multiplier, used once or
twice for a lane.

The fetcher is held up in two places. EMBED waits for the tokens of the pass. Of ATTEND, the keys of
slots that were full before the pass are asked for at once; for the rest it waits for ``release``,
which says that memory has acknowledged the keys and values of this pass in this layer.

Before the first transfer of a run it asks for the image's header. A transfer of nothing, or one
that would leave the memory that the host declared, is never issued: ``range_error`` stays until
reset. Six to eleven cycles pass between transfers.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring

from ..base import Cost, Device
from .fetcher_sizes import FetcherSizes
from .instruction import SLOTS, Opcode
from .pass_layout import Route, count_shape
from .transfer_issue import DONE_CYCLES, OFFER_CYCLES
from .wide_product import INDEX_WIDTH, PRODUCT_LATENCY, wide_product

__all__ = [
    "CACHE_CYCLES",
    "LANE_CYCLES",
    "RESUME_CYCLES",
    "ROW_CYCLES",
    "TRANSFER_CYCLES",
    "Fetcher",
    "FetcherConfig",
]

_STREAM = (Opcode.CONSTANTS, Opcode.GAINS, Opcode.MATMUL, Opcode.HEAD)
_MULTIPLY_CYCLES = 2 + PRODUCT_LATENCY

TRANSFER_CYCLES = 1 + OFFER_CYCLES
"""From the cycle in which it is clear what to transfer to the offer of the transfer."""

RESUME_CYCLES = DONE_CYCLES + 1
"""From the acceptance of a transfer until the fetcher goes on."""

ROW_CYCLES = _MULTIPLY_CYCLES + TRANSFER_CYCLES
"""From the cycle in which a row's number is there to the offer of its transfer."""

CACHE_CYCLES = 2 + _MULTIPLY_CYCLES
"""From the cycle in which ATTEND is taken in hand to its first lane."""

LANE_CYCLES = 1 + _MULTIPLY_CYCLES
"""From a lane of ATTEND until it is clear what keys to transfer."""


@dataclass(frozen=True)
class FetcherConfig(FetcherSizes):
    """Its fields are those of `FetcherSizes`."""

    def cost(self, device: Device) -> Cost:
        """Estimate: the multiplier, four adders and a comparison of addresses, registers."""
        return Cost(lut=450, ff=560, dsp=1)

    def create(self) -> Fetcher:
        return Fetcher(self)


class Fetcher(wiring.Component):
    """The fetcher.

    Attributes
    ----------
    passes : stream of `pass_layout`, in
        Passes to be read for; taken when the program's FINISH was met.
    tokens : stream of token numbers, in
        As many as a pass has lanes, checked before.
    work : stream of `work_layout`, in
        From a program reader that was started for the same pass.
    release : in
        High for a cycle: one more layer's cache writes are in memory.
    memory_words : in
        Words of the memory; transfers end there at the latest.
    command : stream of `read_command_layout`, out
    route : stream of `Route`, out
        Whose words those of each transfer are.
    range_error : out
        A transfer was out of range, until reset; ``place`` and ``layer`` say where.
    place, layer : out
        Of the instruction in hand.
    """

    passes: stream.Interface
    tokens: stream.Interface
    work: stream.Interface
    release: Signal
    memory_words: Signal
    command: stream.Interface
    route: stream.Interface
    range_error: Signal
    place: Signal
    layer: Signal

    def __init__(self, config: FetcherConfig) -> None:
        self.config = config
        super().__init__(config.members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        words_width, lanes = config.words_width, config.lanes
        current, work = self.passes.payload, self.work.payload
        sum_width = config.issue.sum_width

        # A transfer to be: word address, words, and to whom.
        address, words = Signal(sum_width), Signal(words_width + 1)
        route, is_stream_transfer = Signal(Route), Signal()
        pointer, end = Signal(sum_width), Signal(sum_width)
        m.submodules.issue = issue = self.config.issue.create()
        wiring.connect(m, issue.command, wiring.flipped(self.command))
        wiring.connect(m, issue.route, wiring.flipped(self.route))
        m.d.comb += [
            issue.address.eq(address),
            issue.words.eq(words),
            issue.to.eq(route),
            issue.memory_words.eq(self.memory_words),
            end.eq(issue.end),
            self.range_error.eq(issue.error),
        ]

        released = Signal(4)
        consume = Signal()
        with m.If(self.release & ~consume):
            m.d.sync += released.eq(released + 1)
        with m.Elif(consume & ~self.release):
            m.d.sync += released.eq(released - 1)

        # The multiplier: factors stand while it works, for as long as a block of its kind takes.
        index, size = Signal(INDEX_WIDTH), Signal(SLOTS["stride"])
        product = wide_product(m, index, size)
        countdown = Signal(range(_MULTIPLY_CYCLES))

        lane = Signal(count_shape(lanes))
        position, slot, port = Signal(18), Signal(18), Signal(range(config.ports + 1))
        is_last_lane, checked_header, is_stream = Signal(), Signal(), Signal()
        key_base, record_words = Signal(sum_width), Signal(words_width + 1)
        # Sums are made a cycle before they are wanted, so that nothing stands behind the adders.
        base_sum, value_base = Signal(sum_width), Signal(sum_width)
        old_words, all_words = Signal(words_width), Signal(words_width + 1)
        is_far, is_long = Signal(), Signal()
        m.d.sync += [
            base_sum.eq(work.address + product[: sum_width - 1]),
            is_far.eq(product[sum_width - 1 :].any()),
            value_base.eq(key_base + work.stride),
            old_words.eq(product),
            all_words.eq(product[:words_width] + work.words),
            is_long.eq(product[words_width:].any()),
        ]
        # What does not fit becomes so large that the issue refuses it.
        new_words = Mux(is_long, (2 << words_width) - 1, all_words)
        product_address = Mux(is_far, (1 << (sum_width - 1)) - 1, base_sum)
        m.d.comb += is_stream.eq(Cat(work.opcode == opcode for opcode in _STREAM).any())
        m.d.sync += is_last_lane.eq(lane + 1 == current.active)

        def next_lane() -> None:
            m.d.sync += [lane.eq(lane + 1), position.eq(position + 1)]
            with m.If(port == config.ports - 1):
                m.d.sync += [port.eq(0), slot.eq(slot + 1)]
            with m.Else():
                m.d.sync += port.eq(port + 1)

        def transfer(after: str) -> None:
            """Issue what stands in the registers, then go on."""
            m.d.sync += following.eq(states.index(after))
            m.next = "ISSUE"

        states = ("TAKE", "NEXT_ROW", "KEYS_NEW", "VALUES", "NEXT_LANE")
        following = Signal(range(len(states)))

        with m.FSM():
            with m.State("TAKE"):
                m.d.sync += [
                    self.place.eq(work.place),
                    self.layer.eq(work.layer),
                    is_stream_transfer.eq(0),
                    lane.eq(0),
                    position.eq(current.position),
                    slot.eq(current.slot),
                    port.eq(current.port),
                ]
                with m.If(self.passes.valid & current.first & ~checked_header):
                    m.d.sync += [
                        checked_header.eq(1),
                        address.eq(0),
                        words.eq(1),
                        route.eq(Route.HEADER),
                    ]
                    transfer("TAKE")
                with m.Elif(self.passes.valid & self.work.valid):
                    m.d.sync += words.eq(work.words)
                    with m.If(is_stream):
                        m.d.sync += [address.eq(pointer), is_stream_transfer.eq(1)]
                        with m.Switch(work.opcode):
                            with m.Case(Opcode.MATMUL):
                                m.d.sync += route.eq(Route.MATRIX)
                            with m.Case(Opcode.HEAD):
                                m.d.sync += route.eq(Route.ATTENTION)
                            with m.Default():
                                m.d.sync += route.eq(Route.VECTOR)
                        m.d.comb += self.work.ready.eq(1)
                        transfer("TAKE")
                    with m.Elif((work.opcode == Opcode.EMBED) | (work.opcode == Opcode.ROTATION)):
                        m.d.sync += route.eq(Route.VECTOR)
                        m.next = "ROW"
                    with m.Elif(work.opcode == Opcode.ATTEND):
                        m.d.sync += route.eq(Route.ATTENTION)
                        m.next = "REGION"
                    with m.Else():
                        m.d.comb += self.work.ready.eq(1)
                        with m.If(work.opcode == Opcode.STREAM):
                            m.d.sync += pointer.eq(work.address)
                        with m.If(work.opcode == Opcode.FINISH):
                            m.d.comb += self.passes.ready.eq(1)
                            m.d.sync += checked_header.eq(0)

            # Rows: address + index * words for each lane.
            with m.State("ROW"):
                m.d.sync += [size.eq(work.words), countdown.eq(_MULTIPLY_CYCLES - 1)]
                with m.If(work.opcode == Opcode.ROTATION):
                    m.d.sync += index.eq(position)
                    m.next = "ROW_PRODUCT"
                with m.Elif(self.tokens.valid):
                    m.d.comb += self.tokens.ready.eq(1)
                    m.d.sync += index.eq(self.tokens.payload)
                    m.next = "ROW_PRODUCT"
            with m.State("ROW_PRODUCT"):
                m.d.sync += countdown.eq(countdown - 1)
                with m.If(countdown == 0):
                    m.d.sync += address.eq(product_address)
                    transfer("NEXT_ROW")
            with m.State("NEXT_ROW"):
                next_lane()
                with m.If(is_last_lane):
                    m.d.comb += self.work.ready.eq(1)
                    m.next = "TAKE"
                with m.Else():
                    m.next = "ROW"

            # The cache: where the layer's keys begin, then two transfers for each lane.
            with m.State("REGION"):
                m.d.sync += [
                    index.eq(work.layer << 1),
                    size.eq(work.stride),
                    countdown.eq(_MULTIPLY_CYCLES - 1),
                ]
                m.next = "REGION_PRODUCT"
            with m.State("REGION_PRODUCT"):
                m.d.sync += countdown.eq(countdown - 1)
                with m.If(countdown == 0):
                    m.d.sync += key_base.eq(product_address)
                    m.next = "OLD_RECORDS"
            # Slots before that of the first lane are full of older positions.
            with m.State("OLD_RECORDS"):
                m.d.sync += [
                    index.eq(slot),
                    size.eq(work.words),
                    countdown.eq(_MULTIPLY_CYCLES - 1),
                ]
                m.next = "OLD_PRODUCT"
            with m.State("OLD_PRODUCT"):
                m.d.sync += countdown.eq(countdown - 1)
                with m.If(countdown == 0):
                    m.d.sync += [
                        address.eq(key_base),
                        words.eq(Mux(is_long, (1 << words_width) - 1, old_words)),
                    ]
                    m.next = "KEYS"
            # All records up to the lane's own: one more than the product.
            with m.State("KEYS"):
                m.d.sync += record_words.eq(new_words)
                with m.If(lane != 0):
                    m.d.sync += [address.eq(key_base), words.eq(new_words)]
                    transfer("VALUES")
                with m.Elif(words == 0):
                    m.next = "KEYS_NEW"
                with m.Else():
                    transfer("KEYS_NEW")
            with m.State("KEYS_NEW"):
                with m.If(released != 0):
                    m.d.comb += consume.eq(1)
                    m.d.sync += [address.eq(end), words.eq(work.words)]
                    with m.If(words == 0):
                        m.d.sync += address.eq(key_base)
                    transfer("VALUES")
            with m.State("VALUES"):
                m.d.sync += [address.eq(value_base), words.eq(record_words)]
                transfer("NEXT_LANE")
            with m.State("NEXT_LANE"):
                next_lane()
                with m.If(is_last_lane):
                    m.d.comb += self.work.ready.eq(1)
                    m.next = "TAKE"
                with m.Else():
                    m.next = "OLD_RECORDS"

            with m.State("ISSUE"):
                m.d.comb += issue.start.eq(1)
                m.next = "ISSUED"
            with m.State("ISSUED"):
                with m.If(issue.done):
                    with m.If(is_stream_transfer):
                        m.d.sync += pointer.eq(end)
                    with m.Switch(following):
                        for number, name in enumerate(states):
                            with m.Case(number):
                                m.next = name
        return m
