"""Counts how many of its channel's thresholds a value reaches: batch norm and activation in one.

The thresholds of a channel are sorted, so their count is found by binary search: each level
compares the value with one threshold and appends one bit to the count. K thresholds take
ceil(log2(K + 1)) comparators per lane instead of K. Level j reads its threshold from a table of
2**j entries for each channel that the lane serves; where all beats use the same thresholds the
table is plain logic. Unused places of the search tree hold a threshold that no value reaches.

The search is a pipeline: one or two cycles per level to read, one to compare, one more where the
count must be turned into another output. One beat a cycle. It does not scale or add: see
`requantize` where thresholds would be too many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from amaranth.hdl import Const, Module, Value

from .base import Cost, Device, IntegerRange, Timing
from .base.cost_table import logic
from .beat import beat_layout
from .channels import ChannelConfig, ChannelPart, close_pipeline, open_pipeline
from .credit import CreditQueueConfig, delay, delay_cost, flags_cost
from .loop import loops_cost
from .memory import load_signature, pack_words
from .threshold_output import ThresholdOutput
from .threshold_tree import ThresholdLevel, search_trees

__all__ = ["MultiThreshold", "MultiThresholdConfig"]


@dataclass(frozen=True)
class MultiThresholdConfig(ChannelConfig):
    """``y = low + step * k`` with k thresholds reached, ``low + step * (K - k)`` where descending.

    Parameters
    ----------
    channels : :class:`int`
        Channels C, fastest in the stream: element e of a frame belongs to channel e % C.
    count : :class:`int`
        Elements of a beat, Q. Where it does not divide C, a frame is C elements.
    input_range : :class:`~sterna_hw.base.IntegerRange`
        Proven range of the values.
    thresholds : array of shape ``(C, K)``
        Integers, not decreasing within a channel, K from 1 to 255; x reaches t when x >= t.
    descending : :class:`bool`, or one for each channel
        Channels whose output falls as the input rises.
    low, step : :class:`int`
        Smallest output and distance between outputs.
    reloadable : :class:`bool`
        Whether thresholds and directions can be written at run time through ``load``, as `pack`
        makes the rows.
    name : :class:`str`
        Names the files of the contents.
    distributed_rows : :class:`int`
        Tables of more rows go to block memory.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    input_range: IntegerRange
    thresholds: Sequence[Sequence[int]] | np.ndarray = field(repr=False)
    descending: bool | Sequence[bool] | np.ndarray = field(default=False, repr=False)
    low: int = 0
    step: int = 1
    reloadable: bool = False
    name: str = "thresholds"
    distributed_rows: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.step < 1:
            raise ValueError(f"Step must be 1 or more, not {self.step!r}")
        thresholds = np.asarray(self.thresholds, dtype=np.int64)
        if thresholds.ndim != 2 or len(thresholds) != self.channels:
            raise ValueError(
                f"Thresholds must have one row for each of {self.channels} channels, "
                f"not shape {thresholds.shape}"
            )
        if not 1 <= thresholds.shape[1] <= 255:
            raise ValueError(f"Thresholds must be 1 to 255 a channel, not {thresholds.shape[1]}")
        falling = np.argwhere(np.diff(thresholds, axis=1) < 0)
        if len(falling):
            channel, at = falling[0]
            before, after = thresholds[channel, at : at + 2]
            raise ValueError(
                f"Thresholds of channel {channel} must not decrease, not {before} before {after}"
            )
        descending = np.atleast_1d(np.asarray(self.descending, dtype=bool))
        if len(descending) not in (1, self.channels):
            raise ValueError(
                f"Descending must be one flag, or one for each of {self.channels} channels, "
                f"not {len(descending)}"
            )
        object.__setattr__(self, "thresholds", tuple(map(tuple, thresholds.tolist())))
        object.__setattr__(
            self, "descending", tuple(np.broadcast_to(descending, self.channels).tolist())
        )

    @property
    def threshold_count(self) -> int:
        return len(self.thresholds[0])

    @property
    def output_range(self) -> IntegerRange:
        """Of the outputs, and of the zeros that pad a last beat."""
        outputs = IntegerRange(self.low, self.low + self.step * self.threshold_count)
        return outputs.with_zero() if self.is_padded else outputs

    @property
    def level_count(self) -> int:
        return self.threshold_count.bit_length()

    @property
    def threshold_range(self) -> IntegerRange:
        """Of the thresholds as stored: beyond the input range all mean always, or never."""
        if self.reloadable:
            return IntegerRange(self.input_range.low, self.input_range.high + 1)
        return IntegerRange.of_values(self.heap[:, :, 1:])

    @cached_property
    def heap(self) -> np.ndarray:
        """Search trees, int64 of shape ``(beats, count, 2**levels)``: entry 1 is the root, entries
        2n and 2n + 1 follow entry n; entry 0 is 1 where descending."""
        never = self.input_range.high + 1
        thresholds = np.clip(np.array(self.thresholds), self.input_range.low, never)
        trees = search_trees(thresholds, self.level_count, never)
        trees[:, 0] = self.descending
        return trees[self.channel_of_lanes()]

    @property
    def row_count(self) -> int:
        """Rows of the reload port: row ``b * 2**levels + e`` is entry e of the trees of beat b."""
        return self.beats << self.level_count

    @property
    def row_width(self) -> int:
        return self.count * self.threshold_range.width

    def pack(
        self, thresholds: np.ndarray, descending: bool | np.ndarray = False
    ) -> tuple[int, ...]:
        """Row words for the reload port, from thresholds like the configuration's own.

        Raises
        ------
        ValueError
            If they would not make a valid configuration, or K is another.
        """
        new = MultiThresholdConfig(
            self.channels, self.count, self.input_range, thresholds, descending, reloadable=True
        )
        if new.threshold_count != self.threshold_count:
            raise ValueError(
                f"Thresholds must be {self.threshold_count} a channel, not {new.threshold_count}"
            )
        rows = new.heap.transpose(0, 2, 1).reshape(self.row_count, self.count)
        return pack_words(rows, self.threshold_range.width)

    def compute(self, values: np.ndarray) -> np.ndarray:
        """Outputs (int64) of frames of shape ``(frames, elements)``, channel fastest."""
        values = np.asarray(values, dtype=np.int64)
        by_channel = values.reshape(-1, self.channels)
        reached = np.stack(
            [
                np.searchsorted(row, by_channel[:, channel], side="right")
                for channel, row in enumerate(self.thresholds)
            ],
            axis=1,
        )
        descending = np.array(self.descending)
        reached = np.where(descending, self.threshold_count - reached, reached)
        return (self.low + self.step * reached).reshape(values.shape).astype(np.int64)

    @cached_property
    def levels(self) -> tuple[ThresholdLevel, ...]:
        return tuple(
            ThresholdLevel(self, level, f"{self.name}_level{level}")
            for level in range(self.level_count)
        )

    @cached_property
    def mapping(self) -> ThresholdOutput:
        return ThresholdOutput(self, f"{self.name}_directions")

    @property
    def pipeline_latency(self) -> int:
        return sum(level.latency for level in self.levels) + self.mapping.latency

    def timing(self) -> Timing:
        return self._queue.timing()

    @property
    def _queue(self) -> CreditQueueConfig:
        return CreditQueueConfig(beat_layout(self.output_range, self.count), self.pipeline_latency)

    def cost(self, device: Device) -> Cost:
        """Estimate: comparators, tables, values and counts that wait for them, the queue."""
        total = self._queue.cost(device) + self.mapping.cost(device)
        total += flags_cost(device, self.pipeline_latency)
        # A value waits for the threshold, then for the next level; counts likewise.
        width, last = self.input_range.width, len(self.levels) - 1
        for number, level in enumerate(self.levels):
            read = level.read_latency
            total += level.cost(device)
            total += delay_cost(device, self.count * width, read + (number < last))
            total += delay_cost(device, self.count * number, read + 1)
        return total + loops_cost(device, self.beats) + logic(device, "multi_threshold", each=1)

    def create(self) -> MultiThreshold:
        return MultiThreshold(self)


class MultiThreshold(ChannelPart):
    """The search.

    Attributes
    ----------
    i : stream of beats of ``input_range``, in
    o : stream of beats of ``output_range``, out
    load : in, see `load_signature`; only when reloadable
    """

    def __init__(self, config: MultiThresholdConfig) -> None:
        self.config = config
        rows = (config.row_count, config.row_width)
        load = load_signature(*rows) if config.reloadable else None
        super().__init__(config.count, config.input_range, config.output_range, load)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        queue = config._queue.create()
        beat, is_last_beat = open_pipeline(m, config, self, queue)
        load = self.load if config.reloadable else None
        values: list[Value] = [self.i.payload.data[lane] for lane in range(config.count)]
        counts: list[Value] = [Const(0, 0)] * config.count
        row: Value = beat
        for level in config.levels:
            values, counts = level.build(m, values, counts, row, load)
            row = delay(m, row, level.latency)

        outputs = config.mapping.build(m, counts, beat, load)
        close_pipeline(m, config, queue, outputs, is_last_beat)
        return m
