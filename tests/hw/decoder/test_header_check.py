"""The image's header: what is taken for the model's own, and what is not."""

from __future__ import annotations

import pytest
from amaranth.sim import Simulator

from sterna.decoder.image import header_word
from sterna.decoder.layout import MAGIC, VERSION
from sterna_hw.decoder.header_check import IMAGE_MAGIC, IMAGE_VERSION, HeaderCheckConfig

HASH = 0x89ABCDEF


def header(magic: int, version: int, model_hash: int, port: int = 0) -> bytes:
    return b"".join(value.to_bytes(4, "little") for value in (magic, version, model_hash, port))


RIGHT = [header(MAGIC, VERSION, HASH, port) for port in range(4)]


def test_the_image_is_written_as_it_is_checked() -> None:
    assert (IMAGE_MAGIC, IMAGE_VERSION) == (MAGIC, VERSION)
    words = header_word(HASH, 4)
    assert HeaderCheckConfig(4).compute([words[0, port].tobytes() for port in range(4)], HASH)


@pytest.mark.parametrize(
    ("port", "content", "is_right"),
    [
        (0, RIGHT[0], True),
        (3, RIGHT[3], True),
        (0, header(MAGIC ^ 1, VERSION, HASH), False),
        (0, header(MAGIC, VERSION + 1, HASH), False),
        (0, header(MAGIC, VERSION, HASH ^ 1 << 31), False),
        (0, bytes(16), False),
        (2, RIGHT[1], False),
        (3, header(MAGIC, VERSION, HASH ^ 1, 3), False),
        (1, bytes(16), False),
    ],
)
@pytest.mark.parametrize("ports", [1, 4])
def test_headers(port: int, content: bytes, is_right: bool, ports: int) -> None:
    headers = RIGHT[:ports]
    headers[port % ports] = content
    is_right &= content == RIGHT[port % ports]
    config = HeaderCheckConfig(ports)
    assert config.compute(headers, HASH) == is_right
    part = config.create()

    async def play(ctx) -> None:
        ctx.set(part.model_hash, HASH)
        # What stands there without being valid must not count.
        ctx.set(part.i.payload.data[0], 5)
        await ctx.tick().repeat(4)
        assert not ctx.get(part.error)
        for number, word in enumerate(headers):
            ctx.set(part.i.payload.data[number], int.from_bytes(word, "little"))
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
