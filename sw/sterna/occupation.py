"""How many cycles one frame keeps each part busy: the base of utilisation, by the cycle model.

A process of a part repeats a round of steps, and each round takes at least so many cycles. How many
rounds a frame needs follows from the beats of the frame that pass the part's ports, which the cycle
model counts (`sterna.cycles`): the beats of a port over those that a round takes or gives there. A
part is as busy as its busiest process. What it waits for, input or room, does not count.

Of an engine there are the ideal cycles too: those of its multiply-accumulates alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sterna_hw.base import Process, Timing
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.matmul import MatmulConfig
from sterna_hw.stage import PartConfig
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig

from .cycles import NetworkTimes

__all__ = ["ideal_cycles", "occupied_cycles"]


def occupied_cycles(
    parts: Mapping[str, Timing], times: NetworkTimes, frames: int
) -> dict[str, int]:
    """Cycles of a frame by part, for parts that have run ``frames`` whole frames.

    A part none of whose processes moves a beat of a stream has none.
    """
    beats = {port: len(cycles) / frames for port, cycles in times.transfers.items()}
    found = {}
    for name, part in parts.items():
        ports = {*part.inputs, *part.outputs}
        shares = (
            sum(step.cycles * step.repeat for step in process.steps) * beats[name, port] / count
            for process in part.processes
            for port, count in _moved(process).items()
            if port in ports
        )
        found[name] = round(max(shares, default=0))
    return found


def ideal_cycles(part: PartConfig, vectors: int) -> float | None:
    """Cycles of a frame of so many vectors if an engine did as many multiply-accumulates in each
    as it can: without padding of blocks, without filling tables, without waiting. None for a part
    that is no engine."""
    engine = part.select if isinstance(part, GroupMatmulConfig) else part
    if not isinstance(engine, MatmulConfig | UnrolledMatmulConfig):
        return None
    planes = 1 if isinstance(engine, UnrolledMatmulConfig) else engine.planes
    at_once = engine.block_inputs * engine.queries
    return vectors * planes * engine.inputs * engine.outputs / at_once


def _moved(process: Process) -> Counter[str]:
    """Tokens that a round of a process takes from or gives to each channel."""
    moved: Counter[str] = Counter()
    for step in process.steps:
        for channel in (*step.take, *(channel for channel, _ in step.give)):
            moved[channel] += step.repeat
    return moved
