"""Whole accelerators whose weights come from external memory, in Amaranth's simulator: frames, the
way they begin, and what goes wrong with an image or a memory."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sterna.weight_image import image_bytes, image_hash
from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.registers import driver_table
from sterna_hw.weight_buffer import WeightBufferConfig
from sterna_hw.weight_stream import REGION_ALIGNMENT, WeightStreamConfig

from .accelerator_bench import AcceleratorBench, axi_words
from .memory_port.axi_memory import AxiMemory
from .toy_network import Toy, random_toy

BASE = 0x5000


def streamed(toy: Toy, which: Callable[[int], bool] = lambda layer: True) -> AcceleratorConfig:
    """The toy's accelerator with the weights of some of its layers in external memory."""
    stages, offset = [], REGION_ALIGNMENT
    for stage in toy.config.stages:
        buffer = stage.weights
        if isinstance(buffer, WeightBufferConfig) and which(int(stage.name.rpartition("_")[2])):
            fields = (f"{buffer.name}_stream", buffer.row_count, buffer.element_range, buffer.count)
            stream = WeightStreamConfig(*fields, buffer.words, offset, fifo_words=64)
            offset += -(-stream.region_bytes // REGION_ALIGNMENT) * REGION_ALIGNMENT
            stage = dataclasses.replace(stage, weights=stream)
        stages.append(stage)
    config = dataclasses.replace(toy.config, stages=tuple(stages))
    return dataclasses.replace(config, image_hash=image_hash(config))


class Bench:
    """A streamed accelerator, its image in memory, and frames."""

    def __init__(self, seed: int, profile: str = "none", is_steady: bool = False) -> None:
        self.toy = random_toy(seed)
        self.config = streamed(self.toy)
        generator = np.random.default_rng(seed)
        edge = self.config.input_edge
        shape = (3, edge.elements)
        self.frames = generator.integers(edge.values.low, edge.values.high + 1, shape)
        words = axi_words(self.frames, edge.values, edge.count)
        self.bench = AcceleratorBench(self.config, words, profile, seed)
        self.table = driver_table(self.config.registers)
        image = image_bytes(self.config)
        self.contents = bytearray(random.Random(seed).randbytes(BASE)) + image
        self.memories = []
        for port in range(len(self.config.streams)):
            prefix, part = f"m_axi{port}_", self.bench.part
            names = [name for name in part.signature.members if name.startswith(prefix)]
            axi = SimpleNamespace(**{n.removeprefix(prefix): getattr(part, n) for n in names})
            memory_seed = None if is_steady else 10 * seed + port
            self.memories.append(AxiMemory(axi, self.contents, 7, memory_seed))

    async def _serve(self, ctx: Any) -> None:
        signals = [signal for memory in self.memories for signal in memory.signals]
        while True:
            for memory in self.memories:
                memory.drive(ctx)
            _, _, *values = await ctx.tick("bench").sample(*signals)
            for memory in self.memories:
                count = len(memory.signals)
                memory.sample(values[:count])
                values = values[count:]

    def offset(self, register: str) -> int:
        return self.table[register]["offset"]

    def bit(self, register: str, field: str) -> int:
        return 1 << self.table[register]["fields"][field]["low"]

    async def write(self, ctx: Any, register: str, value: int) -> None:
        assert await self.bench.manager.write(ctx, self.offset(register), value) == 0

    async def read(self, ctx: Any, register: str) -> int:
        return await self.bench.manager.read(ctx, self.offset(register))

    async def begin(self, ctx: Any) -> bool:
        """Asks for the weights; whether they are being read in the end, or are the wrong ones."""
        await self.write(ctx, "image_base_low", BASE)
        await self.write(ctx, "image_base_high", 0)
        await self.write(ctx, "control", self.bit("control", "read_weights"))
        while True:
            if await self.read(ctx, "status") & self.bit("status", "reading_weights"):
                return True
            if await self.read(ctx, "error") & self.bit("error", "image_header"):
                return False

    def run(self, script: Any) -> None:
        async def play(_: AcceleratorBench, ctx: Any) -> None:
            await script(self, ctx)

        words = len(self.frames) * self.config.output_edge.beats
        self.bench.run(words, play, max_cycles=20_000, beside=self._serve)

    def check(self) -> None:
        assert np.array_equal(self.bench.frames(), self.toy.compute(self.frames))


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_frames_with_late_memories(seed: int) -> None:
    async def script(bench: Bench, ctx: Any) -> None:
        # A frame is offered from the start, and not taken.
        await ctx.tick("bench").repeat(20)
        assert not bench.bench.taken
        assert await bench.begin(ctx)

    bench = Bench(seed, ["none", "alternate", "ready_only_when_valid"][seed % 3])
    assert len(bench.memories) == len(bench.toy.parameters.weights)
    bench.run(script)
    bench.check()


def test_a_wrong_image_is_told_and_another_one_taken() -> None:
    async def script(bench: Bench, ctx: Any) -> None:
        await bench.write(ctx, "interrupt", 1 << 18)
        bench.contents[BASE + 8] ^= 1
        for _ in range(2):
            assert not await bench.begin(ctx)
            assert await bench.read(ctx, "status") & bench.bit("status", "error")
            assert ctx.get(bench.bench.part.interrupt)
            await bench.write(ctx, "error", bench.bit("error", "image_header"))
            await bench.write(ctx, "interrupt", 1 << 18 | bench.bit("interrupt", "error"))
            # The other ports' headers are wrong too, and some come later.
            await ctx.tick("bench").repeat(100)
            await bench.write(ctx, "error", bench.bit("error", "image_header"))
        assert not bench.bench.taken
        bench.contents[BASE + 8] ^= 1
        assert await bench.begin(ctx)
        assert await bench.read(ctx, "error") == 0
        assert await bench.read(ctx, "image_hash") == bench.config.image_hash
        assert await bench.read(ctx, "image_words") == bench.config.memory.image_bytes // 16

    bench = Bench(1)
    bench.run(script)
    bench.check()


def test_a_failing_read_is_told_and_frames_go_on() -> None:
    async def script(bench: Bench, ctx: Any) -> None:
        first = next(iter(bench.config.streams.values()))
        bench.memories[0].fails_at = BASE + first.offset
        assert await bench.begin(ctx)
        while not await bench.read(ctx, "error"):
            pass
        assert await bench.read(ctx, "error") == bench.bit("error", "read_response")

    Bench(2).run(script)


def test_a_reset_needs_a_new_begin() -> None:
    async def script(bench: Bench, ctx: Any) -> None:
        assert await bench.begin(ctx)
        while not bench.bench.taken:
            await ctx.tick("bench")
        await bench.bench.reset(ctx)
        for memory in bench.memories:
            memory.reads.clear()
            memory.now, memory.outstanding = None, 0
        bench.bench.given.clear()
        edge = bench.config.input_edge
        bench.bench.words[:] = axi_words(bench.frames, edge.values, edge.count)
        assert not await bench.read(ctx, "status") & bench.bit("status", "reading_weights")
        assert await bench.begin(ctx)

    bench = Bench(3, is_steady=True)
    bench.run(script)
    bench.check()


def test_some_layers_may_stream() -> None:
    toy = random_toy(4, reloadable=True)
    config = streamed(toy, lambda layer: layer == 1)
    assert list(config.streams) == ["layer_1"]
    assert config.identity.memory_ports == 1
    others = [memory.stage for memory in config.memories() if memory.kind == "weights"]
    assert "layer_1" not in others and "layer_0" in others


def test_refusals() -> None:
    config = streamed(random_toy(4))
    stages = []
    for stage in config.stages:
        if isinstance(stage.weights, WeightStreamConfig):
            stage = dataclasses.replace(
                stage, weights=dataclasses.replace(stage.weights, offset=REGION_ALIGNMENT)
            )
        stages.append(stage)
    with pytest.raises(ValueError, match="Regions of layer_0 and layer_1 must be apart"):
        dataclasses.replace(config, stages=tuple(stages))
    with pytest.raises(ValueError, match="Image hash must fit 32 bits, not -1"):
        dataclasses.replace(config, image_hash=-1)
