"""The pin harness between byte streams and stalling wide buses, and its register access."""

from __future__ import annotations

import random

import pytest
from amaranth.sim import Simulator, SimulatorContext

from sterna_hw.pin_harness import PinHarness, PinHarnessConfig
from sterna_hw.verilog import emit


def simulate(harness: PinHarness, *testbenches) -> None:
    simulator = Simulator(harness)
    simulator.add_clock(1e-8)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("size", [1, 2, 8])
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_bytes_gather_into_words(size: int, seed: int) -> None:
    draw = random.Random(seed)
    frames = [bytes(draw.randrange(256) for _ in range(draw.randint(1, 20))) for _ in range(6)]
    expected = []
    for frame in frames:
        words = [frame[i : i + size].ljust(size, b"\0") for i in range(0, len(frame), size)]
        expected += [(word, i == len(words) - 1) for i, word in enumerate(words)]
    harness = PinHarnessConfig(size, 1, 8).create()
    seen = []

    async def source(ctx: SimulatorContext) -> None:
        for frame in frames:
            for place, byte in enumerate(frame):
                while draw.random() < 0.3:
                    ctx.set(harness.rx_data, draw.randrange(256))
                    await ctx.tick()
                ctx.set(harness.rx_data, byte)
                ctx.set(harness.rx_last, place == len(frame) - 1)
                ctx.set(harness.rx_valid, 1)
                await ctx.tick().until(harness.rx_ready)
                ctx.set(harness.rx_valid, 0)

    async def sink(ctx: SimulatorContext) -> None:
        while len(seen) < len(expected):
            ctx.set(harness.s_axis_tready, draw.random() < 0.5)
            ports = (harness.s_axis_tvalid, harness.s_axis_tready)
            ports += (harness.s_axis_tdata, harness.s_axis_tlast)
            *_, valid, ready, word, last = await ctx.tick().sample(*ports)
            if valid and ready:
                seen.append((word.to_bytes(size, "little"), bool(last)))

    simulate(harness, source, sink)
    assert seen == expected


