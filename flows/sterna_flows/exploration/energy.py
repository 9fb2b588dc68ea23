"""A proxy of the energy of a frame: bit operations and memory accesses, each at a published price.

No power is measured here, and none is estimated in watts of a device. What is counted is what a
design must do for a frame, and a frame's count depends on the design: a table engine fills tables
and reads them, select-and-add adds every leaf anew, multipliers multiply, unrolled layers add what
they share, and each reads its weights as often as its folding says. Prices are those of M.
Horowitz, "Computing's Energy Problem", ISSCC 2014, for 45 nm at 0.9 V: integer additions of 8 and
32 bits take 0.03 and 0.1 pJ, multiplications 0.2 and 3.1 pJ, which is 0.003 pJ a bit of a sum and a
bit of a product; 64 bits from a memory of 8 KB, 32 KB and 1 MB take 10, 20 and 100 pJ, which a root
of the capacity describes: 0.156 pJ a bit of 8 KB. DRAM takes 1.3 to 2.6 nJ for 64 bits: 20 pJ a
bit.

Limits: an FPGA spends several times as much on the same operation as the silicon of that table,
most of it on wires; clock tree, registers and leakage are not in it, nor what idles; data are taken
to toggle always. So compare designs of one network on one device with it, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.base import Device
from sterna_hw.frame_queue import FrameQueueConfig
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.mac_matmul import MacMatmulConfig
from sterna_hw.matmul import MatmulConfig
from sterna_hw.memory import MemoryStyle
from sterna_hw.sliding_window import SlidingWindowConfig
from sterna_hw.stage import Stage
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig
from sterna_hw.weight_buffer import WeightBufferConfig
from sterna_hw.weight_stream import WeightStreamConfig

__all__ = ["BIT_OPERATION", "DRAM_BIT", "frame_energy", "memory_bit"]

BIT_OPERATION = 0.1 / 32
"""pJ of a bit of a sum or of a product."""

DRAM_BIT = 1300 / 64
"""pJ of a bit from DRAM, the lower end."""

_SRAM_BIT, _SRAM_BITS = 10 / 64, 8 * 8192


def memory_bit(style: MemoryStyle, device: Device) -> float:
    """pJ of a bit read from or written to a primitive of a kind of memory."""
    if style == "distributed":
        bits = device.lutram_depth
    else:
        resource = "uram" if style == "ultra" else "bram"
        bits = max((kind.bits for kind in device.memories if kind.resource == resource), default=0)
    return _SRAM_BIT * math.sqrt(bits / _SRAM_BITS)


def frame_energy(accelerator: AcceleratorConfig, beats: Mapping[str, int], device: Device) -> float:
    """nJ of a frame by the proxy; ``beats`` is how many each stage gives in a frame, by name."""
    picojoules = sum(
        _operations(stage, beats[stage.name], device) * BIT_OPERATION
        + _accesses(stage, beats[stage.name], device)
        for stage in accelerator.stages
    )
    return picojoules / 1000


def _vectors(part: MatmulConfig | GroupMatmulConfig, beats: int) -> float:
    """Vectors of which so many beats are the results."""
    is_grouped = isinstance(part, GroupMatmulConfig)
    return beats / (part.steps * part.beats if is_grouped else part.output_blocks)


def _operations(stage: Stage, beats: int, device: Device) -> float:
    """Bit operations of a stage in a frame in which it gives so many beats."""
    part = stage.part
    if isinstance(part, UnrolledMatmulConfig):
        # A look-up table of an adder makes one bit of a sum.
        return beats * part.pipeline.cost(device).lut
    if not isinstance(part, MatmulConfig | GroupMatmulConfig):
        # Comparators, gearboxes and the like: every look-up table at work for every beat.
        return beats * part.cost(device).lut
    engine = part.select if isinstance(part, GroupMatmulConfig) else part
    operations = part.row_count * _beat_operations(engine)
    if isinstance(part, TableMatmulConfig):
        operations += part.input_blocks * part.tables * len(part.plan.steps) * part.leaf_range.width
    return _vectors(part, beats) * operations


def _beat_operations(part: MatmulConfig) -> float:
    """Bit operations of an engine for a beat of weights: leaves, trees and accumulation."""
    leaves = part.queries * part.leaf_count
    making = 0 if isinstance(part, TableMatmulConfig) else leaves * part.leaf_range.width
    if isinstance(part, MacMatmulConfig):
        products = part.queries * part.block_inputs
        making = products * part.alphabet.range.width * part.input_range.width
    return making + leaves * part.leaf_range.width + part.queries * part.result_range.width


def _accesses(stage: Stage, beats: int, device: Device) -> float:
    """pJ of a stage's reads and writes of memory in a frame in which it gives so many beats."""
    part, weights = stage.part, stage.weights
    energy = 0.0
    if isinstance(part, MatmulConfig | GroupMatmulConfig):
        rows = _vectors(part, beats) * part.row_count
        if isinstance(weights, WeightStreamConfig):
            # Through the memory that they are read ahead into.
            price = DRAM_BIT + 2 * memory_bit("block", device)
        else:
            assert isinstance(weights, WeightBufferConfig)
            price = memory_bit(weights.style, device)
        energy += rows * weights.row_width * price
    if isinstance(part, TableMatmulConfig):
        written = part.input_blocks * part.plan.entry_count * part.queries * part.tables
        read = part.row_count * part.queries * part.tables
        bits = _vectors(part, beats) * (written + read) * part.leaf_range.width
        energy += bits * memory_bit("distributed", device)
    if isinstance(part, FrameQueueConfig):
        energy += 2 * beats * part.memory.width * memory_bit(part.style, device)
    if isinstance(part, SlidingWindowConfig):
        bits = part.count * part.input_range.width
        pixels = part.rows.size * part.columns.size * part.beats
        energy += (pixels + beats * part.taps) * bits * memory_bit(part.style, device)
    return energy
