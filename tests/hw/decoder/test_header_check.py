"""The image's header: what is taken for the model's own, and what is not."""

from __future__ import annotations

import pytest
from amaranth.sim import Simulator

from sterna.decoder.layout import MAGIC, VERSION
from sterna_hw.decoder.header_check import IMAGE_MAGIC, IMAGE_VERSION, HeaderCheckConfig

HASH = 0x89ABCDEF


def header(magic: int, version: int, model_hash: int) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in (magic, version, model_hash, 0))


def test_the_image_is_written_as_it_is_checked() -> None:
    assert (IMAGE_MAGIC, IMAGE_VERSION) == (MAGIC, VERSION)


@pytest.mark.parametrize(
    ("content", "is_right"),
    [
        (header(MAGIC, VERSION, HASH), True),
        (header(MAGIC ^ 1, VERSION, HASH), False),
        (header(MAGIC, VERSION + 1, HASH), False),
        (header(MAGIC, VERSION, HASH ^ 1 << 31), False),
        (bytes(16), False),
    ],
)
@pytest.mark.parametrize("ports", [1, 4])
def test_headers(content: bytes, is_right: bool, ports: int) -> None:
    config = HeaderCheckConfig(ports)
    assert config.compute(content, HASH) == is_right
    part = config.create()

    async def play(ctx) -> None:
        ctx.set(part.model_hash, HASH)
        # What stands there without being valid must not count.
        ctx.set(part.i.payload.data[0], 5)
        await ctx.tick().repeat(4)
        assert not ctx.get(part.error)
        ctx.set(part.i.payload.data[0], int.from_bytes(content, "little"))
        ctx.set(part.i.valid, 1)
        assert ctx.get(part.i.ready)
        await ctx.tick()
        ctx.set(part.i.valid, 0)
        ctx.set(part.i.payload.data[0], 7)
        await ctx.tick().repeat(4)
        assert bool(ctx.get(part.error)) == (not is_right)

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play)
    simulator.run()
