"""The vector unit: all element-wise work of a decoder between its matrices, one lane at a time.

Work on a vector is two passes over it. Pass A makes the vector, keeps it (in the residual or in a
scratch memory) and finds its largest magnitude and the sum of its squares; a small serial unit
turns these into a reciprocal and a scale; pass B reads the vector again and makes its codes. Both
passes move V elements a cycle. `vector_control` walks a command through these steps, the elements
go through `vector_datapath`, and what stays between commands is in `vector_store` (vectors) and
`vector_scales` (scales).

``command.ready`` is low until all that the command sends has been taken and all that it keeps can
be read. Exact cycles: `VectorUnitConfig.cycles`. It checks no addresses: a command whose ``beats``
are zero or beyond the vector's memory is the sequencer's to refuse.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..beat import beat_signature
from ..credit import delay
from .scalar_unit import ScalarUnit
from .vector_command import (
    Destination,
    VectorKind,
    code_layout,
    scale_report_layout,
    vector_command_layout,
    word_layout,
)
from .vector_control import LOADS, QUANTISES, VectorControl
from .vector_datapath import VectorDatapath
from .vector_kernels import ELEMENT
from .vector_scales import VectorScales
from .vector_sizes import VectorSizes
from .vector_store import VectorStore

__all__ = ["CODED_CYCLES", "LOAD_CYCLES", "VectorUnit", "VectorUnitConfig"]

LOAD_CYCLES = 2
"""From a load's command to its first word."""

CODED_CYCLES = 2
"""From the last codes until the next command can be taken."""


@dataclass(frozen=True)
class VectorUnitConfig(VectorSizes):
    """A vector unit; its fields are those of `VectorSizes`."""

    def cycles(
        self, kind: VectorKind, beats: int, destination: Destination = Destination.ACTIVATION
    ) -> int:
        """Cycles from a command's transfer to the next one's, sources and sinks never waiting."""
        datapath, scalar = self.datapath, self.scalar
        if kind in LOADS:
            return self.loader.cycles(beats) + 2
        if kind is VectorKind.ADD:
            return self.control.first_beat(kind) + beats + datapath.add_latency + 1
        measured = self.measured_cycles(kind, beats)
        coded = measured + scalar.reciprocal_latency + beats + self.queue.latency + 1
        if kind in QUANTISES:
            return coded + CODED_CYCLES
        told = 1 if destination is not Destination.ACTIVATION else 0
        return max(coded + CODED_CYCLES, measured + scalar.norm_latency + told + 2)

    def measured_cycles(self, kind: VectorKind, beats: int) -> int:
        """Cycles from a command's transfer until its vector's statistics are complete."""
        datapath, begins = self.datapath, self.control.first_beat(kind)
        taken = 2 * beats if kind is VectorKind.GATE else beats
        makes_x = {
            VectorKind.NORM: datapath.kept_latency - 1,
            VectorKind.ROPE_QUANTISE: datapath.rotate_latency,
            VectorKind.GATE: datapath.gate_latency,
        }
        last_x = begins + taken + makes_x.get(kind, datapath.raw_latency)
        return last_x + datapath.statistics_latency

    def scale_cycles(self, kind: VectorKind, beats: int) -> int:
        """Cycles from the transfer of a command that quantises until its scale is offered."""
        measured = self.measured_cycles(kind, beats)
        return measured + self.scalar.maximum_latency + self.scales.report_latency

    def cost(self, device: Device) -> Cost:
        """Estimate: the sum of its parts, and the control."""
        parts = (
            self.control, self.store, self.datapath, self.scalar, self.scales, self.loader,
            self.queue,
        )  # fmt: skip
        source = Cost(lut=24 * self.count, ff=24 * self.count)
        return sum((part.cost(device) for part in parts), source)

    def create(self) -> VectorUnit:
        return VectorUnit(self)


