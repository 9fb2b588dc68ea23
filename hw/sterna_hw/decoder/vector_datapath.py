"""The way of elements through the vector unit: kernels, and the registers that keep them in step.

    source --+----------------------------------+
             +-> rotate ------------------------+
             +-> apply --+-> gate -> in pairs --+-> x -> weigh -+-> measure -> statistics
                         +-> add to residual    |               +-> make codes
    kept (residual or scratch) -----------------+

One command at a time sets the switches, so the ways need no arbiter: whatever comes out of one way
while another is chosen is ignored. All of them are pipelines without enables; flags that say that a
beat is there run beside the data. What memories give (rotations, gains, the residual to be added
to) is asked for early enough to meet the elements. The gate has V/2 pipelines since an element of
its result needs two of its input; two results make a beat.

One beat a cycle. Latencies are properties of the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay, delay_cost
from .statistics import StatisticsConfig
from .vector_kernels import ELEMENT, VectorArithmetic

__all__ = ["VectorDatapath", "VectorDatapathConfig", "switch_layout"]

READ_LATENCY = 2
"""Cycles from an address to a memory's data."""


def switch_layout() -> data.StructLayout:
    """What a command sets: where x comes from (``is_kept`` counts first, none means the source as
    it is), whether sums go to the residual, which memory keeps, and whether gains count."""
    names = ("is_kept", "is_rotation", "is_gate", "is_add", "is_scratch", "has_gains")
    return data.StructLayout(dict.fromkeys(names, 1))


