"""Operations on single values as stages: thresholds, requantisation, tables.

They stand where the stream comes by, in as many lanes as it has elements a beat, and change nothing
but the values. In a reloadable design the parameters of thresholds and of requantisation can be
loaded with the weights; there is room for larger ones than the network has that it was built with.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sterna_hw.base import Device, IntegerRange
from sterna_hw.lookup import LookupConfig
from sterna_hw.memory_sizing import size_for
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.requantize import RequantizeConfig

from .ir import Requantize, Table, Threshold
from .stream_builder import StreamEnd

__all__ = ["requantize_part", "table_part", "threshold_part"]


def threshold_part(
    end: StreamEnd, name: str, op: Threshold, reloadable: bool
) -> MultiThresholdConfig:
    """What compares with thresholds at the end of a stream."""
    return MultiThresholdConfig(
        channels=end.elements,
        count=end.count,
        input_range=end.values,
        thresholds=op.thresholds,
        descending=op.descending.astype(bool),
        low=op.low,
        step=op.step,
        reloadable=reloadable,
        name=name,
    )


def table_part(
    end: StreamEnd, name: str, op: Table, device: Device, reloadable: bool
) -> LookupConfig:
    """What looks values up at the end of a stream.

    Raises
    ------
    ValueError
        If the design is reloadable: tables are not loaded.
    """
    if reloadable:
        raise ValueError(
            f"Layer {op.name} must be no table in a reloadable design: its range is that of any "
            "weights; use a monotone activation, which becomes thresholds"
        )
    # Zeros that pad a beat are no values: what stands for them does not matter.
    places = np.arange(end.values.low, end.values.high + 1) - op.low
    table = op.table[:, np.clip(places, 0, op.table.shape[1] - 1)]
    config = LookupConfig(end.elements, end.count, end.values, table, name)
    memory = config.memory(0)
    style = size_for(device, memory.depth, memory.width, loaded=False).style
    return replace(config, style="distributed" if style == "distributed" else "block")


def requantize_part(
    end: StreamEnd, name: str, op: Requantize, reloadable: bool
) -> RequantizeConfig:
    """What multiplies, shifts, rounds and clips at the end of a stream."""
    multiplier, offset = (IntegerRange.of_values(values) for values in (op.multiplier, op.offset))
    if reloadable:
        # Other networks have other scales: room for parameters four times as large.
        multiplier, offset = (
            IntegerRange.of_width(values.width + 2, signed=True) for values in (multiplier, offset)
        )
    result = op.clip
    if result is None:
        result = op.result_range(end.values)
        if reloadable:
            sums = end.values * multiplier + offset
            ends = np.array([sums.low, sums.high])
            result = IntegerRange.of_values(op.rounding.shift_right(ends, op.shift))
    return RequantizeConfig(
        channels=end.elements,
        count=end.count,
        input_range=end.values,
        multiplier=op.multiplier,
        offset=op.offset,
        shift=op.shift,
        rounding=op.rounding,
        output_range=result,
        reloadable=reloadable,
        multiplier_range=multiplier,
        offset_range=offset,
        name=name,
    )
