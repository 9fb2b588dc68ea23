"""A whole decoder accelerator: token numbers in, token numbers out, everything else in memory.

The host puts the memory image behind the AXI4 ports, writes the numbers of a prompt's tokens over
AXI4-Lite, says how many tokens it wants, and starts; it polls the count of tokens produced, or
waits for the interrupt, and reads their numbers. Embedding, all layers, the head and the choice of
the most likely token happen here. To draw tokens itself, the host asks for one token at a time,
reads the best logits, and starts again with its choice at the position that the registers show: the
cache keeps what was before.

Where the memory is on the chip (`OnChipMemory`, one for each port), the ports end inside, nothing
needs to be put anywhere, and AXI4-Lite and the interrupt are all that is left.

The top has one clock ``aclk`` and an active-low reset ``aresetn``, which is the synchronous reset
of everything. Behind the registers stand the run control, which makes passes of a run, and the
core, which does them; both are reset by themselves when software recovers from an error. Instances
carry plain names (``host``, ``run``, ``core`` and in it the units), so a monitor finds each stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from amaranth.hdl import (
    Cat,
    ClockDomain,
    ClockSignal,
    Module,
    Mux,
    ResetInserter,
    ResetSignal,
    Signal,
)
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..axi_lite import axi_lite_members
from ..base import Cost, Device
from ..memory_port import OnChipMemoryConfig
from ..memory_port.axi4 import read_signature, write_signature
from ..registers import RegisterMap
from .axi_watch import AxiWatchConfig
from .decoder_core import CORE_ERRORS, DecoderCore, DecoderCoreConfig
from .decoder_host import DecoderHost, DecoderHostConfig
from .decoder_map import DecoderIdentity
from .recovery import RecoveryConfig
from .run_control import RunControl, RunControlConfig

__all__ = ["DecoderAccelerator", "DecoderAcceleratorConfig"]

_REFUSALS = ("empty_prompt", "position_range", "token_range")


@dataclass(frozen=True)
class DecoderAcceleratorConfig:
    """Everything that makes a decoder accelerator.

    Parameters
    ----------
    name : :class:`str`
        Name of the top module, a plain identifier.
    core : :class:`DecoderCoreConfig`
        Sizes, and the program that the design begins with.
    build_hash, model_hash : :class:`int`
        32 bits each: of the build, and of the model as the image's header has it.
    memories : sequence of :class:`OnChipMemoryConfig`
        One for each port, equally large, with their images; none for memory outside.

    Raises
    ------
    ValueError
        If the name is no identifier, a hash does not fit, or memories are not one for each port.
    """

    name: str
    core: DecoderCoreConfig
    build_hash: int = 0
    model_hash: int = 0
    memories: tuple[OnChipMemoryConfig, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "memories", tuple(self.memories))
        if self.memories:
            sizes = [memory.rows for memory in self.memories]
            if len(sizes) != self.core.ports or len(set(sizes)) > 1:
                raise ValueError(
                    f"Memories must be {self.core.ports} of equal size, not of {sizes} rows"
                )
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.name):
            raise ValueError(f"Name of a decoder must be an identifier, not {self.name!r}")
        for subject, value in (("Build hash", self.build_hash), ("Model hash", self.model_hash)):
            if not 0 <= value < 1 << 32:
                raise ValueError(f"{subject} must fit 32 bits, not {value!r}")

    @property
    def identity(self) -> DecoderIdentity:
        core = self.core
        return DecoderIdentity(
            self.build_hash,
            self.model_hash,
            core.lanes,
            core.ports,
            core.best_count,
            core.context,
            core.vocabulary,
            core.program_depth,
            self.memories[0].rows if self.memories else 0,
        )

    @property
    def host(self) -> DecoderHostConfig:
        return DecoderHostConfig(self.identity)

    @property
    def registers(self) -> RegisterMap:
        return self.host.registers

    @property
    def run(self) -> RunControlConfig:
        core = self.core
        return RunControlConfig(core.lanes, core.ports, core.context, core.vocabulary)

    def costs(self, device: Device) -> dict[str, Cost]:
        """Estimates by instance name, the core's units by their own."""
        return {
            **self.core.costs(device),
            "host": self.host.cost(device),
            "run": self.run.cost(device),
            "watch": AxiWatchConfig(self.core.ports).cost(device) + Cost(lut=60, ff=40),
            **{f"memory{port}": memory.cost(device) for port, memory in enumerate(self.memories)},
        }

    def cost(self, device: Device) -> Cost:
        """Estimate: the plain sum."""
        return sum(self.costs(device).values(), start=Cost())

    def create(self) -> DecoderAccelerator:
        return DecoderAccelerator(self)


