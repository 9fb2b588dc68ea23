"""The gateware of a register map: decoder, storage and read path, made from the table.

A request passes three registered stages. The first compares the address with every register's and
keeps one bit per register. In the second, writes take effect and the registers that were hit are
read in groups of four. The third joins the groups into the answer. So there is never more than a
small gate between registers, however many words the map has, and the acknowledgement comes three
cycles after the request.

Every field that gateware sees has ports named ``register_field``: the field's value (in for `READ`
and `EXTERNAL`, out otherwise), with ``_set`` for the events of a `CLEAR` field and ``_write`` and
``_data`` for writes to an `EXTERNAL` one. Writes to the window are handed on with the number of the
word; whoever owns the window says in the next cycle whether it refuses.
Accesses to anything else, and writes to registers without a writable field, are errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi_lite import bus_signature
from .base import Cost, Device
from .base.cost_table import logic
from .registers import Access, Field, RegisterMap

__all__ = ["RegisterFile", "RegisterFileConfig", "window_signature"]

_GROUP = 4


def window_signature(words: int) -> wiring.Signature:
    """Writes to the window: ``enable`` is high for one cycle; ``word`` and ``data`` stand from the
    cycle before it to the cycle after it, in which ``refused`` is sampled."""
    return wiring.Signature(
        {
            "enable": Out(1),
            "word": Out((words - 1).bit_length()),
            "data": Out(32),
            "refused": In(1),
        }
    )


@dataclass(frozen=True)
class RegisterFileConfig:
    """Storage and decoder of one register map."""

    registers: RegisterMap

    def cost(self, device: Device) -> Cost:
        """Estimate: storage, one compare per register, and the groups' read registers."""
        stored = sum(
            field.width
            for register in self.registers.registers
            for field in register.fields
            if field.access in (Access.READ_WRITE, Access.CLEAR)
        )
        count = len(self.registers.registers)
        return logic(device, "register_file", ff=stored, registers=count)

    def create(self) -> RegisterFile:
        return RegisterFile(self)


class RegisterFile(wiring.Component):
    """Ports: ``bus`` (answers), ``window`` (asks), and those of the fields."""

    def __init__(self, config: RegisterFileConfig) -> None:
        self.config = config
        members: dict[str, wiring.Member] = {
            "bus": In(bus_signature(config.registers.address_width - 2)),
            "window": Out(window_signature(config.registers.window_words)),
        }
        for register in config.registers.registers:
            for field in register.fields:
                name = f"{register.name}_{field.name}"
                if field.access in (Access.READ, Access.EXTERNAL):
                    members[name] = In(field.width)
                elif field.access is not Access.CONSTANT:
                    members[name] = Out(field.width)
                if field.access is Access.CLEAR:
                    members[f"{name}_set"] = In(field.width)
                if field.access is Access.EXTERNAL:
                    members[f"{name}_write"] = Out(1)
                    members[f"{name}_data"] = Out(field.width)
        super().__init__(members)

    def port(self, register: str, field: str, suffix: str = "") -> Signal:
        """The port of a field by the names of the table."""
        return getattr(self, f"{register}_{field}{suffix}")

    def elaborate(self, platform: object) -> Module:
        m = Module()
        registers = self.config.registers.registers
        bus = self.bus
        window_base = self.config.registers.window_offset // 4
        window_words = self.config.registers.window_words
        low_width = (window_words - 1).bit_length()

        # Stage 1: which register, if any.
        hits = Signal(len(registers))
        readable, writable, in_window = Signal(), Signal(), Signal()
        decoded, writes = Signal(), Signal()
        m.d.sync += [decoded.eq(bus.request), writes.eq(bus.write)]
        for index, register in enumerate(registers):
            m.d.sync += hits[index].eq(bus.address == register.offset // 4)
        m.d.sync += in_window.eq(bus.address[low_width:] == window_base >> low_width)
        m.d.comb += readable.eq(hits.any())
        m.d.comb += writable.eq(
            _any(hits[index] for index, register in enumerate(registers) if register.writable)
        )
        m.d.comb += [
            self.window.enable.eq(decoded & writes & in_window),
            self.window.word.eq(bus.address[:low_width]),
            self.window.data.eq(bus.data),
        ]

        # Stage 2: writes take effect; reads are gathered in groups.
        words: list[Value] = []
        for index, register in enumerate(registers):
            word = Signal(32, name=f"{register.name}_word")
            write = Signal(name=f"{register.name}_written")
            m.d.comb += write.eq(decoded & writes & hits[index])
            for field in register.fields:
                value = self._field(m, register.name, field, write)
                m.d.comb += word[field.low : field.low + field.width].eq(value)
            words.append(Mux(hits[index], word, 0))
        gathered = []
        for start in range(0, len(words), _GROUP):
            group = Signal(32, name=f"group{start // _GROUP}")
            m.d.sync += group.eq(_any(words[start : start + _GROUP]))
            gathered.append(group)
        checked, failed, was_window = Signal(), Signal(), Signal()
        m.d.sync += [
            checked.eq(decoded),
            failed.eq(Mux(writes, ~(writable | in_window), ~readable)),
            was_window.eq(in_window & writes),
        ]

        # Stage 3: the answer.
        m.d.sync += [
            bus.acknowledge.eq(checked),
            bus.answer.eq(_any(gathered)),
            bus.error.eq(failed | (was_window & self.window.refused)),
        ]
        return m

    def _field(self, m: Module, register: str, field: Field, write: Signal) -> Value:
        """Storage of one field; returns what it reads as."""
        if field.access is Access.CONSTANT:
            return Const(field.reset, field.width)
        port = self.port(register, field.name)
        written = self.bus.data[field.low : field.low + field.width]
        if field.access is Access.READ:
            return port
        if field.access is Access.EXTERNAL:
            m.d.comb += [
                self.port(register, field.name, "_write").eq(write),
                self.port(register, field.name, "_data").eq(written),
            ]
            return port
        if field.access is Access.PULSE:
            m.d.sync += port.eq(Mux(write, written, 0))
            return Const(0, field.width)
        stored = Signal(field.width, init=field.reset, name=f"{register}_{field.name}_stored")
        m.d.comb += port.eq(stored)
        if field.access is Access.READ_WRITE:
            with m.If(write):
                m.d.sync += stored.eq(written)
        else:
            # An event in the very cycle of its clearing is kept, so none is lost.
            events = self.port(register, field.name, "_set")
            m.d.sync += stored.eq((stored & ~Mux(write, written, 0)) | events)
        return stored


def _any(values: Iterable[Value]) -> Value:
    result: Value | None = None
    for value in values:
        result = value if result is None else result | value
    return Const(0) if result is None else result