@dataclass(frozen=True)
class VectorDatapathConfig:
    """The datapath.

    Parameters
    ----------
    count : :class:`int`
        Elements of a beat, V.
    largest : :class:`int`
        Elements of the longest vector.
    activation : :class:`str`
        Of the gate.
    gate_shift : :class:`int`
        G of the numbers.
    """

    count: int
    largest: int
    activation: str
    gate_shift: int

    @cached_property
    def arithmetic(self) -> VectorArithmetic:
        return VectorArithmetic(self.count, self.activation, self.gate_shift)

    @cached_property
    def statistics(self) -> StatisticsConfig:
        outputs = self.arithmetic.measure.outputs
        widths = outputs["magnitude"].width, outputs["square"].width
        return StatisticsConfig(self.count, self.largest, *widths)

    @property
    def raw_latency(self) -> int:
        """Cycles from the source's register to x."""
        return 1

    @property
    def rotate_latency(self) -> int:
        return READ_LATENCY + self.arithmetic.rotate.latency + 1

    @property
    def gate_latency(self) -> int:
        """From the second beat of a pair."""
        return self.arithmetic.apply.latency + self.arithmetic.gate.latency + 1

    @property
    def add_latency(self) -> int:
        """Cycles from the source's register to the sum."""
        return self.arithmetic.apply.latency + self.arithmetic.add.latency

    @property
    def kept_latency(self) -> int:
        """Cycles from the address of what is kept to x."""
        return READ_LATENCY + 1

    @property
    def weigh_latency(self) -> int:
        """Cycles from x to its product with the gain."""
        return READ_LATENCY + self.arithmetic.weigh.latency

    @property
    def statistics_latency(self) -> int:
        """Cycles from x to statistics that include it."""
        return self.weigh_latency + self.arithmetic.measure.latency + self.statistics.latency

    @property
    def code_latency(self) -> int:
        """Cycles from the address of what is kept to its codes."""
        return self.kept_latency + self.weigh_latency + self.arithmetic.code.latency

    def cost(self, device: Device) -> Cost:
        """Estimate: the kernels, the statistics, and what delays elements."""
        arithmetic = self.arithmetic
        bits = self.count * ELEMENT.width
        waits = (
            delay_cost(device, bits, READ_LATENCY) * 2
            + delay_cost(device, bits, arithmetic.weigh.latency)
            + delay_cost(device, bits // 2, arithmetic.apply.latency)
        )
        total = self.statistics.cost(device) + waits + Cost(lut=3 * bits, ff=2 * bits)
        return sum((kernel.cost(device) for kernel in arithmetic.pipelines), total)

    def create(self) -> VectorDatapath:
        return VectorDatapath(self)


class VectorDatapath(wiring.Component):
    """The ways.

    Attributes
    ----------
    switches : in, see `switch_layout`
        Change only while nothing is under way.
    mantissa, shift : in
        Of the scale that is applied; held.
    length, reciprocal : in
        Of the vector whose codes are made; held.
    source, source_valid : in
        A beat that has just been taken (a register).
    residual, scratch : in
        What stands at the address that was given two cycles ago.
    kept_valid : in
        What stands at the address of this cycle is wanted as x.
    rotation, gains : in
        Rows of 16-bit numbers, two cycles after the beat they belong to came (``source_valid``,
        ``x_valid``).
    x, x_valid : out
        Elements as they are kept.
    x_first, measures : in
        This x is the first of its vector; x takes part in the statistics.
    adds : out
        A beat will be added to what the residual has at the address of this cycle.
    total, total_valid : out
        The new residual.
    largest, squares : out
        Statistics.
    codes : out
        int8 of what stood at the address ``code_latency`` cycles ago.
    """

    def __init__(self, config: VectorDatapathConfig) -> None:
        self.config = config
        elements = data.ArrayLayout(Shape(ELEMENT.width, signed=True), config.count)
        halfwords = data.ArrayLayout(Shape(16, signed=True), config.count)
        super().__init__(
            {
                "switches": In(switch_layout()),
                "mantissa": In(16),
                "shift": In(6),
                "length": In(6),
                "reciprocal": In(15),
                "source": In(elements),
                "source_valid": In(1),
                "residual": In(elements),
                "scratch": In(elements),
                "kept_valid": In(1),
                "rotation": In(halfwords),
                "gains": In(halfwords),
                "x": Out(elements),
                "x_valid": Out(1),
                "x_first": In(1),
                "measures": In(1),
                "adds": Out(1),
                "total": Out(elements),
                "total_valid": Out(1),
                "largest": Out(config.statistics.magnitude_width),
                "squares": Out(64),
                "codes": Out(data.ArrayLayout(Shape(8, signed=True), config.count)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, switches = self.config, self.switches
        arithmetic, places = config.arithmetic, range(config.count)
        source = [self.source[place] for place in places]
        applied = arithmetic.apply.build(
            m, {"value": source, "mantissa": self.mantissa, "shift": self.shift}
        )["data"]
        self._add(m, applied)
        rotated, rotated_valid = self._rotate(m, source)
        gated, gated_valid = self._gate(m, source, applied)
        kept_valid = delay(m, self.kept_valid, READ_LATENCY, reset_less=False)
        m.d.sync += self.x_valid.eq(
            Mux(
                switches.is_kept,
                kept_valid,
                Mux(
                    switches.is_rotation,
                    rotated_valid,
                    Mux(switches.is_gate, gated_valid, self.source_valid & ~switches.is_add),
                ),
            )
        )
        for place in places:
            kept = Mux(switches.is_scratch, self.scratch[place], self.residual[place])
            made = Mux(switches.is_gate, gated[place], source[place])
            made = Mux(switches.is_rotation, rotated[place], made)
            m.d.sync += self.x[place].eq(Mux(switches.is_kept, kept, made))
        self._weigh(m)
        return m

    def _add(self, m: Module, applied: list[Value]) -> None:
        """Sums with the residual, which is read while the last registers of `apply` work."""
        arithmetic, places = self.config.arithmetic, range(self.config.count)
        early = arithmetic.apply.latency - READ_LATENCY
        coming = self.source_valid & self.switches.is_add
        m.d.comb += self.adds.eq(delay(m, coming, early, reset_less=False))
        residual = [self.residual[place] for place in places]
        total = arithmetic.add.build(m, {"residual": residual, "value": applied})["data"]
        for place in places:
            m.d.comb += self.total[place].eq(total[place])
        later = READ_LATENCY + arithmetic.add.latency
        m.d.comb += self.total_valid.eq(delay(m, self.adds, later, reset_less=False))

    def _rotate(self, m: Module, source: list[Value]) -> tuple[list[Value], Value]:
        """Pairs turned by the rows of the rotation memory."""
        config = self.config
        waiting = [delay(m, element, READ_LATENCY) for element in source]
        rotation = [self.rotation[place] for place in range(config.count)]
        turned = config.arithmetic.rotate.build(
            m,
            {
                "first": waiting[::2],
                "second": waiting[1::2],
                "cosine": rotation[::2],
                "sine": rotation[1::2],
            },
        )
        latency = READ_LATENCY + config.arithmetic.rotate.latency
        valid = delay(m, self.source_valid, latency, reset_less=False)
        return [turned[("first", "second")[k % 2]][k // 2] for k in range(config.count)], valid

    def _gate(
        self, m: Module, source: list[Value], applied: list[Value]
    ) -> tuple[list[Value], Value]:
        """Gate and up alternate; two halves make a beat, which is there with the second."""
        arithmetic = self.config.arithmetic
        up = [delay(m, element, arithmetic.apply.latency) for element in source[1::2]]
        second = arithmetic.gate.build(m, {"gate": applied[::2], "up": up})["data"]
        latency = arithmetic.apply.latency + arithmetic.gate.latency
        valid = delay(m, self.source_valid & self.switches.is_gate, latency, reset_less=False)
        is_second = Signal()
        first = [Signal(Shape(ELEMENT.width, signed=True), reset_less=True) for _ in second]
        with m.If(valid):
            m.d.sync += is_second.eq(~is_second)
            m.d.sync += [held.eq(value) for held, value in zip(first, second)]
        return [*first, *second], valid & is_second

    def _weigh(self, m: Module) -> None:
        """Products with the gains, what is measured of them, and their codes."""
        config, arithmetic = self.config, self.config.arithmetic
        places = range(config.count)
        waiting = [delay(m, self.x[place], READ_LATENCY) for place in places]
        gains = [Mux(self.switches.has_gains, self.gains[place], 1) for place in places]
        weighed = arithmetic.weigh.build(m, {"value": waiting, "gain": gains})["data"]
        values = [delay(m, value, arithmetic.weigh.latency) for value in waiting]
        measured = arithmetic.measure.build(m, {"value": values, "weighed": weighed})

        m.submodules.statistics = statistics = config.statistics.create()
        latency = config.weigh_latency + arithmetic.measure.latency
        m.d.comb += [
            statistics.valid.eq(delay(m, self.x_valid & self.measures, latency, reset_less=False)),
            statistics.first.eq(delay(m, self.x_first, latency)),
            self.largest.eq(statistics.largest),
            self.squares.eq(statistics.squares_sum),
        ]
        codes = arithmetic.code.build(
            m, {"weighed": weighed, "length": self.length, "reciprocal": self.reciprocal}
        )["data"]
        for place in places:
            m.d.comb += [
                statistics.magnitudes[place].eq(measured["magnitude"][place]),
                statistics.squares[place].eq(measured["square"][place]),
                self.codes[place].eq(codes[place]),
            ]
