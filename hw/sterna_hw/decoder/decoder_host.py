"""The host's side of a decoder: AXI4-Lite to registers, memories of words, counters, interrupt.

Joins the bridge and the register file (those of all accelerators) with the memories that the host
writes and reads, and keeps the counters and the events. A start while a run is under way, or after
a failure that was not recovered, is refused. Errors are remembered at the moment they arise,
however long their cause lasts; so a bit that software clears stays clear until the next event.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..axi_lite import AxiLiteBridgeConfig, axi_lite_members
from ..base import Cost, Device
from ..register_file import RegisterFile, RegisterFileConfig
from ..registers import RegisterMap
from .decoder_map import DECODER_COUNTERS, DECODER_ERRORS, DecoderIdentity, decoder_map
from .host_memories import HostMemories, HostMemoriesConfig

__all__ = ["SETTINGS", "DecoderHost", "DecoderHostConfig"]

SETTINGS = {
    "start_position": 32,
    "prompt_count": 32,
    "generate_count": 32,
    "watchdog": 32,
    "model_hash": 32,
    "memory_words": 32,
    **{f"base{port}_{half}": 32 for port in range(4) for half in ("low", "high")},
}
"""Registers of one value that the host writes, and their widths: outputs of the same name."""

_SHOWN = {"position": 32, "produced": 32}


@dataclass(frozen=True)
class DecoderHostConfig:
    """The host's side of the decoder that ``identity`` describes."""

    identity: DecoderIdentity

    @property
    def registers(self) -> RegisterMap:
        return decoder_map(self.identity)

    @property
    def bridge(self) -> AxiLiteBridgeConfig:
        return AxiLiteBridgeConfig(self.registers.address_width)

    @property
    def memories(self) -> HostMemoriesConfig:
        identity = self.identity
        return HostMemoriesConfig(
            identity.context, identity.vocabulary, identity.best_count, identity.program_depth
        )

    def cost(self, device: Device) -> Cost:
        """Estimate: the sum of the units, and 32 bits of adder and register for a counter."""
        file = RegisterFileConfig(self.registers).cost(device)
        own = Cost(lut=34 * len(DECODER_COUNTERS) + 60, ff=33 * len(DECODER_COUNTERS) + 60)
        return self.bridge.cost(device) + file + self.memories.cost(device) + own

    def create(self) -> DecoderHost:
        return DecoderHost(self)


