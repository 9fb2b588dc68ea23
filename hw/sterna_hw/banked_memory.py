"""A memory deeper than one block, as banks whose outputs are registered before one is chosen.

A deep and wide table takes the fewest blocks in their widest shape, several blocks deep. Synthesis
would then put the choice between the blocks in front of the output register, where the register
cannot be the block's own, and a block without it takes most of a cycle. Here the rows are cut into
banks of one block's depth, each a `Memory` of its own with its own registers, and the upper bits of
the address, delayed as long as the read takes, choose behind them.

Latency: that of the banks; one read a cycle. The choice is not registered: two levels of look-up
tables for up to four banks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .base import Cost, Device
from .base.cost_table import logic
from .credit import delay
from .memory import Memory, MemoryConfig, MemoryStyle, load_signature

__all__ = ["BankedMemory", "BankedMemoryConfig"]


@dataclass(frozen=True)
class BankedMemoryConfig:
    """Banks of ``bank_depth`` rows, the last one perhaps of fewer; the rest as in `MemoryConfig`.

    Raises
    ------
    ValueError
        If the depth of a bank is not a power of two that is less than the depth, or a bank breaks a
        rule of `MemoryConfig`.
    """

    name: str
    depth: int
    width: int
    init: Sequence[int] | None = field(default=None, repr=False)
    style: MemoryStyle = "block"
    reloadable: bool = False
    read_latency: int = 2
    bank_depth: int = 1

    def __post_init__(self) -> None:
        is_power = self.bank_depth > 0 and not self.bank_depth & (self.bank_depth - 1)
        if not is_power or self.bank_depth >= self.depth:
            raise ValueError(
                f"Depth of a bank of memory {self.name} must be a power of two below "
                f"{self.depth}, not {self.bank_depth!r}"
            )
        if self.init is not None and len(self.init) != self.depth:
            raise ValueError(
                f"Contents of memory {self.name} must be {self.depth} rows, not {len(self.init)}"
            )
        _ = self.banks  # they check the other fields

    @cached_property
    def banks(self) -> tuple[MemoryConfig, ...]:
        """The memories, from row 0 on."""
        return tuple(
            MemoryConfig(
                f"{self.name}_bank{number}",
                min(self.bank_depth, self.depth - first),
                self.width,
                None if self.init is None else self.init[first : first + self.bank_depth],
                self.style,
                self.reloadable,
                self.read_latency,
            )
            for number, first in enumerate(range(0, self.depth, self.bank_depth))
        )

    @property
    def address_width(self) -> int:
        return (self.depth - 1).bit_length()

    def compute(self, addresses: np.ndarray) -> list[int]:
        """The rows at some addresses, as Python integers."""
        rows = self.init if self.init is not None else (0,) * self.depth
        return [rows[int(address)] for address in np.asarray(addresses).ravel()]

    def cost(self, device: Device) -> Cost:
        """Estimate: the banks, and a multiplexer between them."""
        count = len(self.banks)
        choice = logic(
            device,
            "banked_memory",
            ff=(count - 1).bit_length() * self.read_latency,
            joined_bits=self.width * (count - 1),
            each=1,
        )
        return sum((bank.cost(device) for bank in self.banks), start=choice)

    def create(self) -> BankedMemory:
        return BankedMemory(self)


class BankedMemory(wiring.Component):
    """The memory: ``address``, ``data`` and ``load`` as those of `Memory`."""

    address: Signal
    data: Signal
    load: Any

    def __init__(self, config: BankedMemoryConfig) -> None:
        self.config = config
        members = {"address": In(config.address_width), "data": Out(config.width)}
        if config.reloadable:
            members["load"] = In(load_signature(config.depth, config.width))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        low = config.bank_depth.bit_length() - 1
        banks: list[Memory] = []
        for number, bank_config in enumerate(config.banks):
            bank = bank_config.create()
            m.submodules[f"bank{number}"] = bank
            banks.append(bank)
            inner = min(low, bank_config.address_width) if low else 0
            m.d.comb += bank.address.eq(self.address[:inner])
            if config.reloadable:
                m.d.comb += [
                    bank.load.enable.eq(self.load.enable & (self.load.address[low:] == number)),
                    bank.load.address.eq(self.load.address[:inner]),
                    bank.load.data.eq(self.load.data),
                ]
        with m.Switch(delay(m, self.address[low:], config.read_latency)):
            for number, bank in enumerate(banks[:-1]):
                with m.Case(number):
                    m.d.comb += self.data.eq(bank.data)
            with m.Default():
                m.d.comb += self.data.eq(banks[-1].data)
        return m