class VectorUnit(wiring.Component):
    """The unit.

    Attributes
    ----------
    command : stream of `vector_command_layout`, in
    words : stream of `word_layout`, in
        What loads take, in the order of the commands.
    drain : stream of beats of V 24-bit integers, in
        Raw results of the matrix of one lane.
    attention : stream of beats of V 24-bit integers, in
        Results of attention of one lane.
    codes : stream of `code_layout`, out
    scale : stream of `scale_report_layout`, out
    idle : out
        No command is at work and nothing is left to be taken.
    """

    command: stream.Interface
    words: stream.Interface
    drain: stream.Interface
    attention: stream.Interface
    codes: stream.Interface
    scale: stream.Interface
    idle: Signal

    def __init__(self, config: VectorUnitConfig) -> None:
        self.config = config
        lanes, beats, count = config.lanes, config.largest_beats, config.count
        super().__init__(
            {
                "command": In(stream.Signature(vector_command_layout(lanes, beats))),
                "words": In(stream.Signature(word_layout(config.ports))),
                "drain": In(beat_signature(ELEMENT, count)),
                "attention": In(beat_signature(ELEMENT, count)),
                "codes": Out(stream.Signature(code_layout(lanes, beats, count))),
                "scale": Out(stream.Signature(scale_report_layout(lanes))),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.control = control = config.control.create()
        m.submodules.loader = loader = config.loader.create()
        m.submodules.store = store = config.store.create()
        m.submodules.scales = scales = config.scales.create()
        m.submodules.scalar = scalar = config.scalar.create()
        m.submodules.datapath = datapath = config.datapath.create()
        wiring.connect(m, wiring.flipped(self.command), control.command)
        wiring.connect(m, wiring.flipped(self.words), loader.words)
        wiring.connect(m, wiring.flipped(self.scale), scales.report)
        work = control.work
        m.d.comb += [
            self.idle.eq(control.idle),
            loader.start.eq(control.starts & control.is_load),
            loader.beats.eq(work.beats),
            control.loader_busy.eq(loader.busy),
            control.scales_busy.eq(scales.busy),
            store.lane.eq(work.lane),
            store.kind.eq(work.kind),
            scales.lane.eq(work.lane),
            scales.constant.eq(work.constant),
            scales.destination.eq(work.destination),
            scales.start.eq(control.starts),
            scales.is_gate.eq(control.is_gate),
            scales.quantises.eq(control.quantises),
            scales.norms.eq(control.norms),
            scales.load_valid.eq(loader.valid & (work.kind == VectorKind.CONSTANTS)),
            scales.load_data.eq(loader.data),
            scales.load_address.eq(loader.address),
            store.load_valid.eq(loader.valid),
            store.load_data.eq(loader.data),
            store.load_address.eq(loader.address),
        ]
        self._scalars(m, control, datapath, scalar, scales)
        self._elements(m, control, datapath, store)
        self._codes(m, control, datapath)
        return m

    def _scalars(
        self,
        m: Module,
        control: VectorControl,
        datapath: VectorDatapath,
        scalar: ScalarUnit,
        scales: VectorScales,
    ) -> None:
        """Statistics to the scalar unit, its results to codes and scales."""
        m.d.comb += [
            scalar.start.eq(control.scalar_starts),
            # A quantised vector's norm scale, which nobody wants, may still be at work.
            scalar.abandon.eq(control.starts),
            scalar.largest.eq(datapath.largest),
            scalar.squares.eq(datapath.squares),
            control.reciprocal_valid.eq(scalar.reciprocal_valid),
            datapath.length.eq(scalar.length),
            datapath.reciprocal.eq(scalar.reciprocal),
            datapath.mantissa.eq(scales.mantissa),
            datapath.shift.eq(scales.shift),
            scales.maximum.eq(scalar.maximum),
            scales.maximum_valid.eq(scalar.maximum_valid),
            scales.norm.eq(scalar.norm),
            scales.norm_valid.eq(scalar.norm_valid),
        ]

    def _elements(
        self, m: Module, control: VectorControl, datapath: VectorDatapath, store: VectorStore
    ) -> None:
        """The source's register, and the datapath between the memories."""
        m.d.sync += datapath.source.eq(
            Mux(
                control.attention_ready,
                Value.cast(self.attention.payload.data),
                Value.cast(self.drain.payload.data),
            )
        )
        m.d.comb += [
            self.drain.ready.eq(control.drain_ready),
            self.attention.ready.eq(control.attention_ready),
            control.drain_valid.eq(self.drain.valid),
            control.attention_valid.eq(self.attention.valid),
            datapath.switches.eq(control.switches),
            datapath.source_valid.eq(control.source_valid),
            datapath.kept_valid.eq(control.kept_valid),
            datapath.residual.eq(store.residual),
            datapath.scratch.eq(store.scratch),
            datapath.rotation.eq(store.rotation),
            datapath.gains.eq(store.gains),
            datapath.x_first.eq(control.x_first),
            datapath.measures.eq(control.measures),
            control.x_valid.eq(datapath.x_valid),
            control.adds.eq(datapath.adds),
            control.total_valid.eq(datapath.total_valid),
            store.kept_address.eq(control.kept_address),
            store.gain_address.eq(control.x_address),
            store.rotation_address.eq(control.rotation_address),
            store.total.eq(datapath.total),
            store.total_valid.eq(datapath.total_valid),
            store.total_address.eq(control.total_address),
            store.x.eq(datapath.x),
            store.x_valid.eq(datapath.x_valid & ~control.switches.is_kept),
            store.x_address.eq(control.x_address),
        ]

    def _codes(self, m: Module, control: VectorControl, datapath: VectorDatapath) -> None:
        """Codes through the queue; their address counts as they leave."""
        config, work = self.config, control.work
        m.submodules.queue = queue = config.queue.create()
        latency = config.datapath.code_latency
        issue = control.queue_take & queue.available
        address = Signal(range(max(config.largest_beats, 2)))
        leaves = queue.o.valid & self.codes.ready
        m.d.comb += [
            control.queue_available.eq(queue.available),
            queue.take.eq(issue),
            queue.push.eq(delay(m, issue, latency, reset_less=False)),
            queue.result.data.eq(datapath.codes),
            queue.result.last.eq(delay(m, control.kept_is_last, latency)),
            queue.o.ready.eq(self.codes.ready),
            self.codes.valid.eq(queue.o.valid),
            self.codes.payload.data.eq(queue.o.payload.data),
            self.codes.payload.last.eq(queue.o.payload.last),
            self.codes.payload.destination.eq(work.destination),
            self.codes.payload.lane.eq(work.lane),
            self.codes.payload.address.eq(address),
            control.codes_end.eq(leaves & queue.o.payload.last),
        ]
        with m.If(leaves):
            m.d.sync += address.eq(Mux(queue.o.payload.last, 0, address + 1))
