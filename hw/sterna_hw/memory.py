"""A memory with one read port, contents known at build time, and optionally a port to reload it.

Reads are pipelined and never stall: the row addressed in cycle c is on ``data`` in cycle
c + ``read_latency``. Latency 1 is the memory's own register (or the register behind distributed
memory), latency 2 adds an output register, which block memories need to be fast. In simulation it
is an Amaranth memory. For Verilog it becomes an instance of the module ``sterna_memory``, whose
contents are read from a file ``<name>.hex`` that the platform object collects, so that the Verilog
text holds no contents (see `verilog`).

One row a cycle. What is read in the cycle in which the same row is loaded is undefined, which saves
the logic that would define it: reload while nobody reads. It does not choose its own kind of
memory: `memory_sizing` does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device
from .base.cost_table import logic
from .block_memories import tile_blocks, tile_ultra
from .verilog import VerilogPlatform

__all__ = [
    "Memory",
    "MemoryConfig",
    "MemoryStyle",
    "load_signature",
    "lut_memory_cost",
    "pack_words",
]

_FEW_ROWS = 6

MemoryStyle = Literal["block", "distributed", "ultra"]


def load_signature(row_count: int, row_width: int) -> wiring.Signature:
    """The reload port of every reloadable part: ``enable`` makes ``data`` the row ``address``."""
    return wiring.Signature(
        {
            "enable": Out(1),
            "address": Out(max(1, (row_count - 1).bit_length())),
            "data": Out(row_width),
        }
    )


def pack_words(elements: np.ndarray, width: int) -> tuple[int, ...]:
    """Rows of elements as one non-negative integer a row, element 0 in the low bits.

    ``elements`` has shape ``(rows, count)``; each one takes ``width`` bits, two's complement.
    """
    mask = (1 << width) - 1
    return tuple(
        sum((int(value) & mask) << (width * place) for place, value in enumerate(row))
        for row in np.asarray(elements)
    )


def lut_memory_cost(
    device: Device, depth: int, width: int, columns: int | None, read_latency: int
) -> Cost:
    """Estimate of distributed memory: fixed, if ``columns`` says how many bits of a row are worth a
    table (see `MemoryConfig.different_columns`), or loadable."""
    if columns is None:
        return logic(
            device,
            "memory_loadable",
            lut=device.lutram_luts(width, depth),
            ff=width * read_latency,
            joined_bits=width * device.lutram_joints(depth),
        )
    inputs = (depth - 1).bit_length()
    tables = 1 << max(inputs - (4 if device.family == "ecp5" else 6), 0)
    return Cost(lut=columns * tables, ff=columns * read_latency)


@dataclass(frozen=True)
class MemoryConfig:
    """A memory of ``depth`` rows of ``width`` bits.

    Parameters
    ----------
    name : :class:`str`
        Names the file of its contents; a plain identifier.
    depth, width : :class:`int`
        Rows, and bits in a row.
    init : sequence of :class:`int`, or None
        Contents, one non-negative integer a row; None leaves them open until loaded (zero in
        simulation).
    style : ``"block"``, ``"distributed"`` or ``"ultra"``
        What synthesis shall use; ``"ultra"`` has no contents at start.
    reloadable : :class:`bool`
        Whether there is a ``load`` port.
    read_latency : :class:`int`
        1 or 2 cycles.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    name: str
    depth: int
    width: int
    init: Sequence[int] | None = field(default=None, repr=False)
    style: MemoryStyle = "block"
    reloadable: bool = False
    read_latency: int = 2

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.name):
            raise ValueError(f"Name of a memory must be an identifier, not {self.name!r}")
        for subject, value in (("Depth", self.depth), ("Width", self.width)):
            if value < 1:
                raise ValueError(
                    f"{subject} of memory {self.name} must be 1 or more, not {value!r}"
                )
        if self.style not in ("block", "distributed", "ultra"):
            raise ValueError(
                f"Style of memory {self.name} must be block, distributed or ultra, "
                f"not {self.style!r}"
            )
        if self.read_latency not in (1, 2):
            raise ValueError(
                f"Read latency of memory {self.name} must be 1 or 2, not {self.read_latency!r}"
            )
        if self.init is None:
            if not self.reloadable:
                raise ValueError(f"Memory {self.name} must have contents or be reloadable")
            return
        if self.style == "ultra":
            raise ValueError(f"Memory {self.name} must have no contents to be of style ultra")
        object.__setattr__(self, "init", tuple(int(row) for row in self.init))
        if len(self.init) != self.depth:
            raise ValueError(
                f"Contents of memory {self.name} must be {self.depth} rows, not {len(self.init)}"
            )
        if min(self.init) < 0 or max(self.init) >> self.width:
            row = next(row for row in self.init if row < 0 or row >> self.width)
            raise ValueError(
                f"Rows of memory {self.name} must be {self.width}-bit numbers, not {row}"
            )

    @property
    def address_width(self) -> int:
        return max(1, (self.depth - 1).bit_length())

    def compute(self, addresses: np.ndarray) -> list[int]:
        """The rows at some addresses, as Python integers (they may be wider than 64 bits)."""
        rows = self.init if self.init is not None else (0,) * self.depth
        return [rows[int(address)] for address in np.asarray(addresses).ravel()]

    def cost(self, device: Device) -> Cost:
        """Estimate: block primitives with a multiplexer between banks, or LUTs.

        Fixed distributed contents are plain logic, one LUT per bit for up to 16 (ECP5) or 64
        (LUT6) rows and twice as many for each further address bit; loadable ones are LUT memory,
        and where one is not deep enough a multiplexer joins several.
        """
        if self.style == "distributed":
            columns = None if self.reloadable else self.different_columns
            return lut_memory_cost(device, self.depth, self.width, columns, self.read_latency)
        resource = "uram" if self.style == "ultra" else "bram"
        if not any(kind.resource == resource for kind in device.memories):
            raise ValueError(
                f"Style of memory {self.name} must exist on {device.name}, not {self.style!r}"
            )
        if self.style == "ultra":
            tiling = tile_ultra(self.depth, self.width)
        else:
            tiling = tile_blocks(device, self.depth, self.width, written=self.reloadable)
        joints = tiling.banks - 1
        registers = self.width * (self.read_latency - 1) + joints.bit_length()
        blocks = Cost(ff=registers, **{resource: tiling.blocks})
        if not joints:
            return blocks
        return blocks + logic(device, "memory_blocks", joined_bits=self.width * joints)

    @cached_property
    def different_columns(self) -> int:
        """Bits of a row that are not constant, nor another one's copy where there are few rows;
        among many copies are rare, and not looked for. Nothing but zeros stands for contents that
        are not known yet."""
        if self.init is None or not any(self.init):
            return self.width
        if self.depth <= _FEW_ROWS:
            columns = {
                sum((row >> place & 1) << number for number, row in enumerate(self.init))
                for place in range(self.width)
            }
            return len(columns - {0, (1 << self.depth) - 1})
        ever, always = 0, -1
        for row in self.init:
            ever, always = ever | row, always & row
        return (ever & ~always).bit_count()

    def create(self) -> Memory:
        return Memory(self)


