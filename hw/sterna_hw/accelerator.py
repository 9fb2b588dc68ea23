"""A whole accelerator of the spatial backend: parts joined by streams between AXI edges.

Beats come in on AXI4-Stream, pass the stages, and leave on AXI4-Stream. Most accelerators are a
chain of parts with a stream ``i`` and a stream ``o``; with `links` they may branch and meet again.
A matrix engine has a weight buffer beside it that plays its weights, or a weight stream
that reads them from external memory, with an AXI4 port of its own. Beside the stages stands the
control side on AXI4-Lite: identity, counters, errors, interrupt, and the reload of weights and
thresholds while no frame is inside. Which stages there are, and how they are folded, is decided
elsewhere; this file checks that neighbours agree in shape and in proven range, wires them up, and
says in `network` what the cycle model needs.

The top has one clock ``aclk`` and an active-low reset ``aresetn``, which is registered once and
then is the synchronous reset of everything. No ready and no valid pin of the accelerator is high
before the end of the reset has passed that register: `RESET_CYCLES`. Instances carry the names of
their stages (``input_edge``, then each stage, ``<stage>_weights``, ``output_edge``, ``control``),
so a monitor finds each stream by name. Latency and throughput are those of the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .axi_lite import axi_lite_members
from .axi_stream import AxiStreamOutputConfig
from .axi_stream_input import AxiStreamInputConfig
from .base import Cost, Device, Timing
from .control import ControlConfig
from .register_map import Identity
from .registers import RegisterMap
from .reload import ReloadMemory
from .stage import PartConfig, Stage, check_link
from .streamed_weights import StreamedWeights
from .weight_stream import WeightStream, WeightStreamConfig

__all__ = ["RESET_CYCLES", "Accelerator", "AcceleratorConfig", "DesignMemory"]

RESET_CYCLES = 1
"""From the first cycle of a high ``aresetn`` to the first cycle of the parts: cycle 0 of their
timings."""

Port = tuple[str, str]
Link = tuple[Port, Port]

_RESERVED = ("input_edge", "output_edge", "control", "top")


@dataclass(frozen=True)
class DesignMemory:
    """A memory that software can reload: its number in the registers, whose it is (``kind`` is
    ``weights`` or ``parameters``), how many rows it has and how wide they are."""

    number: int
    stage: str
    kind: str
    rows: int
    row_width: int


@dataclass(frozen=True)
class AcceleratorConfig:
    """Everything that makes an accelerator.

    Parameters
    ----------
    name : :class:`str`
        Name of the top module, a plain identifier.
    input_edge, output_edge
        AXI4-Stream edges: elements of a frame, their range, and how many a beat carries.
    stages : tuple of :class:`Stage`
        At least one, each behind those that it reads.
    build_hash : :class:`int`
        32 bits that name the build in its registers.
    links : tuple of pairs of (instance, port)
        Which output stream feeds which input stream; without any, the stages are a chain.
    image_hash : :class:`int`
        32 bits that the header of the image of streamed weights must hold.

    Raises
    ------
    ValueError
        If a name is not an identifier or not unique, a stream is not linked exactly once, or two
        neighbours do not fit: both are named. If too many layers stream their weights, or their
        regions overlap.
    """

    name: str
    input_edge: AxiStreamInputConfig
    stages: tuple[Stage, ...]
    output_edge: AxiStreamOutputConfig
    build_hash: int = 0
    links: tuple[Link, ...] = ()
    image_hash: int = 0

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("Stages of an accelerator must be one or more, not none")
        names = [self.name]
        names += [stage.name for stage in self.stages]
        names += [f"{stage.name}_weights" for stage in self.stages if stage.weights is not None]
        for name in names:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError(f"Name in an accelerator must be an identifier, not {name!r}")
        for name in names[1:]:
            if name in _RESERVED or names.count(name) > 1:
                raise ValueError(f"Name of a stage must be free, not {name!r}")
        if not 0 <= self.build_hash < 1 << 32:
            raise ValueError(f"Build hash must fit 32 bits, not {self.build_hash!r}")
        self._check_links()
        for stage in self.stages:
            stage.check_weights()
        _ = self.memory  # it checks itself

    def _parts(self) -> Iterator[tuple[str, PartConfig]]:
        """Names and parts from edge to edge."""
        yield "input_edge", self.input_edge
        for stage in self.stages:
            yield stage.name, stage.part
        yield "output_edge", self.output_edge

    @cached_property
    def all_links(self) -> tuple[Link, ...]:
        """The links, those of a chain included."""
        chain = [name for name, _ in self._parts()]
        return self.links or tuple(((a, "o"), (b, "i")) for a, b in zip(chain, chain[1:]))

    def _check_links(self) -> None:
        parts = dict(self._parts())
        place = {name: number for number, name in enumerate(parts)}
        ports: list[list[Port]] = [[("input_edge", "o")], [("output_edge", "i")]]
        for stage in self.stages:
            ports[0] += [(stage.name, port) for port in stage.outputs]
            ports[1] += [(stage.name, port) for port in stage.inputs]
        for side, known in enumerate(ports):
            linked = [link[side] for link in self.all_links]
            for port in known:
                if linked.count(port) != 1:
                    raise ValueError(
                        f"Stream {port[1]} of {port[0]} must be linked once, "
                        f"not {linked.count(port)} times"
                    )
            for port in linked:
                if port not in known:
                    raise ValueError(f"Link must join streams that exist, not {port[0]}.{port[1]}")
        for (name, port), (next_name, next_port) in self.all_links:
            if place[name] >= place[next_name]:
                raise ValueError(f"Stage {next_name} must stand behind {name}, which it reads")
            check_link(name, parts[name], next_name, parts[next_name], port, next_port)

    @cached_property
    def streams(self) -> dict[str, WeightStreamConfig]:
        """Weights in external memory by stage, in the order of their ports."""
        return {
            stage.name: stage.weights
            for stage in self.stages
            if isinstance(stage.weights, WeightStreamConfig)
        }

    @property
    def memory(self) -> StreamedWeights:
        """External memory as the streams see it."""
        return StreamedWeights(self.streams, self.image_hash)

    def feeds(self, stage: Stage) -> list[Port]:
        """The output stream that feeds each input stream of a stage, in order."""
        producers = {consumer: producer for producer, consumer in self.all_links}
        return [producers[stage.name, port] for port in stage.inputs]

    def memories(self) -> list[DesignMemory]:
        """What software can reload, in the order of the numbers."""
        found = [
            (stage.name, kind, rows, width)
            for stage in self.stages
            for kind, rows, width in stage.memories()
        ]
        return [DesignMemory(number, *memory) for number, memory in enumerate(found)]

    @property
    def identity(self) -> Identity:
        return Identity(
            build_hash=self.build_hash,
            input_bytes=self.input_edge.bytes,
            output_bytes=self.output_edge.bytes,
            input_elements=self.input_edge.elements,
            output_elements=self.output_edge.elements,
            memories=len(self.memories()),
            **self.memory.identity,
        )

    @property
    def control(self) -> ControlConfig:
        memories = tuple(
            ReloadMemory(f"{memory.stage} {memory.kind}", memory.rows, memory.row_width)
            for memory in self.memories()
        )
        return ControlConfig(self.identity, memories)

    @property
    def registers(self) -> RegisterMap:
        return self.control.registers

    def compute(self, frames: np.ndarray) -> dict[str, np.ndarray]:
        """What each stage gives for int64 ``(frames, elements)``, by name, in order."""
        results = {"input_edge": frames}
        for stage in self.stages:
            inputs = (results[name] for name, _ in self.feeds(stage))
            results[stage.name] = stage.compute(*inputs)
        del results["input_edge"]
        return results

    def network(self) -> tuple[dict[str, Timing], list[Link]]:
        """Timings by instance name and the links between them, as the cycle model takes them."""
        parts = {name: part.timing() for name, part in self._parts()}
        links = list(self.all_links)
        for stage in self.stages:
            if stage.weights is not None:
                parts[f"{stage.name}_weights"] = stage.weights.timing()
                links.append(((f"{stage.name}_weights", "o"), (stage.name, "weights")))
        return parts, links

    def costs(self, device: Device) -> dict[str, Cost]:
        """Estimates by instance name."""
        costs = {name: part.cost(device) for name, part in self._parts()}
        for stage in self.stages:
            if stage.weights is not None:
                costs[f"{stage.name}_weights"] = stage.weights.cost(device)
        return {**costs, "control": self.control.cost(device)}

    def cost(self, device: Device) -> Cost:
        """Estimate: the plain sum."""
        return sum(self.costs(device).values(), start=Cost())

    def create(self) -> Accelerator:
        return Accelerator(self)


class Accelerator(wiring.Component):
    """Ports: ``aclk``, ``aresetn``, ``interrupt``, and the AXI signals ``s_axis_*``, ``m_axis_*``
    and ``s_axil_*``; for each layer with weights in external memory the reading half of AXI4 as
    ``m_axi0_*``, ``m_axi1_*`` and so on."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "interrupt": Out(1),
                "s_axis_tdata": In(8 * config.input_edge.bytes),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(8 * config.output_edge.bytes),
                "m_axis_tkeep": Out(config.output_edge.bytes),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                **{
                    f"s_axil_{name}": member
                    for name, member in axi_lite_members(config.registers.address_width).items()
                },
                **config.memory.members(),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        awake = self._clock(m)
        m.submodules.control = control = self.config.control.create()
        m.submodules.input_edge = input_edge = self.config.input_edge.create()
        m.submodules.output_edge = output_edge = self.config.output_edge.create()

        streams: dict[Port, stream.Interface] = {("input_edge", "o"): input_edge.o}
        number = 0
        streamed: list[WeightStream] = []
        # The signal, and how many registers are in front of it.
        restarts: dict[str, tuple[int, Signal]] = {"input_edge": (0, control.restart)}
        for stage in self.config.stages:
            part = stage.part.create()
            m.submodules[stage.name] = part
            feeds = self.config.feeds(stage)
            for port, feed in zip(stage.inputs, feeds):
                wiring.connect(m, streams[feed], getattr(part, port))
            for port in stage.outputs:
                streams[stage.name, port] = getattr(part, port)
            # Where branches meet, the earlier one counts.
            depth, restart = min((restarts[name] for name, _ in feeds), key=lambda item: item[0])
            loadable = []
            if stage.weights is not None:
                weights = stage.weights.create()
                if isinstance(weights, WeightStream):
                    streamed.append(weights)
                m.submodules[f"{stage.name}_weights"] = weights
                wiring.connect(m, weights.o, part.weights)
                loadable.append(weights)
                if getattr(stage.weights, "reloadable", False):
                    # From stage to stage by registers, as it is far to all buffers at once: a frame
                    # comes after it, and needs as many cycles at least to get there.
                    m.d.sync += weights.restart.eq(restart)
                    depth, restart = depth + 1, weights.restart
            restarts[stage.name] = (depth, restart)
            for component in (*loadable, part):
                if "load" in component.signature.members:
                    wiring.connect(m, getattr(control, f"load{number}"), component.load)
                    number += 1
        links = self.config.all_links
        (feed,) = (producer for producer, (name, _) in links if name == "output_edge")
        wiring.connect(m, streams[feed], output_edge.i)

        m.d.comb += [
            input_edge.i.payload.data.as_value().eq(self.s_axis_tdata),
            input_edge.i.payload.last.eq(self.s_axis_tlast),
            input_edge.i.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(input_edge.i.ready & awake),
            input_edge.open.eq(control.open),
            self.m_axis_tdata.eq(output_edge.o.payload.data.as_value()),
            self.m_axis_tlast.eq(output_edge.o.payload.last),
            self.m_axis_tkeep.eq(output_edge.keep),
            self.m_axis_tvalid.eq(output_edge.o.valid & awake),
            output_edge.o.ready.eq(self.m_axis_tready),
        ]
        self._events(m, control, input_edge)
        if streamed:
            self.config.memory.connect(m, self, control, streamed)
        for name, member in axi_lite_members(self.config.registers.address_width).items():
            outer, inner = getattr(self, f"s_axil_{name}"), getattr(control, name)
            if member.flow == In:
                m.d.comb += inner.eq(outer)
            else:
                m.d.comb += outer.eq(inner & awake if name.endswith(("valid", "ready")) else inner)
        m.d.comb += self.interrupt.eq(control.interrupt)
        return m

    def _clock(self, m: Module) -> Signal:
        """One domain inside, its reset from a register: more than a thousand flip-flops are far
        from a pin. A source may offer a beat in the first cycle of a high ``aresetn``, when that
        register still resets everything and outputs may be those of before the reset; the signal
        that comes back says when that is over."""
        m.domains += ClockDomain("sync", local=True)
        resetting, awake = Signal(init=1, reset_less=True), Signal(reset_less=True)
        # Two registers, so that the pins do not hang on the net that resets everything.
        m.d.sync += [resetting.eq(~self.aresetn), awake.eq(self.aresetn)]
        m.d.comb += [ClockSignal("sync").eq(self.aclk), ResetSignal("sync").eq(resetting)]
        return awake

    def _events(self, m: Module, control: wiring.Component, input_edge: wiring.Component) -> None:
        """What the control side counts and flags, registered on the way."""
        m.d.sync += [
            control.frame_done.eq(self.m_axis_tvalid & self.m_axis_tready & self.m_axis_tlast),
            control.input_stall.eq(self.s_axis_tvalid & ~self.s_axis_tready),
            control.input_wait.eq(self.s_axis_tready & ~self.s_axis_tvalid),
            control.output_stall.eq(self.m_axis_tvalid & ~self.m_axis_tready),
        ]
        m.d.comb += [
            control.frame_begun.eq(input_edge.frame_begun),
            control.short_frame.eq(input_edge.short_frame),
            control.long_frame.eq(input_edge.long_frame),
            control.element_range.eq(input_edge.element_range),
        ]
