"""A whole decoder accelerator in Amaranth's simulator, with AXI4-Lite and memories around it.

The memories hold the image that a board would get; each port's region begins at another address.
Scripts talk to the registers by the names of the table. For decoders of a few thousand cycles a
token only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.sim import Simulator

from sterna.decoder.assembler import assemble, decoder_program
from sterna.decoder.image import image_hash, write_image
from sterna.decoder.image_files import port_file
from sterna.decoder.integers import DecoderIntegers
from sterna.decoder.layout import DecoderLayout
from sterna_hw.decoder.decoder_accelerator import DecoderAcceleratorConfig
from sterna_hw.decoder.decoder_core import DecoderCoreConfig
from sterna_hw.registers import driver_table

from ..axi_lite_manager import AxiLiteManager
from ..memory_port.axi_memory import AxiMemory

Script = Callable[["DecoderBench", Any], Awaitable[None]]

REGION_STEP = 0x3000
"""Between the beginnings of the ports' regions in their memories."""


def make_config(
    model: DecoderIntegers, ports: int, lanes: int, tables: int, queries: int, **options: Any
) -> tuple[DecoderAcceleratorConfig, DecoderLayout]:
    """An accelerator for a model, with groups of three."""
    shape = model.shape
    layout = DecoderLayout(shape, ports, 3 * tables, queries)
    core = DecoderCoreConfig(
        hidden=shape.hidden,
        feed_forward=shape.feed_forward,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head_size=shape.head_size,
        vocabulary=shape.vocabulary,
        context=shape.context,
        ports=ports,
        lanes=lanes,
        tables=tables,
        group=3,
        queries=queries,
        activation=shape.activation,
        embedding_shift=model.embedding_shift,
        gate_shift=model.gate_shift,
        **{
            "program": assemble(decoder_program(layout)),
            "program_depth": 32,
            "prefetch_words": 64,
            "burst_beats": 16,
            **options,
        },
    )
    hash_bits = image_hash(model, layout, core.matmul, core.trits)
    return DecoderAcceleratorConfig("top", core, 0x1234, hash_bits), layout


class DecoderBench:
    """One accelerator with its memories.

    Parameters
    ----------
    config, layout
        As `make_config` gives them.
    model : :class:`DecoderIntegers`
        What the memories hold.
    latency : :class:`int`
        Cycles from a read's address to its first data.
    seed : :class:`int`, optional
        Makes latency and readiness of memory and the manager's delays random.
    """

    def __init__(
        self,
        config: DecoderAcceleratorConfig,
        layout: DecoderLayout,
        model: DecoderIntegers,
        *,
        latency: int = 20,
        seed: int | None = None,
    ) -> None:
        self.config, self.layout, self.model = config, layout, model
        self.part = config.create()
        self.table = driver_table(config.registers)
        self.manager = AxiLiteManager(self.part, "s_axil_", seed=seed, domain="bench")
        self.domain = ClockDomain("bench")
        self.memories: list[AxiMemory] = []
        self.cycle = 0
        with tempfile.TemporaryDirectory() as folder:
            write_image(model, layout, config.core.matmul, config.core.trits, Path(folder))
            images = [port_file(Path(folder), port).read_bytes() for port in range(layout.ports)]
        for port, image in enumerate(images):
            contents = bytearray(REGION_STEP * (port + 1))
            contents += image + bytes(layout.memory_bytes - len(image))
            names = {
                name.removeprefix(f"m_axi{port}_"): getattr(self.part, name)
                for name in self.part.signature.members
                if name.startswith(f"m_axi{port}_")
            }
            own_seed = None if seed is None else 100 * seed + port
            self.memories.append(AxiMemory(SimpleNamespace(**names), contents, latency, own_seed))

    def run(self, script: Script, max_cycles: int = 100_000) -> None:
        module = Module()
        module.domains += self.domain
        module.submodules.part = self.part
        module.d.comb += [
            self.part.aclk.eq(ClockSignal("bench")),
            self.part.aresetn.eq(~ResetSignal("bench")),
        ]
        finished: list[bool] = []

        async def memory(ctx: Any) -> None:
            while not finished:
                assert self.cycle < max_cycles, "the script did not end"
                for port in self.memories:
                    port.drive(ctx)
                for port in self.memories:
                    port.sample([ctx.get(signal) for signal in port.signals])
                await ctx.tick("bench")
                self.cycle += 1

        async def scripted(ctx: Any) -> None:
            for port in range(len(self.memories)):
                await self.write(ctx, f"base{port}_low", REGION_STEP * (port + 1))
            await self.write(ctx, "memory_words", self.layout.memory_bytes // 16)
            await script(self, ctx)
            finished.append(True)

        simulator = Simulator(module)
        simulator.add_clock(1e-6, domain="bench")
        simulator.add_testbench(memory)
        simulator.add_testbench(scripted)
        simulator.run()

    async def read(self, ctx: Any, register: str, field: str = "value") -> int:
        facts = self.table[register]["fields"][field]
        value = await self.manager.read(ctx, self.table[register]["offset"])
        return value >> facts["low"] & ((1 << facts["width"]) - 1)

    async def write(self, ctx: Any, register: str, value: int) -> None:
        assert await self.manager.write(ctx, self.table[register]["offset"], value) == 0

    async def errors(self, ctx: Any) -> set[str]:
        """Names of the error bits that are set."""
        value = await self.manager.read(ctx, self.table["error"]["offset"])
        fields = self.table["error"]["fields"]
        return {name for name, facts in fields.items() if value >> facts["low"] & 1}

    async def start(
        self, ctx: Any, prompt: Sequence[int], generate: int, position: int = 0
    ) -> None:
        await self.write(ctx, "prompt_index", 0)
        for token in prompt:
            await self.write(ctx, "prompt_token", token)
        await self.write(ctx, "start_position", position)
        await self.write(ctx, "prompt_count", len(prompt))
        await self.write(ctx, "generate_count", generate)
        await self.write(ctx, "control", 1)

    async def wait(self, ctx: Any, polls: int = 4000) -> None:
        """Until the run is over, well or not."""
        for _ in range(polls):
            if await self.read(ctx, "status", "idle") or await self.read(ctx, "status", "failed"):
                return
            await ctx.tick("bench").repeat(30)
        raise AssertionError("the run did not end")

    async def output(self, ctx: Any) -> list[int]:
        """The tokens that the latest run produced."""
        tokens = []
        for index in range(await self.read(ctx, "produced")):
            await self.write(ctx, "output_index", index)
            tokens.append(await self.read(ctx, "output_token"))
        return tokens

    async def best(self, ctx: Any) -> list[tuple[int, int]]:
        """Tokens and logits of the latest result."""
        pairs = []
        for index in range(self.config.core.best_count):
            await self.write(ctx, "best_index", index)
            token = await self.read(ctx, "best_token")
            logit = await self.read(ctx, "best_logit")
            pairs.append((token, logit - (logit >> 31 << 32)))
        return pairs
