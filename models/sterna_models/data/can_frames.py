"""SYNTHETIC frames of a CAN bus under attack, in the manner of public intrusion captures.

No real capture comes with any package, so this generator stands in: every frame here is made up.
A drive is a list of control units, each sending one identifier at its own period with jitter; its
payload bytes are constants, counters, slowly wandering sensor values or rare flags. During attack
windows a fifth unit injects frames of one kind:

- DoS: identifier 0 (highest priority) with an empty payload, every 0.3 ms;
- fuzzy: random identifiers, half of them real ones, with random payloads, every 0.5 ms;
- RPM and gear spoofing: the victim's own identifier, with a forged value in an otherwise
  plausible payload, every 1 ms.

A frame becomes 111 bits: 11 of the identifier, 4 of the length, 64 of the payload, and two
thermometers of 16 steps for log2 of the time since the last frame and since the last frame of the
same identifier. Real victim frames that follow a forged one also come early, so the classes overlap
as they do on a real bus. Training and test drives have different seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .data_set import DataSet

__all__ = ["CAN_CLASS_NAMES", "load_can_frames"]

CAN_CLASS_NAMES = ("normal", "dos", "fuzzy", "spoofing_rpm", "spoofing_gear")

_RPM_IDENTIFIER = 0x316
_GEAR_IDENTIFIER = 0x43F
_PERIODS_MS = (10, 10, 20, 20, 50, 100, 100, 200, 500, 1000)
_THERMOMETER_STEPS = 16
_VEHICLE_SEED = 77
_TRAIN_SEED, _TEST_SEED = 1001, 2002
_WINDOW_MS = 200.0


@dataclass(frozen=True)
class _Unit:
    """One sender: ``kinds`` gives what each payload byte does, ``base`` its constant or start."""

    identifier: int
    period_ms: float
    length: int
    kinds: np.ndarray
    base: np.ndarray


def _make_vehicle() -> list[_Unit]:
    """The units of the one vehicle that all drives share."""
    generator = np.random.default_rng(_VEHICLE_SEED)
    others = generator.choice(np.arange(0x80, 0x7F0), 22, replace=False)
    identifiers = [_RPM_IDENTIFIER, _GEAR_IDENTIFIER, *(int(value) for value in others)]
    units = []
    for position, identifier in enumerate(identifiers):
        length = 8 if position < 2 else int(generator.choice([2, 4, 6, 8, 8, 8]))
        kinds = generator.choice(4, size=8, p=[0.5, 0.1, 0.25, 0.15])
        kinds[[2, 3]] = 2 if position < 2 else kinds[[2, 3]]
        period = 10.0 if position < 2 else float(generator.choice(_PERIODS_MS))
        units.append(_Unit(identifier, period, length, kinds, generator.integers(0, 256, 8)))
    return units


def _normal_payloads(unit: _Unit, frame_count: int, generator: np.random.Generator) -> np.ndarray:
    """Payload bytes, shape (frame_count, 8): 0 constant, 1 counter, 2 sensor, 3 rare flag."""
    steps = np.arange(frame_count)[:, np.newaxis]
    walk = np.cumsum(generator.integers(-3, 4, (frame_count, 8)), axis=0)
    flags = (generator.random((frame_count, 8)) < 0.02) * 0x80
    choices = np.stack(
        [
            np.broadcast_to(unit.base, (frame_count, 8)),
            (unit.base + steps) & 0x0F,
            np.clip(unit.base % 96 + 64 + walk, 0, 255),
            unit.base ^ flags,
        ]
    )
    payloads = np.take_along_axis(choices, unit.kinds[np.newaxis, np.newaxis, :], axis=0)[0]
    return np.where(np.arange(8) < unit.length, payloads, 0)


def _attack_frames(
    kind: int, start_ms: float, vehicle: list[_Unit], generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Times, identifiers, lengths and payloads of one attack window."""
    interval = {1: 0.3, 2: 0.5, 3: 1.0, 4: 1.0}[kind]
    count = int(_WINDOW_MS / interval)
    times = start_ms + interval * (np.arange(count) + generator.uniform(-0.2, 0.2, count))
    lengths = np.full(count, 8)
    if kind == 1:
        return times, np.zeros(count, dtype=np.int64), lengths, np.zeros((count, 8), np.int64)
    if kind == 2:
        known = np.array([unit.identifier for unit in vehicle])
        identifiers = np.where(
            generator.random(count) < 0.5,
            generator.choice(known, count),
            generator.integers(0, 0x800, count),
        )
        return times, identifiers, lengths, generator.integers(0, 256, (count, 8))
    victim = vehicle[kind - 3]
    payloads = _normal_payloads(victim, count, generator)
    payloads[:, 2] = np.clip(
        generator.integers(200, 256) + generator.integers(-8, 9, count), 0, 255
    )
    payloads[:, 3] = generator.integers(0, 256)
    return times, np.full(count, victim.identifier), lengths, payloads


