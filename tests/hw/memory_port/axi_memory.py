"""An AXI4 memory in Python for Amaranth's simulator: checks the protocol, answers late at random.

One object is one port. `AxiMemory.drive` is called before each clock edge with what the port is to
see in this cycle; `AxiMemory.sample` takes what happened in it. With no randomness the memory is
ideal: always ready, the first beat of a burst ``latency`` cycles after its address, all others
without gaps. Signals hold until they are taken, and data lines carry junk while not valid.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any

READ_ADDRESS = ("araddr", "arlen", "arsize", "arburst", "arvalid")
WRITE_ADDRESS = ("awaddr", "awlen", "awsize", "awburst", "awvalid")
WRITE_DATA = ("wdata", "wstrb", "wlast", "wvalid")


class AxiMemory:
    """Bytes of one port's address space, and the state of its channels."""

    def __init__(self, axi: Any, contents: bytearray, latency: int, seed: int | None) -> None:
        self.axi = axi
        self.contents = contents
        self.latency = latency
        self.is_random = seed is not None
        self.generator = random.Random(seed)
        self.cycle = 0
        self.reads: deque[tuple[int, int, int]] = deque()  # due, address, last
        self.now: tuple[int, int, int] | None = None
        self.writes: deque[tuple[int, int]] = deque()  # address, beats
        self.data: deque[tuple[int, int]] = deque()  # value, last
        self.answers: deque[int] = deque()  # due
        self.held: dict[str, tuple] = {}
        self.bursts: list[tuple[int, int]] = []
        self.fails_at: int | None = None
        """Reads of this address are answered by an error."""
        self.ready = {"ar": True, "aw": True, "w": True}
        self.outstanding = self.most_outstanding = 0
        names = [name for group in (READ_ADDRESS, WRITE_ADDRESS, WRITE_DATA) for name in group]
        self.names = [name for name in (*names, "rready", "bready") if hasattr(axi, name)]

    @property
    def signals(self) -> list[Any]:
        return [getattr(self.axi, name) for name in self.names]

    def drive(self, ctx: Any) -> None:
        lucky = self.generator.random
        for channel in self.ready:
            if hasattr(self.axi, f"{channel}ready"):
                self.ready[channel] = not self.is_random or lucky() < 0.6
                ctx.set(getattr(self.axi, f"{channel}ready"), self.ready[channel])
        if hasattr(self.axi, "rvalid"):
            self._drive_read(ctx)
        if hasattr(self.axi, "bvalid"):
            due = bool(self.answers) and self.answers[0] <= self.cycle
            ctx.set(self.axi.bvalid, due)
            ctx.set(self.axi.bresp, self.generator.getrandbits(2) if not due else 0)

    def _drive_read(self, ctx: Any) -> None:
        if self.now is None and self.reads and self.reads[0][0] <= self.cycle:
            if not self.is_random or self.generator.random() < 0.7:
                self.now = self.reads.popleft()
        ctx.set(self.axi.rvalid, self.now is not None)
        if self.now is None:
            ctx.set(self.axi.rdata, self.generator.getrandbits(128))
            ctx.set(self.axi.rlast, self.generator.getrandbits(1))
            ctx.set(self.axi.rresp, self.generator.getrandbits(2))
            return
        _, address, last = self.now
        ctx.set(self.axi.rdata, int.from_bytes(self.contents[address : address + 16], "little"))
        ctx.set(self.axi.rlast, last)
        ctx.set(self.axi.rresp, 2 if address == self.fails_at else 0)

    def sample(self, values: list[int]) -> None:
        seen = dict(zip(self.names, values, strict=True))
        if "arvalid" in seen:
            if self._handshake("ar", [seen[name] for name in READ_ADDRESS], self.ready["ar"]):
                self._accept_read(seen)
            assert seen["rready"]
            if self.now is not None:
                self.outstanding -= self.now[2]
                self.now = None
        if "awvalid" in seen:
            if self._handshake("aw", [seen[name] for name in WRITE_ADDRESS], self.ready["aw"]):
                self._check_burst(seen["awaddr"], seen["awlen"], seen["awsize"], seen["awburst"])
                self.writes.append((seen["awaddr"], seen["awlen"] + 1))
                self.outstanding += 1
            if self._handshake("w", [seen[name] for name in WRITE_DATA], self.ready["w"]):
                assert seen["wstrb"] == 0xFFFF
                self.data.append((seen["wdata"], seen["wlast"]))
            assert seen["bready"]
            if self.answers and self.answers[0] <= self.cycle:
                self.answers.popleft()
                self.outstanding -= 1
            self._write()
        self.most_outstanding = max(self.most_outstanding, self.outstanding)
        self.cycle += 1

    def _handshake(self, channel: str, values: list[int], ready: bool) -> bool:
        *payload, valid = values
        before = self.held.pop(channel, None)
        if before is not None:
            assert valid and tuple(payload) == before, f"{channel} did not hold"
        if valid and not ready:
            self.held[channel] = tuple(payload)
        return bool(valid and ready)

    def _accept_read(self, seen: dict[str, int]) -> None:
        address, beats = seen["araddr"], seen["arlen"] + 1
        self._check_burst(address, seen["arlen"], seen["arsize"], seen["arburst"])
        due = self.cycle + self.latency + (self.generator.randrange(30) if self.is_random else 0)
        for beat in range(beats):
            self.reads.append((due, address + 16 * beat, int(beat == beats - 1)))
        self.outstanding += 1

    def _check_burst(self, address: int, length: int, size: int, burst: int) -> None:
        assert (size, burst) == (4, 1)
        assert address % 16 == 0
        assert address // 4096 == (address + 16 * length) // 4096
        assert address + 16 * (length + 1) <= len(self.contents)
        self.bursts.append((address, length + 1))

    def _write(self) -> None:
        while self.writes and len(self.data) >= self.writes[0][1]:
            address, beats = self.writes.popleft()
            for beat in range(beats):
                value, last = self.data.popleft()
                assert last == (beat == beats - 1)
                place = address + 16 * beat
                self.contents[place : place + 16] = value.to_bytes(16, "little")
            late = self.generator.randrange(30) if self.is_random else 0
            self.answers.append(self.cycle + self.latency + late)