class DecoderAccelerator(wiring.Component):
    """Ports: ``aclk``, ``aresetn``, ``interrupt``, AXI4-Lite as ``s_axil_*``, and AXI4 for each
    memory port as ``m_axi0_*``, ``m_axi1_*`` and so on, unless memory is on the chip."""

    def __init__(self, config: DecoderAcceleratorConfig) -> None:
        self.config = config
        outside = 0 if config.memories else config.core.ports
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "interrupt": Out(1),
                **{
                    f"s_axil_{name}": member
                    for name, member in axi_lite_members(config.registers.address_width).items()
                },
                **{
                    f"m_axi{port}_{name}": member
                    for port in range(outside)
                    for name, member in self._memory_members().items()
                },
            }
        )

    def _memory_members(self) -> dict[str, wiring.Member]:
        width = self.config.core.reads.address_width
        return {**read_signature(width).members, **write_signature(width).members}

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.domains += ClockDomain("sync", local=True)
        m.d.comb += [
            ClockSignal("sync").eq(self.aclk),
            ResetSignal("sync").eq(~self.aresetn),
        ]
        m.submodules.host = host = config.host.create()
        m.submodules.recovery = recovery = RecoveryConfig().create()
        run, core = config.run.create(), config.core.create()
        m.submodules.run = ResetInserter(recovery.reset)(run)
        m.submodules.core = ResetInserter(recovery.reset)(core)

        for name, member in axi_lite_members(config.registers.address_width).items():
            outer, inner = getattr(self, f"s_axil_{name}"), getattr(host, name)
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        m.d.comb += self.interrupt.eq(host.interrupt)

        moved, quiet = self._memory(m, core)
        wiring.connect(m, run.passes, core.passes)
        wiring.connect(m, run.tokens, core.tokens)
        wiring.connect(m, core.best, run.best)
        wiring.connect(m, host.load, core.load)
        self._run(m, host, run, core)

        late = self._watchdog(m, host, moved | core.moved, recovery.reset, run.idle)
        fatal = Signal()
        m.d.sync += fatal.eq(Cat(getattr(core, name) for name in CORE_ERRORS).any() | late)
        m.d.comb += [
            recovery.fatal.eq(fatal),
            recovery.recover.eq(host.recover),
            recovery.quiet.eq(quiet),
            core.halt.eq(recovery.halt),
            run.halt.eq(recovery.halt),
            host.failed.eq(recovery.failed),
            host.recovering.eq(recovery.recovering),
            host.error_watchdog.eq(late),
        ]
        return m

    def _run(self, m: Module, host: DecoderHost, run: RunControl, core: DecoderCore) -> None:
        """The host's wishes, and what it sees of the run."""
        best, width = core.best, len(core.memory_words)
        m.d.comb += [
            run.start.eq(host.start),
            run.start_position.eq(host.start_position),
            run.prompt_count.eq(host.prompt_count),
            run.generate_count.eq(host.generate_count),
            run.stop_token.eq(host.stop_token),
            run.has_stop.eq(host.has_stop & ~(host.stop_token >> len(run.stop_token)).any()),
            run.prompt_token.eq(host.prompt_token),
            host.prompt_address.eq(run.prompt_address),
            host.output_enable.eq(run.output_enable),
            host.output_address.eq(run.output_address),
            host.produced_token.eq(run.output_token),
            host.best_push.eq(best.valid & best.ready),
            host.best_last.eq(best.payload.last),
            host.result_index.eq(best.payload.index),
            host.result_logit.eq(best.payload.logit),
            host.idle.eq(run.idle),
            host.done.eq(run.done),
            host.position.eq(run.position),
            host.produced.eq(run.produced),
            host.place.eq(core.place),
            host.layer.eq(core.layer),
            host.scale_mantissa.eq(core.scale.mantissa),
            host.scale_exponent.eq(core.scale.exponent),
            run.finished.eq(core.finished),
            # A memory larger than addresses reach is as large as they do.
            core.memory_words.eq(
                Mux(host.memory_words[width:].any(), (1 << width) - 1, host.memory_words)
            ),
            *(
                core.base[port].eq(
                    Cat(getattr(host, f"base{port}_low"), getattr(host, f"base{port}_high"))
                )
                for port in range(0 if self.config.memories else self.config.core.ports)
            ),
            core.model_hash.eq(host.model_hash),
            host.count_passes.eq(core.finished),
            host.count_busy_cycles.eq(~run.idle),
            host.count_words.eq(core.word_taken),
            host.count_hungry_cycles.eq(~run.idle & ~core.word_taken & ~core.word_waits),
            host.count_full_cycles.eq(~run.idle & core.word_waits),
            host.count_matrix_cycles.eq(core.matrix_busy),
            host.count_vector_cycles.eq(core.vector_busy),
            host.count_attention_cycles.eq(core.attention_busy),
        ]
        for name in _REFUSALS:
            m.d.comb += getattr(host, f"error_{name}").eq(getattr(run, name))
        for name in CORE_ERRORS:
            m.d.comb += getattr(host, f"error_{name}").eq(getattr(core, name))

    def _memory(self, m: Module, core: DecoderCore) -> tuple[Signal, Signal]:
        """The AXI4 ports by their flat names, or the memories; returns whether something moves
        there, and whether nothing is under way."""
        config, ports = self.config, self.config.core.ports
        m.submodules.watch = watch = AxiWatchConfig(ports).create()
        for port in range(ports):
            read, write = core.read[port], core.write[port]
            other, prefix = self, f"m_axi{port}_"
            if config.memories:
                other, prefix = config.memories[port].create(), ""
                m.submodules[f"memory{port}"] = other
            for side in (read, write):
                for name, member in side.signature.members.items():
                    outer, inner = getattr(other, prefix + name), getattr(side, name)
                    m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
            m.d.sync += [
                watch.read_begins[port].eq(read.arvalid & read.arready),
                watch.read_ends[port].eq(read.rvalid & read.rready & read.rlast),
                watch.write_begins[port].eq(write.awvalid & write.awready),
                watch.write_ends[port].eq(write.bvalid & write.bready),
                watch.offers[port].eq(read.arvalid | write.awvalid | write.wvalid),
                watch.beats[port].eq((read.rvalid & read.rready) | (write.wvalid & write.wready)),
            ]
        return watch.moved, watch.quiet

    def _watchdog(
        self, m: Module, host: DecoderHost, moved: Signal, reset: Signal, idle: Signal
    ) -> Signal:
        """High, until the reset of a recovery, once a run has stood still for too long."""
        late, still, is_over = Signal(), Signal(32), Signal()
        m.d.sync += is_over.eq((still >= host.watchdog) & host.watchdog.any())
        with m.If(idle | moved | reset):
            m.d.sync += still.eq(0)
        with m.Elif(~late):
            m.d.sync += still.eq(still + 1)
        with m.If(reset):
            m.d.sync += late.eq(0)
        with m.Elif(is_over & ~idle):
            m.d.sync += late.eq(1)
        return late
