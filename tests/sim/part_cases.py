"""Small instances of every part, with seeded inputs, expected outputs and exact transfer cycles.

A case says everything about a part in the terms of the benches: payloads in, payloads out, and the
cycles that its timing promises when nothing stalls. Expected payloads come from ``compute`` (for
engines, from a plain matrix product).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.hdl import unsigned
from amaranth.lib import wiring

from sterna.cycles import Network, simulate_network
from sterna_hw.add_streams import AddStreamsConfig
from sterna_hw.axi_stream import AxiStreamOutputConfig
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import (
    BINARY,
    SHIFTS,
    TERNARY,
    TWO_BIT,
    IntegerRange,
    Rounding,
    WindowAxis,
    shift_alphabet,
)
from sterna_hw.concat_streams import ConcatStreamsConfig
from sterna_hw.deformable_window import DeformableWindowConfig
from sterna_hw.enlarge import EnlargeConfig
from sterna_hw.fork import ForkConfig
from sterna_hw.frame_queue import FrameQueueConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.global_pool import GlobalPoolConfig
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.lookup import LookupConfig
from sterna_hw.mac_matmul import MacMatmulConfig, integers
from sterna_hw.memory import pack_words
from sterna_hw.memory_port import OnChipMemoryConfig
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.reframe import ReframeConfig
from sterna_hw.requantize import RequantizeConfig
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.sliding_window import SlidingWindowConfig
from sterna_hw.stream_buffer import StreamBufferConfig
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.top_k import TopKConfig
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig
from sterna_hw.weight_buffer import WeightBufferConfig
from sterna_hw.window_pool import WindowPoolConfig
from sterna_sim.axi_words import axi_words
from sterna_sim.design_description import FrameShape
from sterna_sim.payloads import frames_to_payloads, rows_to_payloads
from sterna_sim.rtl_part_bench import Stimulus

from .memory_reads import MemoryReads

__all__ = ["CASES", "Case"]

FRAMES = 3


@dataclass
class Case:
    """One part under test; ``cycles`` maps each port to its transfers when nothing stalls."""

    create: Callable[[], wiring.Component]
    inputs: dict[str, list[int]]
    expected: dict[str, list[int]]
    cycles: dict[str, list[int]] = field(default_factory=dict)
    controls: dict[str, list[int]] = field(default_factory=dict)
    endless: bool = False

    @property
    def stimulus(self) -> Stimulus:
        outputs = {port: len(payloads) for port, payloads in self.expected.items()}
        return Stimulus(self.inputs, outputs, self.controls, self.endless)


def _timed(
    config: Any,
    inputs: dict[str, list[int]],
    expected: list[int] | dict[str, list[int]],
    **controls: list[int],
) -> Case:
    outputs = expected if isinstance(expected, dict) else {"o": expected}
    beats = {("part", port): len(payloads) for port, payloads in inputs.items()}
    transfers = simulate_network(Network({"part": config.timing()}, []), beats).transfers
    cycles = {port: transfers["part", port].tolist() for port in (*inputs, *outputs)}
    assert all(len(cycles[port]) == len(payloads) for port, payloads in outputs.items())
    return Case(config.create, inputs, outputs, cycles, controls)


def _ports(config: Any, seed: int) -> Case:
    """A part with several inputs or outputs, whose ``port_shapes`` says what they carry."""
    timing, shapes = config.timing(), config.port_shapes

    def payloads(port: str, frames: np.ndarray) -> list[int]:
        return frames_to_payloads(frames, shapes[port].values, shapes[port].count)

    frames = {
        port: _frames(shapes[port].values, shapes[port].elements, seed + number)
        for number, port in enumerate(timing.inputs)
    }
    result = config.compute(*frames.values())
    return _timed(
        config,
        {port: payloads(port, values) for port, values in frames.items()},
        {port: payloads(port, result) for port in timing.outputs},
    )


def _frames(values: IntegerRange, elements: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(values.low, values.high + 1, (FRAMES, elements))


def _plain(config: Any, seed: int) -> Case:
    """A part that turns frames into frames and names its ends."""
    frames = _frames(config.input_range, config.inputs, seed)
    inputs = {"i": frames_to_payloads(frames, config.input_range, config.input_count)}
    results = config.compute(frames)
    return _timed(
        config, inputs, frames_to_payloads(results, config.output_range, config.output_count)
    )


def _image(config: Any, pixels: int, seed: int) -> Case:
    """A part that turns the pixels of two images into other vectors."""
    values = config.input_range
    shape = (2 * pixels, config.inputs)
    x = np.random.default_rng(seed).integers(values.low, values.high + 1, shape)
    inputs = {"i": frames_to_payloads(x, values, config.input_count)}
    results = config.compute(x)
    return _timed(
        config, inputs, frames_to_payloads(results, config.output_range, config.output_count)
    )


def _deformable(seed: int) -> Case:
    rows, columns = WindowAxis(4, 3, before=1, after=1), WindowAxis(5, 2, stride=2, before=1)
    config = DeformableWindowConfig(rows, columns, 3, SMALL, 2, bound=2, pad_value=-1)
    shapes, counts = config.port_shapes, {"i": rows.size * columns.size}
    counts["offsets"] = rows.outputs * columns.outputs
    numbers = np.random.default_rng(seed)
    frames = {
        port: numbers.integers(
            shapes[port].values.low,
            shapes[port].values.high + 1,
            (2 * count, shapes[port].elements),
        )
        for port, count in counts.items()
    }
    windows = config.compute(*frames.values())

    def payloads(port: str, vectors: np.ndarray) -> list[int]:
        return frames_to_payloads(vectors, shapes[port].values, shapes[port].count)

    inputs = {port: payloads(port, vectors) for port, vectors in frames.items()}
    return _timed(config, inputs, payloads("o", windows))


def _window(seed: int, rows: WindowAxis, columns: WindowAxis, style: Any = "block") -> Case:
    config = SlidingWindowConfig(rows, columns, 3, SMALL, 2, style=style)
    return _image(config, rows.size * columns.size, seed)


def _reframe(inputs: int, outputs: int, seed: int) -> Case:
    config = ReframeConfig(inputs, outputs, SMALL, 2)
    frames = np.random.default_rng(seed).integers(-3, 4, (24 // inputs, inputs))
    payloads = frames_to_payloads(frames, SMALL, 2)
    return _timed(config, {"i": payloads}, frames_to_payloads(config.compute(frames), SMALL, 2))


def _engine(config: Any, seed: int) -> Case:
    generator = np.random.default_rng(seed)
    weights = generator.choice(config.alphabet.values, (config.outputs, config.inputs))
    if config.planes > 1:
        limit = (3**config.planes - 1) // 2
        weights = generator.integers(-limit, limit + 1, weights.shape)
    low, high = config.input_range.low, config.input_range.high
    x = generator.integers(low, high + 1, (FRAMES, config.lanes, config.inputs))
    count = config.lanes * config.block_inputs
    beats = config.lanes_of(x).reshape(FRAMES, config.lanes, -1, config.block_inputs)
    beats = beats.transpose(0, 2, 1, 3).reshape(FRAMES, -1)
    rows = np.tile(config.pack(weights), (FRAMES, 1))
    inputs = {
        "i": frames_to_payloads(beats, config.input_range, count),
        "weights": rows_to_payloads(rows, config.word_range, config.row_count),
    }
    padded = np.zeros((FRAMES, config.lanes, config.output_blocks * config.queries), np.int64)
    padded[:, :, : config.outputs] = x @ weights.T
    results = padded.reshape(FRAMES, config.lanes, -1, config.queries)
    results = results.transpose(0, 2, 1, 3).reshape(FRAMES, -1)
    width = config.lanes * config.queries
    return _timed(config, inputs, frames_to_payloads(results, config.result_range, width))


def _groups(config: GroupMatmulConfig, seed: int) -> Case:
    generator = np.random.default_rng(seed)
    limit = (3**config.planes - 1) // 2
    weights = generator.integers(-limit, limit + 1, (config.outputs, config.leaf_count))
    x = _frames(config.input_range, config.inputs, seed)
    inputs = {
        "i": frames_to_payloads(x, config.input_range, config.input_count),
        "weights": rows_to_payloads(
            np.tile(config.pack(weights), (FRAMES, 1)), config.word_range, config.row_count
        ),
    }
    # Elements stand beat by beat, then tap by tap; each output sees the channels of its group.
    seen = x.reshape(FRAMES, config.beats, config.taps, config.beat_groups, config.inside)
    seen = seen.transpose(0, 1, 3, 2, 4).reshape(FRAMES, config.groups, -1)
    each = weights.reshape(config.groups, -1, config.leaf_count)
    results = np.einsum("fgn,gon->fgo", seen, each).reshape(FRAMES, -1)
    return _timed(config, inputs, frames_to_payloads(results, config.result_range, config.queries))


def _lookup(rows: int, style: Any, seed: int) -> Case:
    table = np.random.default_rng(seed).integers(-20, 31, (rows, 7))
    return _plain(LookupConfig(5, 2, SMALL, table, f"lookup{rows}", style), seed)


def _weights(bank_depth: int | None = None) -> Case:
    values = IntegerRange(-2, 5)
    rows = np.random.default_rng(5).integers(-2, 6, (5, 3))
    words = pack_words(rows, values.width)
    config = WeightBufferConfig("rows", 5, values, 3, words, bank_depth=bank_depth)
    expected = rows_to_payloads(np.tile(rows, (4, 1)), values, 5)
    # It plays for ever: one beat a cycle, from an address register and the memory's latency on.
    first = config.read_latency + 2
    cycles = {"o": list(range(first, first + len(expected)))}
    return Case(config.create, {}, {"o": expected}, cycles, endless=True)


def _on_chip_memory(rows: int, seed: int) -> Case:
    """Reads of the lower half and beyond the end; writes go to the upper half."""
    generator = np.random.default_rng(seed)
    contents = [int.from_bytes(generator.bytes(16), "little") for _ in range(rows)]
    config = OnChipMemoryConfig("memory", rows, contents, 16)
    lengths = [1, 4, 1, 1, 9, 2]
    reads = [(int(generator.integers(rows // 2 - beats)), beats) for beats in lengths]
    reads.append((rows - 2, 3))
    expected = []
    for row, beats in reads:
        found = config.compute(16 * row, beats)
        response = 2 if found is None else 0
        for number, value in enumerate(found or [0] * beats):
            last = number == beats - 1
            expected.append(value | last << 128 | response << 129)
    addresses = [row | beats - 1 << 8 for row, beats in reads]
    writes = [rows // 2 + number | contents[number] << 8 for number in range(5)]
    timing = config.timing([beats for _, beats in reads])
    network = Network({"part": timing}, [])
    transfers = simulate_network(network, {("part", "i"): len(addresses)}).transfers
    cycles = {port: transfers["part", port].tolist() for port in ("i", "o")}
    # A write takes its address, its beat and its response, one after the other.
    cycles["writes"] = [1 + 3 * number for number in range(len(writes))]
    inputs = {"i": addresses, "writes": writes}
    return Case(lambda: MemoryReads(config), inputs, {"o": expected}, cycles)


def _edge(kind: type, seed: int) -> Case:
    values = IntegerRange(-300, 200)
    config = kind(7, values, 3)
    frames = _frames(values, 7, seed)
    shape = FrameShape(7, values, 3)
    inside, outside = frames_to_payloads(frames, values, 3), axi_words(frames, shape)
    if kind is AxiStreamInputConfig:
        return _timed(config, {"i": outside}, inside, open=[1])
    return _timed(config, {"i": inside}, outside)


def _buffer() -> Case:
    config = StreamBufferConfig(unsigned(9), 3)
    beats = np.random.default_rng(4).integers(0, 512, 20).tolist()
    return _timed(config, {"i": beats}, beats)


def _thresholds(channels: int, count: int, levels: int, seed: int, **options: Any) -> Case:
    values = IntegerRange(-40, 45)
    generator = np.random.default_rng(seed)
    thresholds = np.sort(generator.integers(-45, 50, (channels, levels)), axis=1)
    descending = generator.random(channels) < 0.4
    config = MultiThresholdConfig(channels, count, values, thresholds, descending, **options)
    return _plain(config, seed)


def _requantize(rounding: Rounding, seed: int) -> Case:
    generator = np.random.default_rng(seed)
    values = IntegerRange(-500, 700)
    config = RequantizeConfig(
        channels=6,
        count=4,
        input_range=values,
        multiplier=generator.integers(-90, 91, 6),
        offset=generator.integers(-900, 901, 6),
        shift=7,
        rounding=rounding,
        output_range=IntegerRange(-100, 127),
    )
    return _plain(config, seed)


def _unrolled(limit: int, seed: int, **options: Any) -> Case:
    weights = np.random.default_rng(seed).integers(-limit, limit + 1, (5, 9))
    return _plain(UnrolledMatmulConfig(weights, BYTE, **options), seed)


SMALL, BYTE = IntegerRange(-3, 3), IntegerRange(-128, 127)

CASES: dict[str, Callable[[], Case]] = {
    "add": lambda: _ports(AddStreamsConfig(7, (SMALL, BYTE), (5, -2), 3), 26),
    "add_three": lambda: _ports(AddStreamsConfig(4, (SMALL, SMALL, BYTE), (-1, -4, -7), 2), 27),
    "concat": lambda: _ports(ConcatStreamsConfig((4, 2, 6), (SMALL, BYTE, SMALL), 2), 28),
    "fork_three": lambda: _ports(ForkConfig(5, SMALL, 2, 3), 29),
    "buffer": _buffer,
    "axi_input": lambda: _edge(AxiStreamInputConfig, 1),
    "axi_output": lambda: _edge(AxiStreamOutputConfig, 2),
    "frame_queue": lambda: _plain(FrameQueueConfig(10, SMALL, 3, 5), 20),
    "frame_queue_block": lambda: _plain(FrameQueueConfig(7, BYTE, 2, 6, style="block"), 21),
    "gearbox_narrow": lambda: _plain(GearboxConfig(13, SMALL, 5, 2), 3),
    "gearbox_wide": lambda: _plain(GearboxConfig(11, SMALL, 2, 6), 4),
    "on_chip_memory": lambda: _on_chip_memory(40, 22),
    "window": lambda: _window(22, WindowAxis(4, 3, 1, 1, 1, 1), WindowAxis(5, 2, 2, 2, 1)),
    "window_of_a_signal": lambda: _window(
        28, WindowAxis(9, 3, 1, 1, 1, 1), WindowAxis(1), "distributed"
    ),
    "global_sum": lambda: _image(GlobalPoolConfig(5, 2, 4, SMALL, "sum"), 4, 29),
    "global_max": lambda: _image(GlobalPoolConfig(3, 3, 5, SMALL, "max"), 5, 30),
    "pool_max": lambda: _plain(WindowPoolConfig(4, 5, SMALL, 2), 23),
    "pool_sum": lambda: _plain(WindowPoolConfig(4, 6, SMALL, 2, "sum"), 24),
    "reframe_longer": lambda: _reframe(4, 12, 25),
    "top_1": lambda: _plain(TopKConfig(9, 4, SMALL, 1), 5),
    "top_3": lambda: _plain(TopKConfig(9, 2, SMALL, 3), 6),
    "weights": _weights,
    "weights_banked": lambda: _weights(2),
    "threshold_one": lambda: _thresholds(5, 2, 1, 7),
    "threshold_many": lambda: _thresholds(7, 3, 11, 8, low=-6),
    "requantize_floor": lambda: _requantize(Rounding.FLOOR, 9),
    "requantize_half_up": lambda: _requantize(Rounding.HALF_UP, 10),
    "requantize_half_even": lambda: _requantize(Rounding.HALF_EVEN, 11),
    "groups_depthwise": lambda: _groups(
        GroupMatmulConfig(4, 8, 4, 6, SMALL, TERNARY, 3, beat_groups=2, queries=4), 26
    ),
    "groups_folded": lambda: _groups(
        GroupMatmulConfig(6, 8, 2, 2, BYTE, TERNARY, 1, beat_groups=1, queries=2), 27
    ),
    "upsample": lambda: _image(EnlargeConfig(2, 3, 4, 2, 3, SMALL, 2, style="block"), 6, 33),
    "upsample_across": lambda: _image(EnlargeConfig(2, 3, 2, 1, 2, SMALL, 2), 6, 34),
    "deformable": lambda: _deformable(36),
    "pixel_shuffle": lambda: _image(EnlargeConfig(2, 3, 8, 2, 2, SMALL, 1, "shuffle"), 6, 35),
    "lookup": lambda: _lookup(1, "block", 31),
    "lookup_by_channel": lambda: _lookup(5, "distributed", 32),
    "table_ternary": lambda: _engine(
        TableMatmulConfig(11, 5, BYTE, TERNARY, queries=2, group=3, tables=2), 12
    ),
    "table_folded": lambda: _engine(
        TableMatmulConfig(
            13, 4, SMALL, TERNARY, queries=3, group=2, tables=3, sign_fold=True, buffers=2
        ),
        13,
    ),
    "table_planes": lambda: _engine(
        TableMatmulConfig(7, 3, SMALL, TERNARY, planes=3, queries=2, lanes=2, group=2, tables=2), 14
    ),
    "table_binary": lambda: _engine(
        TableMatmulConfig(9, 6, SMALL, BINARY, queries=4, group=4, tables=1, buffers=2), 15
    ),
    "table_two_bit": lambda: _engine(
        TableMatmulConfig(6, 3, IntegerRange(0, 15), TWO_BIT, queries=1, group=2, tables=2), 16
    ),
    "table_shifts": lambda: _engine(
        TableMatmulConfig(5, 3, SMALL, SHIFTS, queries=2, group=1, tables=3), 17
    ),
    "select_ternary": lambda: _engine(
        SelectMatmulConfig(10, 5, BYTE, TERNARY, queries=2, block_inputs=4), 18
    ),
    "select_shifts": lambda: _engine(
        SelectMatmulConfig(7, 4, SMALL, shift_alphabet(16), queries=2, block_inputs=3), 36
    ),
    "select_planes": lambda: _engine(
        SelectMatmulConfig(6, 3, SMALL, TERNARY, planes=2, queries=2, lanes=2, block_inputs=3), 19
    ),
    "unrolled_ternary": lambda: _unrolled(1, 26, operands=3),
    "unrolled_integers": lambda: _unrolled(127, 27, levels=3),
    "mac_pairs": lambda: _engine(
        MacMatmulConfig(10, 5, BYTE, integers(BYTE), queries=2, block_inputs=4, port=27), 28
    ),
    "mac_single": lambda: _engine(
        MacMatmulConfig(7, 3, BYTE, integers(BYTE), queries=3, lanes=2, block_inputs=3), 29
    ),
}
