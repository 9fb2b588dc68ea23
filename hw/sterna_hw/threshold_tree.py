"""One level of the binary search among thresholds: read a threshold, compare, append a bit.

A search tree is stored in heap order: entry 1 is the root, entries 2n and 2n + 1 follow entry n. A
value that reaches its threshold goes right, so the path down is the count of thresholds reached, in
binary, from its most significant bit. At level j the path so far has j bits and addresses one of
2**j entries of the beat's tree; each lane is somewhere else, so each has a memory of its own. At
the root all lanes read the same row, from one memory.

Latency: the read (none where a few constants are chosen by logic), then one for the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value

from .base import Cost, Device
from .base.cost_table import logic
from .beat import shape_of
from .credit import delay
from .memory import Memory, MemoryConfig, pack_words

if TYPE_CHECKING:
    from .multi_threshold import MultiThresholdConfig

__all__ = ["ThresholdLevel", "search_trees"]

LOGIC_LEVELS = 4
"""Constants of levels up to this one are one LUT a bit and need no register of their own..."""

LOGIC_WIDTH = 12
"""... unless the comparison behind them is wider than this, or they are at the root."""


def search_trees(thresholds: np.ndarray, levels: int, never: int) -> np.ndarray:
    """Trees (int64, shape ``(channels, 2**levels)``, entry 0 free) from sorted thresholds.

    Places without a threshold come last in order and hold ``never``.
    """
    in_order = np.full((len(thresholds), 1 << levels), never, dtype=np.int64)
    in_order[:, 1 : 1 + thresholds.shape[1]] = thresholds
    position = [0]
    for level in range(levels):
        spacing = 1 << (levels - level)
        position += [entry * spacing + spacing // 2 for entry in range(1 << level)]
    return in_order[:, position]


@dataclass(frozen=True)
class ThresholdLevel:
    """Level ``number`` of a configuration's search; ``name`` names the files of its tables."""

    config: MultiThresholdConfig
    number: int
    name: str

    @property
    def entries(self) -> np.ndarray:
        """Thresholds of this level, int64 of shape ``(beats, count, 2**number)``."""
        return self.config.heap[:, :, 1 << self.number : 2 << self.number]

    @cached_property
    def is_constant(self) -> bool:
        """Whether all beats have the same thresholds, for ever."""
        return not self.config.reloadable and bool((self.entries == self.entries[0]).all())

    @cached_property
    def memories(self) -> tuple[MemoryConfig, ...]:
        """One for the root, one for each lane below."""
        if self.is_constant:
            return ()
        config, rows = self.config, self.config.beats << self.number
        is_block = rows > config.distributed_rows
        width = config.threshold_range.width
        lanes = (
            [slice(None)] if self.number == 0 else [slice(n, n + 1) for n in range(config.count)]
        )
        return tuple(
            MemoryConfig(
                f"{self.name}" if self.number == 0 else f"{self.name}_lane{lane}",
                rows,
                width * (config.count if self.number == 0 else 1),
                pack_words(self.entries[:, which, :].transpose(0, 2, 1).reshape(rows, -1), width),
                "block" if is_block else "distributed",
                config.reloadable,
                2 if is_block else 1,
            )
            for lane, which in enumerate(lanes)
        )

    @property
    def read_latency(self) -> int:
        if self.is_constant:
            is_wide = self.config.threshold_range.width > LOGIC_WIDTH
            return int(self.number > LOGIC_LEVELS or (self.number > 0 and is_wide))
        # Blocks are few and far from their comparison: one register more to get there.
        memory = self.memories[0]
        return memory.read_latency + (memory.style == "block")

    @property
    def latency(self) -> int:
        return self.read_latency + 1

    def cost(self, device: Device) -> Cost:
        """Estimate: comparators, and the tables."""
        config = self.config
        width = max(config.input_range.width, config.threshold_range.width) + 1
        total = Cost()
        # What waits for the comparison is delayed by `MultiThreshold` as a whole.
        if not self.is_constant:
            for memory in self.memories:
                extra = self.read_latency - memory.read_latency
                total += memory.cost(device) + Cost(ff=memory.width * extra)
        choices = 0
        if self.is_constant and self.number:
            rows = 16 if device.family == "ecp5" else 64
            choices = config.count * config.threshold_range.width * -(-(1 << self.number) // rows)
        fixed = config.count * width if self.is_constant and not self.number else 0
        return total + logic(
            device,
            "threshold_level",
            ff=config.count + choices * self.read_latency,
            compared_bits=config.count * width - fixed,
            fixed_bits=fixed,
            choices=choices,
            comparisons=config.count - (config.count if fixed else 0),
        )

    def build(
        self, m: Module, values: list[Value], counts: list[Value], beat: Value, load: Any
    ) -> tuple[list[Value], list[Value]]:
        """Values, and counts with one more bit, `latency` cycles later than the arguments."""
        config, read = self.config, self.read_latency
        thresholds = self._constants(m, counts) if self.is_constant else None
        if thresholds is None:
            thresholds = self._memories(m, counts, beat, load)
        later, longer = [], []
        for lane, (value, count) in enumerate(zip(values, counts)):
            value = delay(m, value, read)
            threshold = Signal(
                shape_of(config.threshold_range), name=f"threshold{self.number}_{lane}"
            )
            m.d.comb += threshold.eq(thresholds[lane])
            reached = Signal(name=f"reached{self.number}_{lane}", reset_less=True)
            m.d.sync += reached.eq(value >= threshold)
            longer.append(Cat(reached, delay(m, count, read + 1)))
            later.append(delay(m, value, int(self.number < config.level_count - 1)))
        return later, longer

    def _constants(self, m: Module, counts: list[Value]) -> list[Value]:
        chosen = []
        shape = shape_of(self.config.threshold_range)
        for lane, count in enumerate(counts):
            threshold = Signal(shape, name=f"constant{self.number}_{lane}")
            entries = self.entries[0, lane].tolist()
            if self.number == 0:
                m.d.comb += threshold.eq(entries[0])
            else:
                with m.Switch(count):
                    for entry, value in enumerate(entries):
                        with m.Case(entry):
                            m.d.comb += threshold.eq(value)
            chosen.append(delay(m, threshold, self.read_latency))
        return chosen

    def _memories(self, m: Module, counts: list[Value], beat: Value, load: Any) -> list[Value]:
        config, number, width = self.config, self.number, self.config.threshold_range.width
        memories: list[Memory] = []
        for part, memory_config in enumerate(self.memories):
            memory = memory_config.create()
            m.submodules[f"level{number}_{part}"] = memory
            memories.append(memory)
            m.d.comb += memory.address.eq(Cat(counts[part], beat))
            if load is None:
                continue
            entry = load.address[: config.level_count]
            span = slice(None) if number == 0 else slice(part * width, (part + 1) * width)
            m.d.comb += [
                memory.load.enable.eq(load.enable & (entry[number:] == 1)),
                memory.load.address.eq(Cat(entry[:number], load.address[config.level_count :])),
                memory.load.data.eq(load.data[span]),
            ]
        if number == 0:
            data = memories[0].data
            read = [data[at : at + width] for at in range(0, len(data), width)]
        else:
            read = [memory.data for memory in memories]
        return [
            delay(m, data, self.read_latency - memories[0].config.read_latency) for data in read
        ]