@pytest.mark.parametrize("size", [1, 2, 8])
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_words_leave_as_kept_bytes(size: int, seed: int) -> None:
    draw = random.Random(seed)
    beats = []
    for _ in range(12):
        last = draw.random() < 0.4
        kept = draw.randint(1, size) if last else size
        beats.append((bytes(draw.randrange(256) for _ in range(size)), kept, last))
    expected = []
    for word, kept, last in beats:
        expected += [(word[i], last and i == kept - 1) for i in range(kept)]
    harness = PinHarnessConfig(1, size, 8).create()
    seen = []

    async def source(ctx: SimulatorContext) -> None:
        for word, kept, last in beats:
            while draw.random() < 0.3:
                await ctx.tick()
            ctx.set(harness.m_axis_tdata, int.from_bytes(word, "little"))
            ctx.set(harness.m_axis_tkeep, (1 << kept) - 1)
            ctx.set(harness.m_axis_tlast, last)
            ctx.set(harness.m_axis_tvalid, 1)
            await ctx.tick().until(harness.m_axis_tready)
            ctx.set(harness.m_axis_tvalid, 0)

    async def sink(ctx: SimulatorContext) -> None:
        while len(seen) < len(expected):
            ctx.set(harness.tx_ready, draw.random() < 0.6)
            ports = (harness.tx_valid, harness.tx_ready, harness.tx_data, harness.tx_last)
            *_, valid, ready, byte, last = await ctx.tick().sample(*ports)
            if valid and ready:
                seen.append((byte, bool(last)))

    simulate(harness, source, sink)
    assert seen == expected


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
@pytest.mark.parametrize("streams", [8, 0], ids=["streams", "registers only"])
def test_registers_are_written_and_read(seed: int, streams: int) -> None:
    """Random transactions against a register file that answers each channel when it likes."""
    draw = random.Random(seed)
    width = 13
    harness = PinHarnessConfig(streams, streams, width).create()
    registers = {address: draw.getrandbits(32) for address in range(0, 40, 4)}
    wanted, got = [], []

    async def slave(ctx: SimulatorContext) -> None:
        taken: dict[str, int] = {}
        while True:
            payloads = {"aw": harness.s_axil_awaddr, "w": harness.s_axil_wdata}
            payloads["ar"] = harness.s_axil_araddr
            for channel, payload in payloads.items():
                if ctx.get(getattr(harness, f"s_axil_{channel}ready")):
                    taken[channel] = ctx.get(payload)
                free = channel not in taken and draw.random() < 0.4
                valid = ctx.get(getattr(harness, f"s_axil_{channel}valid"))
                ctx.set(getattr(harness, f"s_axil_{channel}ready"), bool(free and valid))
            ctx.set(harness.s_axil_bvalid, 0)
            ctx.set(harness.s_axil_rvalid, 0)
            if {"aw", "w"} <= taken.keys():
                address, data = taken.pop("aw"), taken.pop("w")
                ctx.set(harness.s_axil_bresp, 0 if address in registers else 2)
                ctx.set(harness.s_axil_bvalid, 1)
                if address in registers:
                    registers[address] = data
            if "ar" in taken:
                address = taken.pop("ar")
                ctx.set(harness.s_axil_rdata, registers.get(address, 0))
                ctx.set(harness.s_axil_rresp, 0 if address in registers else 2)
                ctx.set(harness.s_axil_rvalid, 1)
            await ctx.tick()

    async def pins(ctx: SimulatorContext) -> None:
        model = dict(registers)
        for _ in range(25):
            write, address = draw.random() < 0.5, draw.choice([*model, 1024])
            data = draw.getrandbits(32)
            command = write << (32 + width) | address << 32 | data
            for bit in reversed(range(33 + width)):
                ctx.set(harness.control_in, command >> bit & 1)
                ctx.set(harness.control_shift, 1)
                await ctx.tick()
            ctx.set(harness.control_shift, 0)
            ctx.set(harness.control_start, 1)
            await ctx.tick()
            ctx.set(harness.control_start, 0)
            while not ctx.get(harness.control_done):
                await ctx.tick()
            answer = 0
            ctx.set(harness.control_shift, 1)
            for _ in range(34):
                answer = answer << 1 | ctx.get(harness.control_out)
                await ctx.tick()
            ctx.set(harness.control_shift, 0)
            response = 0 if address in model else 2
            if write:
                got.append(answer >> 32)
                wanted.append(response)
                model.update({address: data} if address in model else {})
            else:
                got.append(answer)
                wanted.append(response << 32 | model.get(address, 0))
        assert model == registers

    simulator = Simulator(harness)
    simulator.add_clock(1e-8)
    simulator.add_testbench(slave, background=True)
    simulator.add_testbench(pins)
    simulator.run()
    assert len(got) == 25 and got == wanted


@pytest.mark.parametrize("field", ["input_bytes", "output_bytes", "address_width"])
def test_sizes_must_be_positive(field: str) -> None:
    sizes = {"input_bytes": 8, "output_bytes": 8, "address_width": 13, field: 0}
    with pytest.raises(ValueError, match="must be 1 or more, not 0"):
        PinHarnessConfig(**sizes)


def test_top_has_few_pins_and_holds_the_accelerator() -> None:
    files = emit(PinHarnessConfig(8, 8, 13).create_top("digits"), "digits_pins")
    text = files["digits_pins.v"]
    assert "digits accelerator (" in text.replace("\\", "") or "digits \\accelerator" in text
    header = text[text.index("module digits_pins") : text.index(");")]
    assert len(header.split(",")) == 16


def test_registers_only_need_fewer_pins() -> None:
    files = emit(PinHarnessConfig(0, 0, 13).create_top("digits"), "digits_pins")
    text = files["digits_pins.v"]
    header = text[text.index("module digits_pins") : text.index(");")]
    assert len(header.split(",")) == 8
    assert "axis" not in text and "s_axil_rdata" in text
