"""AXI4-Lite bridge: order and distance of channels, strobes, errors, turns, reset."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from sterna_hw.axi_lite import AxiLiteBridgeConfig

from .axi_lite_manager import OKAY, SLVERR, AxiLiteManager


def run(config: AxiLiteBridgeConfig, testbench, delay: int = 1) -> list[tuple[bool, int, int]]:
    """Plays a testbench against a bridge in front of a model of the bus: 64 words, an error for
    addresses whose upper part is not zero. Returns the requests that reached the bus."""
    bridge = config.create()
    domain = ClockDomain("sync")
    module = Module()
    module.domains += domain
    module.submodules.bridge = bridge
    requests: list[tuple[bool, int, int]] = []
    memory = [0] * 64
    finished: list[bool] = []

    async def bus(ctx) -> None:
        while not finished:
            await ctx.tick()
            if not ctx.get(bridge.bus.request):
                continue
            write, address = ctx.get(bridge.bus.write), ctx.get(bridge.bus.address)
            value = ctx.get(bridge.bus.data)
            requests.append((bool(write), address, value))
            for _ in range(delay):
                await ctx.tick()
            assert (write, address) == (ctx.get(bridge.bus.write), ctx.get(bridge.bus.address))
            if write and address < 64:
                memory[address] = value
            ctx.set(bridge.bus.acknowledge, 1)
            ctx.set(bridge.bus.error, address >= 64)
            ctx.set(bridge.bus.answer, memory[address % 64])
            await ctx.tick()
            ctx.set(bridge.bus.acknowledge, 0)
            ctx.set(bridge.bus.error, 0)

    async def play(ctx) -> None:
        await testbench(ctx, bridge, domain)
        finished.append(True)

    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bus)
    simulator.add_testbench(play)
    simulator.run()
    return requests


@pytest.mark.parametrize("seed", range(8), ids=lambda s: f"seed{s}")
def test_words_come_back(seed: int) -> None:
    generator = random.Random(seed)
    expected = [0] * 64

    async def testbench(ctx, bridge, domain) -> None:
        manager = AxiLiteManager(bridge, seed=seed)
        for _ in range(40):
            address, value = generator.randrange(80), generator.getrandbits(32)
            if generator.random() < 0.5:
                answer = await manager.write(ctx, 4 * address, value)
                assert answer == (OKAY if address < 64 else SLVERR)
                if address < 64:
                    expected[address] = value
            else:
                answer, value = await manager.read_response(ctx, 4 * address)
                assert answer == (OKAY if address < 64 else SLVERR)
                assert value == (expected[address] if address < 64 else 0)

    run(AxiLiteBridgeConfig(10), testbench, delay=1 + seed % 3)


@pytest.mark.parametrize("strobe", range(15))
def test_part_of_a_word_is_refused_and_never_reaches_the_bus(strobe: int) -> None:
    async def testbench(ctx, bridge, domain) -> None:
        manager = AxiLiteManager(bridge)
        assert await manager.write(ctx, 8, 123, strobe) == SLVERR
        assert await manager.write(ctx, 8, 5) == OKAY
        assert await manager.read(ctx, 8) == 5

    assert run(AxiLiteBridgeConfig(10), testbench) == [(True, 2, 5), (False, 2, 5)]


def test_reads_and_writes_take_turns() -> None:
    """With both sides always asking, neither waits for more than one request of the other."""

    async def testbench(ctx, bridge, domain) -> None:
        for name, value in (("awvalid", 1), ("wvalid", 1), ("wstrb", 15), ("arvalid", 1)):
            ctx.set(getattr(bridge, name), value)
        ctx.set(bridge.bready, 1)
        ctx.set(bridge.rready, 1)
        await ctx.tick().repeat(100)

    kinds = [is_write for is_write, _, _ in run(AxiLiteBridgeConfig(10), testbench)]
    assert len(kinds) > 10
    assert all(a != b for a, b in zip(kinds, kinds[1:]))


def test_a_held_response_holds_up_only_its_own_kind() -> None:
    async def testbench(ctx, bridge, domain) -> None:
        for name, value in (("awvalid", 1), ("wvalid", 1), ("wstrb", 15), ("arvalid", 1)):
            ctx.set(getattr(bridge, name), value)
        ctx.set(bridge.rready, 1)
        await ctx.tick().repeat(100)
        assert ctx.get(bridge.bvalid) and not ctx.get(bridge.awready)

    kinds = [is_write for is_write, _, _ in run(AxiLiteBridgeConfig(10), testbench)]
    assert kinds.count(True) == 1
    assert kinds.count(False) > 10


def test_reset_forgets_a_request_and_its_response() -> None:
    async def testbench(ctx, bridge, domain) -> None:
        ctx.set(bridge.awvalid, 1)
        ctx.set(bridge.arvalid, 1)
        await ctx.tick().repeat(9)
        ctx.set(bridge.awvalid, 0)
        ctx.set(bridge.arvalid, 0)
        assert ctx.get(bridge.rvalid)
        ctx.set(domain.rst, 1)
        await ctx.tick()
        ctx.set(domain.rst, 0)
        assert not ctx.get(bridge.rvalid) and not ctx.get(bridge.bvalid)
        manager = AxiLiteManager(bridge)
        assert await manager.write(ctx, 4, 77) == OKAY
        assert await manager.read(ctx, 4) == 77

    assert (True, 1, 77) in run(AxiLiteBridgeConfig(10), testbench)


@pytest.mark.parametrize("width", [2, 33])
def test_refusals(width: int) -> None:
    with pytest.raises(ValueError, match=f"Address width must be within 3 to 32, not {width}"):
        AxiLiteBridgeConfig(width)
