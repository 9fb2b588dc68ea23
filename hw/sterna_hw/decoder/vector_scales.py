"""The run-time scales of the vector unit: what is kept of them, and their products.

It keeps the constants of the layer's matrices and the norm scale rho of every lane. At the start of
a command it makes sigma = rho * constant of the command's lane and matrix, as the mantissa and the
shift with which raw results are scaled; when a vector's maximum is known, the product of sigma and
the scale of the maximum is the vector's own scale kappa. One multiplier does both. Scales that
somebody else needs leave on a stream.

Cycles: sigma stands 6 after ``start``, kappa is offered 6 after ``maximum_valid``, a norm scale 1
after ``norm_valid``.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Array, Module, Mux, Shape, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..credit import delay
from .scale_product import ScaleProductConfig
from .vector_command import CONSTANT_COUNT, Destination, scale_layout, scale_report_layout
from .vector_kernels import SHIFT_LIMIT

__all__ = ["GATE_FRACTION", "VectorScales", "VectorScalesConfig"]

GATE_FRACTION = 10
"""Fraction bits of what goes into a gate."""


@dataclass(frozen=True)
class VectorScalesConfig:
    """Scales of ``lanes`` token lanes; constants come ``count`` numbers of 16 bits at a time."""

    lanes: int
    count: int

    @property
    def product(self) -> ScaleProductConfig:
        return ScaleProductConfig()

    @property
    def sigma_latency(self) -> int:
        """Cycles from ``start`` to valid ``mantissa`` and ``shift``."""
        return self.product.latency + 2

    @property
    def report_latency(self) -> int:
        """Cycles from ``maximum_valid`` to the offer of kappa."""
        return self.product.latency + 2

    def compute_shift(self, exponent: int, fraction: int) -> int:
        """Places by which a product with the mantissa is shifted."""
        return min(max(-(exponent + fraction), 0), SHIFT_LIMIT)

    def cost(self, device: Device) -> Cost:
        """Estimate: registers and multiplexers of constants, a memory, the product."""
        bits = 28 * CONSTANT_COUNT
        return self.product.cost(device) + Cost(lut=bits / 4 + 28 * 4 + 40, ff=bits + 28 * 4)

    def create(self) -> VectorScales:
        return VectorScales(self)


class VectorScales(wiring.Component):
    """The scales.

    Attributes
    ----------
    load_valid, load_data, load_address : in
        A beat of constants: mantissa and exponent alternate.
    start : in
        Makes sigma of ``lane`` and ``constant``; they stand in this cycle and after.
    lane, constant, destination : in
        Of the command.
    is_gate : in
        Sigma is for a gate.
    quantises, norms : in
        The vector's maximum gives kappa; its norm scale becomes rho of the lane.
    maximum, maximum_valid, norm, norm_valid : in
        From the scalar unit.
    mantissa, shift : out
        Of sigma.
    busy : out
        A scale is still to come or to be taken; from the cycle after ``start``.
    report : stream of `scale_report_layout`, out
    """

    load_valid: Signal
    load_data: data.View
    load_address: Signal
    start: Signal
    lane: Signal
    constant: Signal
    destination: Signal
    is_gate: Signal
    quantises: Signal
    norms: Signal
    maximum: data.View
    maximum_valid: Signal
    norm: data.View
    norm_valid: Signal
    mantissa: Signal
    shift: Signal
    busy: Signal
    report: stream.Interface

    def __init__(self, config: VectorScalesConfig) -> None:
        self.config = config
        lane = Shape.cast(range(max(config.lanes, 2)))
        super().__init__(
            {
                "load_valid": In(1),
                "load_data": In(data.ArrayLayout(Shape(16, signed=True), config.count)),
                "load_address": In(range(CONSTANT_COUNT)),
                "start": In(1),
                "lane": In(lane),
                "constant": In(range(CONSTANT_COUNT)),
                "destination": In(Destination),
                "is_gate": In(1),
                "quantises": In(1),
                "norms": In(1),
                "maximum": In(scale_layout()),
                "maximum_valid": In(1),
                "norm": In(scale_layout()),
                "norm_valid": In(1),
                "mantissa": Out(16),
                "shift": Out(6),
                "busy": Out(1),
                "report": Out(stream.Signature(scale_report_layout(config.lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        constants = self._constants(m)
        m.submodules.norm_scales = norm_scales = memory.Memory(
            shape=scale_layout(), depth=max(config.lanes, 2), init=[]
        )
        write, read = norm_scales.write_port(), norm_scales.read_port(domain="comb")
        m.d.comb += [
            write.addr.eq(self.lane),
            write.data.eq(self.norm),
            write.en.eq(self.norm_valid & self.norms),
            read.addr.eq(self.lane),
        ]

        m.submodules.product = product = config.product.create()
        sigma = Signal(scale_layout(), reset_less=True)
        with m.If(self.start):
            m.d.sync += [product.a.eq(read.data), product.b.eq(constants[self.constant])]
        with m.Else():
            m.d.sync += [product.a.eq(sigma), product.b.eq(self.maximum)]
        with m.If(delay(m, self.start, config.product.latency + 1, reset_less=False)):
            m.d.sync += [sigma.eq(product.o), self.shift.eq(self._shift(m, product.o.exponent))]
        m.d.comb += self.mantissa.eq(sigma.mantissa)

        kappa_valid = delay(m, self.maximum_valid, config.product.latency + 1, reset_less=False)
        self._report(m, product.o, kappa_valid)
        return m

    def _constants(self, m: Module) -> Array:
        """Registers, written several at a time."""
        constants = Array(
            Signal(scale_layout(), name=f"constant{number}", reset_less=True)
            for number in range(CONSTANT_COUNT)
        )
        pairs = self.config.count // 2
        for number, constant in enumerate(constants):
            place = 2 * (number % pairs)
            with m.If(self.load_valid & (self.load_address == number // pairs)):
                m.d.sync += [
                    constant.mantissa.eq(self.load_data[place]),
                    constant.exponent.eq(self.load_data[place + 1]),
                ]
        return constants

    def _shift(self, m: Module, exponent: Signal) -> Signal:
        """``-(exponent + fraction)``, clipped to what rounds to something."""
        negated = Signal(Shape(14, signed=True))
        limited = Signal(6)
        m.d.comb += [
            negated.eq(-exponent - Mux(self.is_gate, GATE_FRACTION, 0)),
            limited.eq(Mux(negated < 0, 0, Mux(negated > SHIFT_LIMIT, SHIFT_LIMIT, negated))),
        ]
        return limited

    def _report(self, m: Module, kappa: data.View, kappa_valid: Signal) -> None:
        """Offers what is told to others, and knows whether something is still to come."""
        tells = Signal()
        m.d.comb += tells.eq(self.destination != Destination.ACTIVATION)
        norm_waits, report_waits = Signal(), Signal()
        m.d.comb += self.busy.eq(norm_waits | report_waits)
        with m.If(self.report.valid & self.report.ready):
            m.d.sync += [self.report.valid.eq(0), report_waits.eq(0)]
        with m.If(self.start):
            m.d.sync += [
                norm_waits.eq(self.norms),
                report_waits.eq(tells & (self.norms | self.quantises)),
                self.report.payload.destination.eq(self.destination),
                self.report.payload.lane.eq(self.lane),
            ]
        with m.If(kappa_valid & self.quantises & tells):
            m.d.sync += [self.report.payload.scale.eq(kappa), self.report.valid.eq(1)]
        with m.If(self.norm_valid & self.norms):
            m.d.sync += norm_waits.eq(0)
            with m.If(tells):
                m.d.sync += [self.report.payload.scale.eq(self.norm), self.report.valid.eq(1)]
