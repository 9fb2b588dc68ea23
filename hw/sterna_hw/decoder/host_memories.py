"""What the host writes and reads word by word: prompt, output, best logits, program.

Each has a place in the registers that says which word is meant. Prompt and program are written at
their place, which then moves on; a write that may not be now (a run is under way) or that lies
beyond the end is dropped and reported. Output and best logits are read at their place, a few cycles
after it was written. The run control reads the prompt and writes the output at the same time.

Four words of 32 bits make an instruction; it is stored with the fourth, so an instruction is
written from its first word on.
"""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..base import Cost, Device
from ..memory import MemoryConfig, load_signature
from .instruction import INSTRUCTION_WIDTH
from .pass_layout import index_shape

__all__ = ["HostMemories", "HostMemoriesConfig"]

_WORDS = INSTRUCTION_WIDTH // 32


@dataclass(frozen=True)
class HostMemoriesConfig:
    """Memories for ``context`` tokens below ``vocabulary``, ``best_count`` logits, and programs of
    ``program_depth`` instructions."""

    context: int
    vocabulary: int
    best_count: int
    program_depth: int

    @property
    def token_width(self) -> int:
        return index_shape(self.vocabulary).width

    @property
    def prompt(self) -> MemoryConfig:
        """A token and a bit that says that what was written was larger."""
        depth = max(2, self.context)
        return MemoryConfig("prompt", depth, self.token_width + 1, reloadable=True)

    @property
    def output(self) -> MemoryConfig:
        return MemoryConfig("output", max(2, self.context), self.token_width, reloadable=True)

    @property
    def best(self) -> MemoryConfig:
        """Logit and token."""
        depth = max(2, self.best_count)
        width = 32 + self.token_width
        return MemoryConfig("best", depth, width, style="distributed", reloadable=True)

    @property
    def members(self) -> dict[str, wiring.Member]:
        """Ports of the memories."""
        token, place = self.token_width, index_shape(self.context)
        return {
            "idle": In(1),
            **_moving("prompt"),
            **_moving("program"),
            "output_index": In(32),
            "output_token": Out(32),
            "best_index": In(32),
            "best_token": Out(32),
            "best_logit": Out(32),
            "refused": Out(1),
            "prompt_address": In(place),
            "prompt_token": Out(token + 1),
            "output_enable": In(1),
            "output_address": In(place),
            "produced_token": In(token),
            "best_push": In(1),
            "best_last": In(1),
            "result_index": In(token),
            "result_logit": In(32),
            "load": Out(load_signature(self.program_depth, INSTRUCTION_WIDTH)),
        }

    def cost(self, device: Device) -> Cost:
        memories = (self.prompt, self.output, self.best)
        return sum((one.cost(device) for one in memories), Cost(lut=120, ff=220))

    def create(self) -> HostMemories:
        return HostMemories(self)


class HostMemories(wiring.Component):
    """The memories.

    Attributes
    ----------
    idle : in
        No run is under way: prompt and program may be written.
    prompt_index, prompt_index_write, prompt_index_data : out, in, in
    prompt_write, prompt_data : in
        A register whose place moves on, and writes to the word at that place.
    program_index, program_index_write, program_index_data : out, in, in
    program_write, program_data : in
    output_index, output_token : in, out
    best_index, best_token, best_logit : in, out, out
    refused : out
        High for a cycle: a write was dropped.
    prompt_address, prompt_token, output_enable, output_address, produced_token
        Of the run control.
    best_push, best_first, result_index, result_logit : in
        A logit of a result arrives, the first of it or another.
    load : out
        Writes the program.
    """

    def __init__(self, config: HostMemoriesConfig) -> None:
        self.config = config
        super().__init__(config.members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.prompt = prompt = config.prompt.create()
        m.submodules.output = output = config.output.create()
        m.submodules.best = best = config.best.create()
        m.d.sync += self.refused.eq(0)

        store = self._place(m, "prompt", config.context)
        width = config.token_width
        m.d.comb += [
            prompt.load.enable.eq(store),
            prompt.load.address.eq(self.prompt_index),
            prompt.load.data.eq(Cat(self.prompt_data[:width], self.prompt_data[width:].any())),
            prompt.address.eq(self.prompt_address),
            self.prompt_token.eq(prompt.data),
            output.load.enable.eq(self.output_enable),
            output.load.address.eq(self.output_address),
            output.load.data.eq(self.produced_token),
            output.address.eq(self.output_index),
            self.output_token.eq(output.data),
        ]

        place = Signal(config.best.address_width)
        with m.If(self.best_push):
            m.d.sync += place.eq(Mux(self.best_last, 0, place + 1))
        m.d.comb += [
            best.load.enable.eq(self.best_push),
            best.load.address.eq(place),
            best.load.data.eq(Cat(self.result_logit, self.result_index)),
            best.address.eq(self.best_index),
            Cat(self.best_logit, self.best_token).eq(best.data),
        ]

        store = self._place(m, "program", _WORDS * config.program_depth)
        earlier = Signal(INSTRUCTION_WIDTH - 32)
        with m.If(store):
            m.d.sync += earlier.eq(Cat(earlier, self.program_data)[32:])
        m.d.comb += [
            self.load.enable.eq(store & (self.program_index[:2] == _WORDS - 1)),
            self.load.address.eq(self.program_index >> 2),
            self.load.data.eq(Cat(earlier, self.program_data)),
        ]
        return m

    def _place(self, m: Module, name: str, length: int) -> Signal:
        """The place of writes, moving on; returns whether a word is to be stored at it."""
        place, is_write = getattr(self, f"{name}_index"), getattr(self, f"{name}_write")
        store, may = Signal(name=f"{name}_store"), Signal(name=f"{name}_may")
        # The place stands long before a write: what it allows may come from a register.
        m.d.sync += may.eq(self.idle & (place < length))
        m.d.comb += store.eq(is_write & may)
        with m.If(getattr(self, f"{name}_index_write")):
            m.d.sync += place.eq(getattr(self, f"{name}_index_data"))
        with m.Elif(store):
            m.d.sync += place.eq(place + 1)
        with m.If(is_write & ~may):
            m.d.sync += self.refused.eq(1)
        return store


def _moving(name: str) -> dict[str, wiring.Member]:
    """Ports of a register whose place moves on, and of the words behind it."""
    return {
        f"{name}_index": Out(32),
        f"{name}_index_write": In(1),
        f"{name}_index_data": In(32),
        f"{name}_write": In(1),
        f"{name}_data": In(32),
    }