class Memory(wiring.Component):
    """The memory.

    Attributes
    ----------
    address : in
        Row to read.
    data : out
        That row, ``read_latency`` cycles later.
    load : in, see `load_signature`; only when reloadable
    """

    address: Signal
    data: Signal
    load: Any

    def __init__(self, config: MemoryConfig) -> None:
        self.config = config
        members = {"address": In(config.address_width), "data": Out(config.width)}
        if config.reloadable:
            members["load"] = In(load_signature(config.depth, config.width))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if isinstance(platform, VerilogPlatform):
            self._instantiate(m, platform)
        else:
            self._simulate(m)
        return m

    def _simulate(self, m: Module) -> None:
        config = self.config
        m.submodules.rows = rows = memory.Memory(
            shape=config.width, depth=config.depth, init=config.init or []
        )
        read = rows.read_port(domain="sync")
        m.d.comb += read.addr.eq(self.address)
        if config.read_latency == 2:
            output = Signal(config.width, reset_less=True)
            m.d.sync += output.eq(read.data)
            m.d.comb += self.data.eq(output)
        else:
            m.d.comb += self.data.eq(read.data)
        if config.reloadable:
            write = rows.write_port()
            m.d.comb += [
                write.addr.eq(self.load.address),
                write.data.eq(self.load.data),
                write.en.eq(self.load.enable),
            ]

    def _instantiate(self, m: Module, platform: VerilogPlatform) -> None:
        config = self.config
        file = platform.add_memory(config.name, config.init, config.width)
        load = self.load if config.reloadable else None
        is_logic = config.style == "distributed" and not config.reloadable
        m.submodules.rows = Instance(
            "sterna_memory",
            p_DEPTH=config.depth,
            p_WIDTH=config.width,
            p_ADDRESS_WIDTH=config.address_width,
            p_READ_LATENCY=config.read_latency,
            p_RELOADABLE=int(config.reloadable),
            # Yosys knows no distributed memory without a write port: such a one is logic to it.
            p_RAM_STYLE="registers" if is_logic else config.style,
            p_ROM_STYLE=config.style,
            p_INIT_FILE=file,
            i_clk=ClockSignal(),
            i_read_address=self.address,
            o_read_data=self.data,
            i_load_enable=load.enable if load else Const(0, 1),
            i_load_address=load.address if load else Const(0, config.address_width),
            i_load_data=load.data if load else Const(0, config.width),
        )
