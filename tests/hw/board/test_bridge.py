"""The bridge with the pin harness behind it and an accelerator made of Python behind that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

from sterna_hw.board import RequestBridgeConfig
from sterna_hw.board.protocol import KINDS
from sterna_hw.pin_harness import CONTROL_PINS, STREAM_PINS, PinHarnessConfig

CONFIG = RequestBridgeConfig(input_bytes=7, output_bytes=3, address_width=13, timeout=200)
HARNESS = PinHarnessConfig(2, 1, 13)


class Joined(wiring.Component):
    """Bridge and harness, by the names of their ports."""

    def __init__(self) -> None:
        super().__init__({})
        self.bridge, self.harness = CONFIG.create(), HARNESS.create()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bridge, m.submodules.harness = self.bridge, self.harness
        for name, member in {**STREAM_PINS, **CONTROL_PINS}.items():
            here, there = getattr(self.harness, name), getattr(self.bridge, name)
            m.d.comb += here.eq(there) if member.flow is In else there.eq(here)
        return m


def talk(requests: list[bytes | int], stalls: int = 1) -> tuple[bytes, dict[str, Any]]:
    """Bytes in, one each ten cycles (a number is so many cycles of silence); bytes out, and what
    the accelerator saw. It answers a frame with its sum, and has a word at each address."""
    top = Joined()
    bridge, harness = top.bridge, top.harness
    out = bytearray()
    seen: dict[str, Any] = {"frames": [], "resets": 0, "words": {0x10: 0xA1B2C3D4}}

    async def drive(ctx: Any) -> None:
        for request in requests:
            if isinstance(request, int):
                await ctx.tick().repeat(request)
                continue
            for byte in request:
                ctx.set(bridge.data, byte)
                ctx.set(bridge.valid, 1)
                await ctx.tick()
                ctx.set(bridge.valid, 0)
                await ctx.tick().repeat(9)
            await ctx.tick().repeat(300)

    async def sink(ctx: Any) -> None:
        cycle = 0
        while True:
            cycle += 1
            ctx.set(bridge.o.ready, int(cycle % stalls == 0))
            *_, valid, ready, byte, reset = await ctx.tick().sample(
                bridge.o.valid, bridge.o.ready, bridge.o.payload, bridge.reset
            )
            if valid and ready:
                out.append(byte)
            seen["resets"] += reset

    async def streams(ctx: Any) -> None:
        frame = bytearray()
        while True:
            ctx.set(harness.s_axis_tready, 1)
            *_, valid, word, last = await ctx.tick().sample(
                harness.s_axis_tvalid, harness.s_axis_tdata, harness.s_axis_tlast
            )
            if not valid:
                continue
            frame += word.to_bytes(2, "little")
            if last:
                ctx.set(harness.s_axis_tready, 0)
                seen["frames"].append(bytes(frame))
                for place, byte in enumerate(sum(frame).to_bytes(3, "little")):
                    ctx.set(harness.m_axis_tdata, byte)
                    ctx.set(harness.m_axis_tkeep, 1)
                    ctx.set(harness.m_axis_tlast, place == 2)
                    ctx.set(harness.m_axis_tvalid, 1)
                    await ctx.tick().until(harness.m_axis_tready)
                ctx.set(harness.m_axis_tvalid, 0)
                frame.clear()

    async def registers(ctx: Any) -> None:
        ready = ("awready", "wready", "arready")
        while True:
            for name in ready:
                ctx.set(getattr(harness, f"s_axil_{name}"), 1)
            *_, write, read, address, data = await ctx.tick().sample(
                harness.s_axil_awvalid,
                harness.s_axil_arvalid,
                harness.s_axil_awaddr,
                harness.s_axil_wdata,
            )
            channel = "b" if write else "r" if read else None
            if channel is None:
                continue
            for name in ready:
                ctx.set(getattr(harness, f"s_axil_{name}"), 0)
            if write:
                seen["words"][address] = data
            ctx.set(harness.s_axil_rdata, seen["words"].get(address, 0))
            ctx.set(getattr(harness, f"s_axil_{channel}resp"), 0 if address < 0x100 else 2)
            ctx.set(getattr(harness, f"s_axil_{channel}valid"), 1)
            await ctx.tick()
            ctx.set(getattr(harness, f"s_axil_{channel}valid"), 0)

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    for process in (sink, streams, registers):
        simulator.add_testbench(process, background=True)
    simulator.run()
    return bytes(out), seen


def request(kind: str, payload: bytes = b"") -> bytes:
    return CONFIG.compute(KINDS[kind], payload)


def answers(*expected: tuple[int, bytes]) -> bytes:
    return b"".join(CONFIG.compute(kind, payload) for kind, payload in expected)


@pytest.mark.parametrize("stalls", [1, 7])
def test_frames_registers_and_reset(stalls: int) -> None:
    frames = [bytes([1, 2, 3, 4, 5, 6, 7]), bytes([0x53] * 7), b"\xff\xfe"]
    write = (0x01020304).to_bytes(4, "little") + (0x20).to_bytes(4, "little")
    out, seen = talk(
        [
            request("frame", frames[0]),
            request("write", write),
            request("read", (0x20).to_bytes(4, "little")),
            request("read", (0x10).to_bytes(4, "little")),
            request("read", (0x1F0).to_bytes(4, "little")),
            request("frame", frames[1]),
            request("reset"),
            request("frame", frames[2]),
        ],
        stalls,
    )
    sums = [sum(frame).to_bytes(3, "little") for frame in frames]
    assert out == answers(
        (0x81, sums[0]),
        (0x83, b"\0"),
        (0x82, (0x01020304).to_bytes(4, "little") + b"\0"),
        (0x82, (0xA1B2C3D4).to_bytes(4, "little") + b"\0"),
        (0x82, bytes(4) + b"\2"),
        (0x81, sums[1]),
        (0x84, b""),
        (0x81, sums[2]),
    )
    padded = [frame + bytes(len(frame) % 2) for frame in frames]
    assert seen["frames"] == padded and seen["resets"] == 16


def damaged(content: bytes) -> Iterator[bytes]:
    for place in range(1, len(content)):
        if place not in (2, 3):  # another length is another request
            yield content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def test_whatever_byte_is_damaged_nothing_is_done() -> None:
    good = request("frame", b"abc")
    for bad in damaged(good):
        out, seen = talk([bad, 300, good])
        code = 2 if bad[1] != good[1] else 1
        first, rest = (
            CONFIG.compute(0xEE, bytes([code])),
            answers((0x81, (294).to_bytes(3, "little"))),
        )
        # A kind that is refused leaves bytes of the request behind, which are skipped.
        assert out.startswith(first) and out.endswith(rest) and len(seen["frames"]) == 1


@pytest.mark.parametrize(
    ("kind", "payload"),
    [(1, b""), (1, bytes(8)), (2, bytes(5)), (3, bytes(4)), (4, b"x"), (9, b""), (0x81, b"abc")],
)
def test_lengths_and_kinds_that_are_not(kind: int, payload: bytes) -> None:
    out, seen = talk([CONFIG.compute(kind, payload), 300])
    assert out.startswith(CONFIG.compute(0xEE, b"\2")) and not seen["frames"]


def test_a_request_that_stops_is_forgotten() -> None:
    good = request("read", (0x10).to_bytes(4, "little"))
    for cut in range(1, len(good), 3):
        out, _ = talk([b"\x00\x11", good[:cut], 300, good])
        assert out == answers((0x82, (0xA1B2C3D4).to_bytes(4, "little") + b"\0"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((70000, 1, 13), "Input bytes must be 0 to 65535, not 70000"),
        ((1, 0, 13), "must be 0 together"),
        ((1, 1, 0), "Address width must be"),
    ],
)
def test_bad_sizes(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RequestBridgeConfig(*arguments)


def test_without_streams_there_are_no_frames() -> None:
    config = RequestBridgeConfig(0, 0, 12)
    assert not {"rx_valid", "tx_valid"} & set(config.create().signature.members)