def _drive(
    seed: int, window_count: int, vehicle: list[_Unit]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One drive: times (ms, ascending), identifiers, lengths, payloads, labels."""
    generator = np.random.default_rng(seed)
    duration = window_count * 2 * _WINDOW_MS
    parts = []
    for unit in vehicle:
        count = int(duration / unit.period_ms)
        times = unit.period_ms * (np.arange(count) + generator.uniform(-0.05, 0.05, count))
        times += generator.uniform(0, unit.period_ms)
        payloads = _normal_payloads(unit, count, generator)
        fixed = (np.full(count, unit.identifier), np.full(count, unit.length))
        parts.append((times, *fixed, payloads, np.zeros(count, dtype=np.int64)))
    for window in range(window_count):
        kind = 1 + window % 4
        start = (2 * window + 1) * _WINDOW_MS
        times, identifiers, lengths, payloads = _attack_frames(kind, start, vehicle, generator)
        parts.append((times, identifiers, lengths, payloads, np.full(len(times), kind)))
    times, identifiers, lengths, payloads, labels = (
        np.concatenate([part[column] for part in parts]) for column in range(5)
    )
    order = np.argsort(times, kind="stable")
    return times[order], identifiers[order], lengths[order], payloads[order], labels[order]


def _bits(values: np.ndarray, width: int) -> np.ndarray:
    """Bits of unsigned integers, most significant first, on a new last axis."""
    return (values[..., np.newaxis] >> np.arange(width - 1, -1, -1)) & 1


def _thermometer(interval_ms: np.ndarray) -> np.ndarray:
    """Bit k is set when the interval is at least 2**k / 32 ms."""
    limits = 2.0 ** np.arange(_THERMOMETER_STEPS) / 32
    return (interval_ms[:, np.newaxis] >= limits).astype(np.int64)


def _encode(
    times: np.ndarray, identifiers: np.ndarray, lengths: np.ndarray, payloads: np.ndarray
) -> np.ndarray:
    """Feature bits, uint8, shape (frames, 111)."""
    since_last = np.diff(times, prepend=times[0] - 1.0)
    since_same = np.full(len(times), 1e6)
    for identifier in np.unique(identifiers):
        places = np.flatnonzero(identifiers == identifier)
        since_same[places[1:]] = np.diff(times[places])
    payload_bits = _bits(payloads, 8).reshape(len(times), 64)
    columns = [_bits(identifiers, 11), _bits(lengths, 4), payload_bits]
    columns += [_thermometer(since_last), _thermometer(since_same)]
    return np.concatenate(columns, axis=1).astype(np.uint8)


def load_can_frames(train_windows: int = 48, test_windows: int = 12) -> DataSet:
    """Synthetic CAN frames; inputs of shape (111,), bits, scale 1; five classes.

    ``train_windows`` and ``test_windows`` are the numbers of attack windows (200 ms each, followed
    by as long a pause) in the two drives; the attack kinds take turns.
    """
    vehicle = _make_vehicle()
    drives = [
        _drive(seed, windows, vehicle)
        for seed, windows in ((_TRAIN_SEED, train_windows), (_TEST_SEED, test_windows))
    ]
    (train_codes, train_labels), (test_codes, test_labels) = (
        (_encode(*drive[:4]), drive[4]) for drive in drives
    )
    return DataSet(
        name="can-frames-synthetic",
        source="SYNTHETIC CAN frames made by sterna_models.data.can_frames; not a capture of any "
        "vehicle",
        licence="Apache-2.0",
        synthetic=True,
        class_names=CAN_CLASS_NAMES,
        scale=1.0,
        split=f"separate synthetic drives, seeds {_TRAIN_SEED} (train) and {_TEST_SEED} (test)",
        split_seed=_TEST_SEED,
        train_codes=train_codes,
        train_labels=train_labels,
        test_codes=test_codes,
        test_labels=test_labels,
    )
