"""The control side of an accelerator: AXI4-Lite to registers, counters, interrupt and reload.

Joins the bridge, the register file and the reload unit, and keeps what they have in common: how
many frames are inside, the event counters, and the short walk into and out of loading. The number
of frames inside rises when a frame's first beat enters and falls when its last result leaves, so
'idle' means that no part holds anything of any frame. Loading begins when software has asked for
it, the input has been closed for a few cycles (long enough for a frame that slipped in to be
counted) and nothing is inside. While loading, ``restart`` holds the weight buffers at their first
row, empty; when it ends they fetch what is in the memories by then.

Where weights come from external memory, no frame enters before they are being read: the wish to
begin and the base address go out, and what memory reports comes in as errors.

Should as many frames be inside as the count can hold, the input is closed until one leaves.
Counters count registered events, so they are a cycle or two late, never wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi_lite import AxiLiteBridgeConfig, axi_lite_members
from .base import Cost, Device
from .base.cost_table import logic
from .memory import load_signature
from .register_file import RegisterFile, RegisterFileConfig
from .register_map import COUNTERS, Identity, accelerator_map
from .registers import RegisterMap
from .reload import ReloadConfig, ReloadMemory

__all__ = ["Control", "ControlConfig"]

_INSIDE_WIDTH = 16
_SETTLE_CYCLES = 4


@dataclass(frozen=True)
class ControlConfig:
    """What the registers say about the design, and the memories that can be loaded.

    Raises
    ------
    ValueError
        If the identity counts other memories than there are.
    """

    identity: Identity
    memories: tuple[ReloadMemory, ...] = ()

    def __post_init__(self) -> None:
        if self.identity.memories != len(self.memories):
            raise ValueError(
                f"Memories of the identity must be {len(self.memories)}, "
                f"not {self.identity.memories!r}"
            )

    @property
    def registers(self) -> RegisterMap:
        return accelerator_map(self.identity)

    @property
    def bridge(self) -> AxiLiteBridgeConfig:
        return AxiLiteBridgeConfig(self.registers.address_width)

    @property
    def reload(self) -> ReloadConfig | None:
        return ReloadConfig(self.memories) if self.memories else None

    @property
    def has_memory(self) -> bool:
        """Whether weights come from external memory."""
        return self.identity.memory_ports > 0

    def cost(self, device: Device) -> Cost:
        """Estimate: the sum of the units, and the event counters."""
        cost = self.bridge.cost(device) + RegisterFileConfig(self.registers).cost(device)
        if self.reload is not None:
            cost = cost + self.reload.cost(device)
        return cost + logic(device, "control", ff=32 * len(COUNTERS), each=1)

    def create(self) -> Control:
        return Control(self)


class Control(wiring.Component):
    """Ports: the AXI4-Lite signals; ``open`` (a new frame may enter) and ``restart``; the event
    inputs ``frame_begun`` and ``frame_done``, one per further counter and one per error; ``load0``,
    ``load1``, ...; ``interrupt``. With external memory also ``read_weights``, ``image_base`` and
    ``reading_weights``."""

    def __init__(self, config: ControlConfig) -> None:
        self.config = config
        memory: dict[str, wiring.Member] = {
            "read_weights": Out(1),
            "image_base": Out(64),
            "reading_weights": In(1),
            "image_header": In(1),
            "read_response": In(1),
        }
        super().__init__(
            {
                **axi_lite_members(config.registers.address_width),
                **(memory if config.has_memory else {}),
                "interrupt": Out(1),
                "open": Out(1, init=not config.has_memory),
                "restart": Out(1),
                "frame_begun": In(1),
                "frame_done": In(1),
                "input_stall": In(1),
                "input_wait": In(1),
                "output_stall": In(1),
                "short_frame": In(1),
                "long_frame": In(1),
                "element_range": In(1),
                **{
                    f"load{number}": Out(load_signature(memory.rows, memory.row_width))
                    for number, memory in enumerate(config.memories)
                },
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bridge = bridge = self.config.bridge.create()
        m.submodules.registers = registers = RegisterFileConfig(self.config.registers).create()
        for name, member in axi_lite_members(self.config.registers.address_width).items():
            outer, inner = getattr(self, name), getattr(bridge, name)
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        wiring.connect(m, bridge.bus, registers.bus)

        idle, busy, loading = self._frames(m, registers.port("control", "reload"))
        self._counters(m, registers, busy)
        refused = self._memories(m, registers, loading)

        events = {
            "short_frame": self.short_frame,
            "long_frame": self.long_frame,
            "element_range": self.element_range,
            "reload_refused": refused,
        }
        if self.config.has_memory:
            events |= {"image_header": self.image_header, "read_response": self.read_response}
            m.d.comb += [
                self.read_weights.eq(registers.port("control", "read_weights")),
                self.image_base.eq(
                    Cat(registers.port(f"image_base_{half}", "value") for half in ("low", "high"))
                ),
                registers.port("status", "reading_weights").eq(self.reading_weights),
            ]
        was_loading, any_error = Signal(), Signal()
        m.d.sync += was_loading.eq(loading)
        for name, event in events.items():
            m.d.comb += registers.port("error", name, "_set").eq(event)
        m.d.sync += any_error.eq(Cat(registers.port("error", name) for name in events).any())
        pending = Cat(
            registers.port("interrupt", name) for name in ("frame_done", "loading", "error")
        )
        m.d.comb += [
            registers.port("status", "idle").eq(idle),
            registers.port("status", "loading").eq(loading),
            registers.port("status", "error").eq(any_error),
            registers.port("interrupt", "frame_done", "_set").eq(self.frame_done),
            registers.port("interrupt", "loading", "_set").eq(loading & ~was_loading),
            registers.port("interrupt", "error", "_set").eq(Cat(*events.values()).any()),
        ]
        m.d.sync += self.interrupt.eq((pending & registers.port("interrupt", "enable")).any())
        return m

    def _frames(self, m: Module, reload: Signal) -> tuple[Signal, Signal, Signal]:
        """The frames inside, and the walk into and out of loading."""
        inside = Signal(_INSIDE_WIDTH)
        is_full, idle, busy, loading = Signal(), Signal(), Signal(), Signal()
        with m.If(self.frame_begun & ~self.frame_done):
            m.d.sync += inside.eq(inside + 1)
        with m.Elif(self.frame_done & ~self.frame_begun):
            m.d.sync += inside.eq(inside - 1)
        settled = Signal(_SETTLE_CYCLES)
        may_open = ~reload & ~is_full & ~loading
        if self.config.has_memory:
            may_open &= self.reading_weights
        m.d.sync += [
            # A few frames may still be on their way to being counted: hence full before the end.
            is_full.eq(inside[4:].all()),
            busy.eq(inside.any()),
            settled.eq((settled << 1) | 1),
            self.open.eq(may_open),
            loading.eq(reload & settled[-1] & ~busy),
        ]
        with m.If(~reload):
            m.d.sync += settled.eq(0)
        m.d.comb += [idle.eq(~busy), self.restart.eq(loading)]
        return idle, busy, loading

    def _counters(self, m: Module, registers: RegisterFile, busy: Signal) -> None:
        events = {
            "frames_in": self.frame_begun,
            "frames_out": self.frame_done,
            "busy_cycles": busy,
            "input_stall_cycles": self.input_stall,
            "input_wait_cycles": self.input_wait,
            "output_stall_cycles": self.output_stall,
        }
        # High after reset too: so it needs no gate with the reset, which is far from everything, in
        # front of some two hundred flip-flops. Events rest for a cycle after reset.
        clear = Signal(init=1)
        m.d.sync += clear.eq(registers.port("control", "clear_counters"))
        for name, _ in COUNTERS:
            counter = Signal(32, name=name, reset_less=True)
            event = Signal(name=f"{name}_event")
            m.d.sync += event.eq(events[name])
            with m.If(clear):
                m.d.sync += counter.eq(0)
            with m.Elif(event):
                m.d.sync += counter.eq(counter + 1)
            m.d.comb += registers.port(name, "value").eq(counter)

    def _memories(self, m: Module, registers: RegisterFile, loading: Signal) -> Signal:
        """The reload unit, if there is anything to load; returns the event of a refusal."""
        window = registers.window
        refused = Signal()
        if self.config.reload is None:
            m.d.sync += refused.eq(window.enable)
            m.d.comb += window.refused.eq(refused)
            return refused
        m.submodules.reload = reload = self.config.reload.create()
        wiring.connect(m, window, reload.window)
        m.d.comb += [reload.allowed.eq(loading), refused.eq(reload.refused)]
        for register, field, port in (
            ("reload_select", "memory", "select"),
            ("reload_row", "row", "row"),
        ):
            written = registers.port(register, field, "_write")
            m.d.comb += [
                registers.port(register, field).eq(getattr(reload, port)),
                getattr(reload, f"{port}_write").eq(written),
                getattr(reload, f"{port}_data").eq(registers.port(register, field, "_data")),
            ]
        m.d.comb += [
            registers.port("memory_rows", "value").eq(reload.rows),
            registers.port("memory_row_width", "value").eq(reload.row_width),
        ]
        for number in range(len(self.config.memories)):
            outer, inner = getattr(self, f"load{number}"), getattr(reload, f"load{number}")
            wiring.connect(m, inner, wiring.flipped(outer))
        return refused
