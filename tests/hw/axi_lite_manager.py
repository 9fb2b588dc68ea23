"""A manager for AXI4-Lite in Amaranth's simulator, with delays drawn from a seed.

Address and data of a write come in a random order, responses are taken late, and the rules of the
handshake are checked: a response stays, unchanged, until it is taken, and none comes unasked.
"""

from __future__ import annotations

import random
from typing import Any

OKAY, SLVERR = 0, 2


class AxiLiteManager:
    """Reads and writes through the ports of ``part``, whose names start with ``prefix``."""

    def __init__(self, part: Any, prefix: str = "", seed: int | None = None, domain: str = "sync"):
        self._port = lambda name: getattr(part, prefix + name)
        self._random = random.Random(seed)
        self._is_random = seed is not None
        self._domain = domain

    def _delay(self) -> int:
        return self._random.choice((0, 0, 1, 2, 5)) if self._is_random else 0

    async def _offer(self, ctx: Any, channel: str, start: int, state: dict) -> None:
        """One cycle's part in offering a beat on an incoming channel."""
        valid, ready = self._port(f"{channel}valid"), self._port(f"{channel}ready")
        is_offered = not state[channel] and state["cycle"] >= start
        ctx.set(valid, is_offered)
        if is_offered and ctx.get(ready):
            state[channel] = True

    async def write(self, ctx: Any, address: int, value: int, strobe: int = 15) -> int:
        """Writes a word; returns the response."""
        ctx.set(self._port("awaddr"), address)
        ctx.set(self._port("wdata"), value)
        ctx.set(self._port("wstrb"), strobe)
        starts = {"aw": self._delay(), "w": self._delay()}
        response = await self._transact(ctx, starts, "b", ("bresp",))
        return response["bresp"]

    async def read_response(self, ctx: Any, address: int) -> tuple[int, int]:
        """Reads a word; returns response and data."""
        ctx.set(self._port("araddr"), address)
        response = await self._transact(ctx, {"ar": self._delay()}, "r", ("rresp", "rdata"))
        return response["rresp"], response["rdata"]

    async def read(self, ctx: Any, address: int) -> int:
        """Reads a word that must exist."""
        response, value = await self.read_response(ctx, address)
        assert response == OKAY, hex(address)
        return value

    async def _transact(
        self, ctx: Any, starts: dict[str, int], back: str, fields: tuple[str, ...]
    ) -> dict[str, int]:
        state: dict = {channel: False for channel in starts} | {"cycle": 0}
        patience, seen = self._delay(), None
        while state["cycle"] < 100:
            for channel, start in starts.items():
                await self._offer(ctx, channel, start, state)
            offered = ctx.get(self._port(f"{back}valid"))
            values = {field: ctx.get(self._port(field)) for field in fields}
            takes = bool(offered) and patience <= 0
            if offered:
                asked = all(state[channel] for channel in starts)
                assert asked, "a response came before its request"
                assert seen in (None, values), "a response changed before it was taken"
                seen, patience = values, patience - 1
            else:
                assert seen is None, "a response was withdrawn"
            # Ready may stand before valid; it then falls again if this response is to wait.
            ctx.set(self._port(f"{back}ready"), takes or not offered)
            await ctx.tick(self._domain)
            state["cycle"] += 1
            if takes:
                ctx.set(self._port(f"{back}ready"), 0)
                return values
        raise AssertionError("no response within 100 cycles")