class DecoderHost(wiring.Component):
    """The host's side.

    Attributes
    ----------
    AXI4-Lite signals by name; ``interrupt``.
    start, recover : out
        High for a cycle.
    SETTINGS : out, by name
    stop_token, has_stop : out
    idle, failed, recovering : in
        Of the run and of what may follow it.
    position, produced, place, layer, scale_mantissa, scale_exponent : in
    done : in
        High for a cycle at the end of a run.
    error_* : in, for each of `DECODER_ERRORS`
        A rising edge sets the bit.
    count_* : in, for each of `DECODER_COUNTERS`
        What is counted, cycle by cycle.
    Ports of `HostMemories` that are not the registers'.
    """

    def __init__(self, config: DecoderHostConfig) -> None:
        self.config = config
        memories = config.memories.members
        kept = (
            "prompt_address", "prompt_token", "output_enable", "output_address", "produced_token",
            "best_push", "best_last", "result_index", "result_logit", "load",
        )  # fmt: skip
        super().__init__(
            {
                **axi_lite_members(config.registers.address_width),
                "interrupt": Out(1),
                "start": Out(1),
                "recover": Out(1),
                **{name: Out(width) for name, width in SETTINGS.items()},
                "stop_token": Out(31),
                "has_stop": Out(1),
                "idle": In(1),
                "failed": In(1),
                "recovering": In(1),
                **{name: In(width) for name, width in _SHOWN.items()},
                "place": In(16),
                "layer": In(16),
                "scale_mantissa": In(16),
                "scale_exponent": In(12),
                "done": In(1),
                **{f"error_{name}": In(1) for name, _ in DECODER_ERRORS},
                **{f"count_{name}": In(1) for name, _ in DECODER_COUNTERS},
                **{name: memories[name] for name in kept},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.bridge = bridge = config.bridge.create()
        m.submodules.registers = registers = RegisterFileConfig(config.registers).create()
        m.submodules.memories = memories = config.memories.create()
        for name, member in axi_lite_members(config.registers.address_width).items():
            outer, inner = getattr(self, name), getattr(bridge, name)
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        wiring.connect(m, bridge.bus, registers.bus)
        # Nothing lies in the window.
        m.d.comb += registers.window.refused.eq(1)

        for name in SETTINGS:
            m.d.comb += getattr(self, name).eq(registers.port(name, "value"))
        for name in _SHOWN:
            m.d.comb += registers.port(name, "value").eq(getattr(self, name))
        may_start = self.idle & ~self.failed & ~self.recovering
        asked, refused = Signal(), Signal()
        m.d.comb += [
            asked.eq(registers.port("control", "start")),
            self.start.eq(asked & may_start),
            self.recover.eq(registers.port("control", "recover")),
            self.stop_token.eq(registers.port("stop", "token")),
            self.has_stop.eq(registers.port("stop", "enable")),
            registers.port("status", "idle").eq(may_start),
            registers.port("status", "failed").eq(self.failed),
            registers.port("status", "recovering").eq(self.recovering),
            registers.port("place", "instruction").eq(self.place),
            registers.port("place", "layer").eq(self.layer),
            registers.port("logit_scale", "mantissa").eq(self.scale_mantissa),
            registers.port("logit_scale", "exponent").eq(self.scale_exponent),
        ]
        self._memories(m, registers, memories)
        m.d.sync += refused.eq(memories.refused | (asked & ~may_start))
        self._events(m, registers, refused)
        self._counters(m, registers)
        return m

    def _memories(self, m: Module, registers: RegisterFile, memories: HostMemories) -> None:
        for name, word in (("prompt", "prompt_token"), ("program", "program_word")):
            index = f"{name}_index"
            m.d.comb += [
                registers.port(index, "value").eq(getattr(memories, index)),
                getattr(memories, f"{index}_write").eq(registers.port(index, "value", "_write")),
                getattr(memories, f"{index}_data").eq(registers.port(index, "value", "_data")),
                registers.port(word, "value").eq(0),
                getattr(memories, f"{name}_write").eq(registers.port(word, "value", "_write")),
                getattr(memories, f"{name}_data").eq(registers.port(word, "value", "_data")),
            ]
        m.d.comb += [
            memories.idle.eq(self.idle),
            memories.output_index.eq(registers.port("output_index", "value")),
            memories.best_index.eq(registers.port("best_index", "value")),
        ]
        for name in ("output_token", "best_token", "best_logit"):
            m.d.comb += registers.port(name, "value").eq(getattr(memories, name))
        for name in (
            "prompt_address", "output_enable", "output_address", "produced_token", "best_push",
            "best_last", "result_index", "result_logit",
        ):  # fmt: skip
            m.d.comb += getattr(memories, name).eq(getattr(self, name))
        m.d.comb += self.prompt_token.eq(memories.prompt_token)
        wiring.connect(m, memories.load, wiring.flipped(self.load))

    def _events(self, m: Module, registers: RegisterFile, refused: Signal) -> None:
        arising = []
        for name, _ in DECODER_ERRORS:
            cause = getattr(self, f"error_{name}")
            if name == "write_refused":
                cause = cause | refused
            before, event = Signal(name=f"{name}_before"), Signal(name=f"{name}_event")
            m.d.sync += before.eq(cause)
            m.d.comb += [
                event.eq(cause & ~before),
                registers.port("error", name, "_set").eq(event),
            ]
            arising.append(event)
        any_error = Signal()
        m.d.sync += any_error.eq(
            Cat(registers.port("error", name) for name, _ in DECODER_ERRORS).any()
        )
        pending = Cat(registers.port("interrupt", name) for name in ("done", "error", "token"))
        m.d.comb += [
            registers.port("status", "error").eq(any_error),
            registers.port("interrupt", "done", "_set").eq(self.done),
            registers.port("interrupt", "error", "_set").eq(Cat(arising).any()),
            registers.port("interrupt", "token", "_set").eq(self.output_enable),
        ]
        m.d.sync += self.interrupt.eq((pending & registers.port("interrupt", "enable")).any())

    def _counters(self, m: Module, registers: RegisterFile) -> None:
        clear = registers.port("control", "clear_counters")
        for name, _ in DECODER_COUNTERS:
            counter, event = Signal(32, name=name), Signal(name=f"{name}_counts")
            m.d.sync += event.eq(getattr(self, f"count_{name}"))
            with m.If(clear):
                m.d.sync += counter.eq(0)
            with m.Elif(event):
                m.d.sync += counter.eq(counter + 1)
            m.d.comb += registers.port(name, "value").eq(counter)
