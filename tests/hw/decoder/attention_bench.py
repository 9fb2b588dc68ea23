"""Runs an attention unit: lays out memory words as the cache and the head have them, and unpacks.

All that is beyond the last row of a command is random junk, in headers too.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import Out

from sterna_hw.decoder.attention_command import logit_layout
from sterna_hw.decoder.attention_unit import AttentionUnitConfig
from sterna_hw.stream_buffer import StreamBufferConfig
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import PartRun
from sterna_sim.stalls import StallProfile, find_profile

from .attention_telling import Case

__all__ = ["Command", "WatchedUnit", "run_unit"]


@dataclass
class Command:
    """An attention case, or a head ``(rows, hidden)`` with the codes of its vector."""

    lane: int
    case: Case | None = None
    head: np.ndarray | None = None
    codes: np.ndarray | None = None

    @property
    def vector(self) -> np.ndarray:
        assert self.codes is not None
        return self.codes

    @property
    def rows(self) -> int:
        if self.case is not None:
            return len(self.case.kappa_k)
        assert self.head is not None
        return len(self.head)


class WatchedUnit(wiring.Component):
    """The unit with its stream of all logits caught in a queue, so that a bench can take it."""

    def __init__(self, config: AttentionUnitConfig) -> None:
        self.unit = config.create()
        members = dict(self.unit.signature.members)
        shape = logit_layout(config.vocabulary, "last")
        members["logits"] = Out(stream.Signature(shape))
        self.queue = StreamBufferConfig(shape, 256).create()
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit, m.submodules.queue = self.unit, self.queue
        for name in ("command", "query", "query_scale", "words"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(self.unit, name))
        for name in ("o", "best"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(self.unit, name))
        wiring.connect(m, wiring.flipped(self.logits), self.queue.o)
        m.d.comb += [
            self.queue.i.valid.eq(self.unit.logits.valid),
            self.queue.i.payload.index.eq(self.unit.logits.index),
            self.queue.i.payload.logit.eq(self.unit.logits.logit),
            self.idle.eq(self.unit.idle),
        ]
        return m


def as_bytes(values: np.ndarray) -> bytes:
    return np.asarray(values, dtype=np.int8).tobytes()


def scale_bytes(scale: tuple[int, int]) -> bytes:
    mantissa, exponent = scale
    return mantissa.to_bytes(2, "little") + exponent.to_bytes(2, "little", signed=True)


def words_of(config: AttentionUnitConfig, rows: Sequence[bytes], junk: random.Random) -> list[int]:
    """Words of rows of equal size, row r on port r mod P; one more junk bit is ``last``."""
    size, ports = len(rows[0]), config.ports
    words = []
    for slot in range(-(-len(rows) // ports)):
        here = [
            rows[slot * ports + port] if slot * ports + port < len(rows) else junk.randbytes(size)
            for port in range(ports)
        ]
        for start in range(0, size, 16):
            word = b"".join(row[start : start + 16] for row in here)
            words.append(int.from_bytes(word, "little") | junk.getrandbits(1) << 128 * ports)
    return words


def command_words(config: AttentionUnitConfig, command: Command, junk: random.Random) -> list[int]:
    if command.head is not None:
        return words_of(config, [as_bytes(row) for row in command.head], junk)
    case = command.case
    assert case is not None
    keys, values = [], []
    for j in range(command.rows):
        header = scale_bytes(case.kappa_k[j]) + scale_bytes(case.kappa_v[j])
        keys.append(header + bytes(8) + as_bytes(case.keys[j]))
        values.append(bytes(16) + as_bytes(case.values[j]))
    return words_of(config, keys, junk) + words_of(config, values, junk)


def _width(count: int) -> int:
    return max(1, (count - 1).bit_length())


def command_payload(config: AttentionUnitConfig, command: Command) -> int:
    slot, port = divmod(command.rows - 1, config.ports)
    place, payload = 0, 0
    fields = [(int(command.case is None), 1), (command.lane, _width(config.lanes))]
    fields += [(slot, _width(config.slots)), (port, _width(config.ports))]
    for value, width in fields:
        payload |= value << place
        place += width
    return payload


def loading_controls(
    config: AttentionUnitConfig, commands: Sequence[Command]
) -> dict[str, list[int]]:
    """Queries and their scales, before the first command: one beat a cycle, with gaps."""
    valid, payloads, scales, has_scale = [], [], [], []
    lane_width = _width(config.lanes)
    for command in commands:
        case = command.case
        codes = case.query.ravel() if case is not None else command.vector
        mantissa, exponent = case.kappa_q if case is not None else (0, 0)
        beats = codes.reshape(-1, config.count)
        for number, beat in enumerate(beats):
            bits = 8 * config.count
            payload = int.from_bytes(as_bytes(beat), "little")
            payload |= int(number == len(beats) - 1) << bits | command.lane << bits + 1
            scale = mantissa | (exponent & 0xFFF) << 16 | command.lane << 28
            valid += [1, 0]
            payloads += [payload, (1 << bits + 1 + lane_width) - 1]
            has_scale += [int(number == 0 and case is not None), 0]
            scales += [scale, (1 << 28 + lane_width) - 1]
    return {
        "query.valid": [*valid, 0],
        "query.payload": [*payloads, 0],
        "query_scale.valid": [*has_scale, 0],
        "query_scale.payload": [*scales, 0],
    }


def run_unit(
    config: AttentionUnitConfig,
    commands: Sequence[Command],
    profile: str = "none",
    seed: int = 0,
    reset_at: int | None = None,
) -> tuple[PartRun, int]:
    """Runs commands of different lanes; returns what happened and how many cycles loading took."""
    junk = random.Random(seed)
    controls = loading_controls(config, commands)
    loading = len(controls["query.valid"]) + 3
    base = find_profile(profile)

    def after_loading(generator: random.Random, end: str) -> Iterator[bool]:
        wait = itertools.repeat(False, loading if end == "source" else 0)
        return itertools.chain(wait, base.rule(generator, end))

    waiting = StallProfile("loading", "", after_loading, base.sharing, base.sink_waits)
    words = [word for command in commands for word in command_words(config, command, junk)]
    results = sum(1 for command in commands if command.case is not None)
    heads = [command for command in commands if command.head is not None]
    run = run_part(
        WatchedUnit(config),
        {"command": [command_payload(config, c) for c in commands], "words": words},
        {
            "o": results * config.heads * config.head_size // config.count,
            "best": sum(min(config.best_count, command.rows) for command in heads),
            "logits": sum(command.rows for command in heads),
        },
        waiting,
        seed,
        controls=controls,
        reset_at=None if reset_at is None else reset_at + loading,
    )
    return run, loading
