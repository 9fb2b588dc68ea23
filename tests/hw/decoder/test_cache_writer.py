"""Records of the cache: bytes, headers, order, stalls, exact cycles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sterna_hw.decoder.cache_writer import CacheWriterConfig
from sterna_sim.part_bench import run_part
from sterna_sim.part_run import PartRun
from sterna_sim.stalls import PROFILES

SMALL = CacheWriterConfig(ports=4, lanes=4, size=64, count=8, address_width=20)
PROFILE_NAMES = list(PROFILES)


class Tokens:
    """Random tokens of some lanes: first all values, then all keys, as a pass over lanes does."""

    def __init__(self, config: CacheWriterConfig, seed: int) -> None:
        rng = np.random.default_rng(seed)
        lanes = rng.permutation(config.lanes)
        count = len(lanes)
        self.codes = rng.integers(-127, 128, (2, count, config.size))
        self.scales = np.stack(
            (
                rng.integers(1 << 15, 1 << 16, (2, count)),
                rng.choice([-2048, -17, 0, 5, 2047], (2, count)),
            ),
            axis=2,
        )
        self.places = rng.integers(0, [config.ports, 1 << config.address_width], (2, count, 2))
        self.order = [(1, number) for number in range(count)]
        self.order += [(0, number) for number in rng.permutation(count)]
        self.lanes = lanes

    def record(self, kind: int, number: int) -> bytes:
        """The header by hand: little-endian, kappa_k in bytes 0 to 3, kappa_v in 4 to 7."""
        header = bytearray(16)
        if kind == 0:
            for place in range(2):
                mantissa, exponent = (int(part) for part in self.scales[place, number])
                exponent &= 0xFFFF
                header[4 * place : 4 * place + 4] = bytes(
                    (mantissa & 255, mantissa >> 8, exponent & 255, exponent >> 8)
                )
        return bytes(header) + bytes(int(code) & 255 for code in self.codes[kind, number])


def run(config: CacheWriterConfig, tokens: Tokens, profile: str, seed: int, **options) -> PartRun:
    lane_width = max(1, (config.lanes - 1).bit_length())
    port_width = max(1, (config.ports - 1).bit_length())
    commands, scales, beats = [], [], []
    for kind, number in tokens.order:
        port, address = (int(part) for part in tokens.places[kind, number])
        command = int(tokens.lanes[number]) | (1 - kind) << lane_width
        command |= (port | address << port_width) << lane_width + 1
        commands.append(command)
        mantissa, exponent = (int(part) for part in tokens.scales[kind, number])
        scales.append(mantissa | (exponent & 0xFFF) << 16)
        for start in range(0, config.size, config.count):
            codes = tokens.codes[kind, number, start : start + config.count]
            last = start + config.count == config.size
            beat = sum((int(code) & 255) << 8 * place for place, code in enumerate(codes))
            beats.append(beat | last << 8 * config.count)
    inputs = {"command": commands, "scale": scales, "codes": beats}
    outputs = {"write": len(commands), "data": len(commands) * config.words}
    return run_part(config.create(), inputs, outputs, profile, seed, **options)


def check(config: CacheWriterConfig, tokens: Tokens, done: PartRun) -> None:
    data = done.payloads("data")
    written = b"".join((word & (1 << 128) - 1).to_bytes(16, "little") for word in data)
    assert written == b"".join(tokens.record(*record) for record in tokens.order)
    ends = [0] * (config.words - 1) + [1]
    assert [word >> 128 for word in data] == ends * len(tokens.order)
    width = max(1, (config.ports - 1).bit_length())
    for payload, (kind, number) in zip(done.payloads("write"), tokens.order):
        port, address = (int(part) for part in tokens.places[kind, number])
        length = payload >> width + config.address_width
        assert payload & (1 << width) - 1 == port
        assert payload >> width & (1 << config.address_width) - 1 == address
        assert length == config.words


@pytest.mark.parametrize("seed", range(16), ids=lambda seed: f"seed{seed}")
def test_records(seed: int) -> None:
    config = replace(
        SMALL, ports=1 + seed % 4, count=1 << seed % 5, size=16 * (1 + seed % 3), lanes=1 + seed
    )
    tokens = Tokens(config, seed)
    reset_at = 11 + seed if seed % 4 == 3 else None
    profile = PROFILE_NAMES[seed % len(PROFILE_NAMES)]
    check(config, tokens, run(config, tokens, profile, seed, reset_at=reset_at))


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16])
def test_cycles_are_exact(count: int) -> None:
    config = replace(SMALL, count=count)
    tokens = Tokens(config, count)
    done = run(config, tokens, "none", count)
    check(config, tokens, done)
    last_words = done.cycles("data")[config.words - 1 :: config.words]
    taken = done.cycles("command")
    told = config.record_cycles
    assert [last - first for first, last in zip(taken, last_words)] == [told] * len(taken)
    assert [last - first for first, last in zip(taken, taken[1:])] == [told] * (len(taken) - 1)


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_compute(seed: int) -> None:
    tokens = Tokens(SMALL, seed)
    (key_m, key_e), (value_m, value_e) = tokens.scales[:, 0].tolist()
    records = SMALL.compute(tokens.codes[:, 0], (key_m, key_e), (value_m, value_e))
    assert records == (tokens.record(0, 0), tokens.record(1, 0))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("ports", 0, "Ports must be 1 to 4, not 0"),
        ("lanes", 0, "Lanes must be 1 or more, not 0"),
        ("size", 24, "Size must be a positive multiple of 16, not 24"),
        ("count", 32, "Count must be 1, 2, 4, 8 or 16, not 32"),
    ],
)
def test_errors(field: str, value: int, message: str) -> None:
    with pytest.raises(ValueError) as error:
        replace(SMALL, **{field: value})
    assert str(error.value) == message
