"""The weight buffer of an engine: which memory, how wide, and with what in it; or its stream from
external memory.

The engine says how its weights are packed into rows and in which order it consumes them; the
device says what memories it has; `sterna_hw.memory_sizing` picks the one that wastes least. This
file only brings the three together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sterna_hw.base import Device
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.mac_matmul import MacMatmulConfig
from sterna_hw.memory_sizing import DISTRIBUTED_TILES, Sizing, size, size_for
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.weight_buffer import WeightBufferConfig
from sterna_hw.weight_stream import REGION_ALIGNMENT, WeightStreamConfig

__all__ = [
    "FetchingConfig",
    "most_distributed_rows",
    "weight_buffer",
    "weight_sizing",
    "weight_stream",
]

FetchingConfig = TableMatmulConfig | SelectMatmulConfig | MacMatmulConfig | GroupMatmulConfig
"""An engine that has its weights from a buffer."""


def most_distributed_rows(device: Device) -> int:
    """Rows up to which distributed memory is fast enough."""
    return DISTRIBUTED_TILES * device.lutram_depth


def weight_sizing(
    config: FetchingConfig, device: Device, reloadable: bool, memory: str = "auto"
) -> Sizing:
    """The memory that holds an engine's rows on a device: the one that wastes least, or the one of
    a kind (``block`` or ``distributed``).

    Raises
    ------
    ValueError
        If distributed memory is asked for more rows than it is fit for.
    """
    width, rows = config.row_elements * config.word_range.width, config.row_count
    if memory == "block":
        kinds = [kind for kind in device.memories if kind.resource == "bram"]
        return size(rows, width, kinds)
    if memory == "distributed":
        most = most_distributed_rows(device)
        if rows > most:
            raise ValueError(f"Rows in distributed memory must be at most {most}, not {rows}")
        return Sizing("lutram", (rows, width), 0, 1.0, 0.0)
    return size_for(device, rows, width, loaded=reloadable)


def weight_buffer(
    name: str,
    config: FetchingConfig,
    weights: np.ndarray | None,
    device: Device,
    reloadable: bool,
    memory: str = "auto",
) -> WeightBufferConfig:
    """The buffer that plays an engine's weights, in a ``memory`` as `weight_sizing` knows them.

    ``weights`` is the int64 matrix ``[outputs, inputs]``; None leaves the buffer empty, which is
    enough for costs and cycles. A memory without contents at start is only used when reloadable.
    """
    sizing = weight_sizing(config, device, reloadable, memory)
    rows, depth = config.row_count, sizing.shape[0]
    is_deep = sizing.style == "block" and rows > depth
    empty = WeightBufferConfig(
        name=name,
        row_count=rows,
        element_range=config.word_range,
        count=config.row_elements,
        words=None if sizing.style == "ultra" else (0,) * rows,
        style=sizing.style,
        reloadable=reloadable,
        bank_depth=depth if is_deep else None,
    )
    if weights is None or sizing.style == "ultra":
        return empty
    return replace(empty, words=empty.pack(config.pack(weights)))


def weight_stream(
    name: str,
    config: FetchingConfig,
    weights: np.ndarray | None,
    offset: int = REGION_ALIGNMENT,
) -> WeightStreamConfig:
    """The stream that brings an engine's weights from external memory, from ``offset`` bytes behind
    the begin of the image on; ``weights`` as for `weight_buffer`."""
    empty = WeightStreamConfig(
        name, config.row_count, config.word_range, config.row_elements, offset=offset
    )
    return empty if weights is None else replace(empty, words=empty.pack(config.pack(weights)))
