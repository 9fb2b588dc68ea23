"""The exact cycle model: composes the parts' timings into latency, interval and stall causes.

Every part states its own timing as processes that pass tokens (`sterna_hw.base.timing`). This file
only joins them: a link makes the output port of one part the input port of another, a source offers
a beat in every cycle, a sink takes every beat at once. Since a token's time is the maximum of times
that are already known, each process is simply run forward until it needs a token that nobody has
made yet, and is woken when it appears. There is no clock loop: the work is one short step per beat,
whatever the number of cycles between beats, and the result is exact, not estimated. No part's
formula is repeated here.

The loop is written twice: in Python, below, and in C++ (`sterna.event_loop`), which is what runs
where there is a compiler. Both give the same times.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sterna_hw.base import Timing

from .event_loop import EventTables, find_event_loop, run_tables

__all__ = ["Link", "Network", "NetworkTimes", "Port", "simulate_in_python", "simulate_network"]

Port = tuple[str, str]
Link = tuple[Port, Port]


@dataclass(frozen=True)
class Network:
    """Parts by name and the links between their stream ports.

    Raises
    ------
    ValueError
        If a link names a part or port that is not there, or a port is linked twice.
    """

    parts: Mapping[str, Timing]
    links: Sequence[Link]

    def __post_init__(self) -> None:
        seen: set[Port] = set()
        for producer, consumer in self.links:
            for (part, port), side in ((producer, "outputs"), (consumer, "inputs")):
                if part not in self.parts:
                    names = list(self.parts)
                    raise ValueError(f"Part of a link must be one of {names}, not {part!r}")
                if port not in getattr(self.parts[part], side):
                    raise ValueError(f"Port of {part} must be one of its {side}, not {port!r}")
                if (part, port) in seen:
                    raise ValueError(f"Port {part}.{port} must be linked once, not twice")
                seen.add((part, port))

    @property
    def sources(self) -> list[Port]:
        """Input ports that no link feeds."""
        fed = {consumer for _, consumer in self.links}
        ports = ((name, port) for name, part in self.parts.items() for port in part.inputs)
        return [port for port in ports if port not in fed]

    @property
    def sinks(self) -> list[Port]:
        """Output ports that no link drains."""
        drained = {producer for producer, _ in self.links}
        ports = ((name, port) for name, part in self.parts.items() for port in part.outputs)
        return [port for port in ports if port not in drained]


@dataclass(frozen=True)
class NetworkTimes:
    """When each beat moved, and what each process waited for.

    ``transfers`` maps every port to the cycles of its transfers (both ends of a link have the
    same); ``waits`` maps (part, process, channel) to the cycles that the process lost because that
    channel was the last to have a token.
    """

    transfers: Mapping[Port, np.ndarray]
    waits: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


class _Channel:
    """Tokens in order: when each becomes available. Streams also know when the last one left."""

    __slots__ = ("is_stream", "last_left", "returned", "taken", "times", "waiting")

    def __init__(self, is_stream: bool) -> None:
        self.times: list[int] = []
        self.taken: list[int] = []
        self.waiting: _Runner | None = None
        self.is_stream = is_stream
        self.last_left = -1
        self.returned: _Channel | None = None


class _Runner:
    """A process on its way through its steps."""

    __slots__ = ("free", "name", "position", "steps", "times_done", "waits")

    def __init__(self, name: tuple[str, str], steps: list, start: int) -> None:
        self.name = name
        self.steps = steps
        self.free = start
        self.position = 0
        self.times_done = 0
        self.waits: dict[str, int] = defaultdict(int)


def simulate_network(
    network: Network,
    beats: Mapping[Port, int] | int,
    start: int = 0,
    ports: Collection[Port] | None = None,
) -> NetworkTimes:
    """Runs a network with sources that always offer and sinks that always accept.

    Parameters
    ----------
    network : :class:`Network`
        What to run.
    beats : mapping of port to :class:`int`, or :class:`int`
        How many beats each source offers in all.
    start : :class:`int`
        Cycle in which the sources first offer; 0 is the first cycle after reset.
    ports : collection of ports, optional
        Those whose transfers are wanted; all by default.

    Raises
    ------
    ValueError
        If a process neither takes nor peeks any token, so that it would run for ever.
    """
    for name, part in network.parts.items():
        for process in part.processes:
            if not any(step.take or step.peek for step in process.steps):
                raise ValueError(
                    f"Process {process.name} of {name} must take a token, not run freely"
                )
    offered = {port: beats if isinstance(beats, int) else beats[port] for port in network.sources}
    if ports is None:
        parts = network.parts.items()
        ports = [(name, port) for name, part in parts for port in (*part.inputs, *part.outputs)]
    library = find_event_loop()
    if library is None:
        return simulate_in_python(network, offered, start, ports)
    return NetworkTimes(*run_tables(library, EventTables(network, offered, start, ports), ports))


def simulate_in_python(
    network: Network, offered: Mapping[Port, int], start: int, ports: Collection[Port]
) -> NetworkTimes:
    """What `simulate_network` gives, by the loop in Python."""
    streams: dict[Port, _Channel] = {}
    for name, part in network.parts.items():
        for port in (*part.inputs, *part.outputs):
            streams[name, port] = _Channel(True)
    for producer, consumer in network.links:
        streams[consumer] = streams[producer]
    for port, count in offered.items():
        # One beat a cycle: the rule that a beat follows the one that left does the spacing.
        streams[port].times = [start] * count

    runners: list[_Runner] = []
    for name, part in network.parts.items():
        runners += _runners(name, part, streams)
    ready = list(runners)
    sinks = [streams[port] for port in network.sinks]
    while ready:
        while ready:
            _run(ready.pop(), ready)
        for channel in sinks:
            _drain(channel, ready)

    waits = {
        (*runner.name, channel): cycles
        for runner in runners
        for channel, cycles in runner.waits.items()
    }
    transfers = {port: np.array(streams[port].taken, np.int64) for port in ports}
    return NetworkTimes(transfers, waits)


def _runners(name: str, part: Timing, streams: dict[Port, _Channel]) -> list[_Runner]:
    inner: dict[str, _Channel] = {}

    def find(channel: str) -> _Channel:
        if channel in part.inputs or channel in part.outputs:
            return streams[name, channel]
        if channel not in inner:
            inner[channel] = _Channel(False)
            inner[channel].times = [0] * part.initial.get(channel, 0)
        return inner[channel]

    for port, channel in part.returns.items():
        find(port).returned = find(channel)
    runners = []
    for process in part.processes:
        steps = [
            (
                step.cycles,
                [(find(channel), channel, 1, False) for channel in step.peek]
                + [(find(name), name, count, True) for name, count in Counter(step.take).items()],
                [(find(name), offset, n) for (name, offset), n in Counter(step.give).items()],
                step.repeat,
            )
            for step in process.steps
        ]
        runners.append(_Runner((name, process.name), steps, process.start))
    return runners


def _available(channel: _Channel, count: int = 1) -> int | None:
    """When the last of so many tokens is there; None if it has not been made yet."""
    index = len(channel.taken) + count - 1
    if index >= len(channel.times):
        return None
    time = channel.times[index]
    return max(time, channel.last_left + 1) if channel.is_stream else time


def _leave(channel: _Channel, time: int, ready: list[_Runner]) -> None:
    channel.taken.append(time)
    channel.last_left = time
    if channel.returned is not None:
        _put(channel.returned, time + 1, ready)


def _put(channel: _Channel, time: int, ready: list[_Runner]) -> None:
    channel.times.append(time)
    if channel.waiting is not None:
        ready.append(channel.waiting)
        channel.waiting = None


def _drain(channel: _Channel, ready: list[_Runner]) -> None:
    while (time := _available(channel)) is not None:
        _leave(channel, time, ready)


def _run(runner: _Runner, ready: list[_Runner]) -> None:
    """Steps of one process until it waits. What `_available`, `_leave` and `_put` do is written out
    here: a network takes millions of steps, and calls were half of their time."""
    steps = runner.steps
    free, position, times_done = runner.free, runner.position, runner.times_done
    while True:
        cycles, needs, gives, repeat = steps[position]
        begin, cause = free, None
        for channel, name, count, _ in needs:
            index = len(channel.taken) + count - 1
            if index >= len(channel.times):
                channel.waiting = runner
                runner.free, runner.position, runner.times_done = free, position, times_done
                return
            time = channel.times[index]
            if channel.is_stream and time <= channel.last_left:
                time = channel.last_left + 1
            if time > begin:
                begin, cause = time, name
        if cause is not None:
            runner.waits[cause] += begin - free
        for channel, _, count, takes in needs:
            for _ in range(count if takes else 0):
                channel.taken.append(begin)
                channel.last_left = begin
                returned = channel.returned
                if returned is not None:
                    returned.times.append(begin + 1)
                    if returned.waiting is not None:
                        ready.append(returned.waiting)
                        returned.waiting = None
        for channel, offset, count in gives:
            for _ in range(count):
                channel.times.append(begin + offset)
                if channel.waiting is not None:
                    ready.append(channel.waiting)
                    channel.waiting = None
        free = begin + cycles
        times_done += 1
        if times_done >= repeat:
            times_done = 0
            position += 1
            if position == len(steps):
                position = 0
