"""A wide value as it was a number of steps ago, in distributed memory.

Where things come round in a fixed order, as the totals of output blocks do, no addressed memory is
needed: a line of fixed length gives each its turn. A line is a chain of small memories with a
register behind each; in a step every memory hands its oldest row to its register and stores what it
is given in its place. So reads and writes share one short counter, and no multiplexer joins the
memories, however long the line is: the path is one memory from register to register.

It does nothing between steps. What comes out before the line has been filled is unknown.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import memory

from .base import Cost, Device
from .base.cost_table import logic
from .loop import Loop, loops_cost

__all__ = ["delay_line", "delay_line_cost"]


def delay_line(
    m: Module,
    value: Value,
    delay: int,
    step: Value,
    *,
    clear: Value | None = None,
    tile_depth: int = 32,
    name: str = "line",
) -> Value:
    """What ``value`` was ``delay`` steps ago; a register.

    Parameters
    ----------
    m : :class:`Module`
        Where it is built.
    value : value
        Sampled in each cycle in which ``step`` is high.
    delay : :class:`int`
        Steps, 1 or more.
    step : one-bit value
        The line moves.
    clear : one-bit value, optional
        Makes the result zero, whether or not the line moves.
    tile_depth : :class:`int`
        Rows of one memory at most: as many as the device's look-up tables hold.
    name : :class:`str`
        Names the memories and registers.
    """
    rows_of_tiles = _tiles(delay, tile_depth)
    for number, rows in enumerate(rows_of_tiles):
        oldest: Value = value
        if rows > 0:
            tile = memory.Memory(
                shape=len(value), depth=rows, init=[], attrs={"ram_style": "distributed"}
            )
            m.submodules[f"{name}_{number}"] = tile
            write, read = tile.write_port(), tile.read_port(domain="comb")
            row = Loop(m, rows, step, f"{name}_{number}_row")
            m.d.comb += [
                write.en.eq(step),
                write.data.eq(value),
                write.addr.eq(row.value),
                read.addr.eq(row.value),
            ]
            oldest = read.data
        register = Signal(len(value), reset_less=True, name=f"{name}_{number}_out")
        is_last = number == len(rows_of_tiles) - 1
        with m.If(clear if clear is not None and is_last else Const(0)):
            m.d.sync += register.eq(0)
        with m.Elif(step):
            m.d.sync += register.eq(oldest)
        value = register
    return value


def delay_line_cost(device: Device, width: int, delay: int, tile_depth: int = 32) -> Cost:
    """Estimate: memories, a multiplexer in those deeper than the device's, and registers."""
    rows_of_tiles = _tiles(delay, tile_depth)
    memories = [rows for rows in rows_of_tiles if rows > 1]
    return loops_cost(device, *memories) + logic(
        device,
        "delay_line",
        lut=sum(device.lutram_luts(width, rows) for rows in memories),
        ff=(len(rows_of_tiles) + rows_of_tiles.count(1)) * width,
        joined_bits=width * sum(device.lutram_joints(rows) for rows in memories),
        bits=len(rows_of_tiles) * width,
    )


def _tiles(delay: int, tile_depth: int) -> list[int]:
    """Rows of each memory; with its register a memory delays by one more than it has rows."""
    tiles = []
    while delay > 0:
        tiles.append(min(tile_depth, delay - 1))
        delay -= tiles[-1] + 1
    return tiles
