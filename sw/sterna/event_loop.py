"""The loop of the exact cycle model, compiled: fifty times as fast as Python per step.

A network becomes tables of integers, which `event_loop.cpp` runs. It is compiled by the machine's
C++ compiler when it is first needed and kept in the cache (`sterna.cache`); where there is no
compiler, `sterna.cycles` does the same in Python. What a step means is said there and in
`sterna_hw.base.timing`; nothing is decided here.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sterna_hw.base import Step, Timing

from .cache import cache_folder

if TYPE_CHECKING:
    from .cycles import Network, Port

__all__ = ["EventTables", "find_event_loop", "run_tables"]

COMPILERS = ("g++", "clang++", "c++")
OPTIONS = ("-std=c++17", "-O2", "-shared", "-fPIC")

CHANNEL_COLUMNS = 6
"""Tokens at first and their time, whether it is a stream, whether every token leaves at once, the
channel that gets a token back or -1, whether the times at which tokens leave are kept."""


class EventTables:
    """A network with its sources as tables of integers.

    Parameters
    ----------
    network : :class:`Network`
        What to run.
    offered : mapping of port to :class:`int`
        Beats that each source offers, all from cycle ``start``.
    ports : collection of ports
        Ports whose transfers are kept.
    """

    def __init__(
        self, network: Network, offered: Mapping[Port, int], start: int, ports: Collection[Port]
    ) -> None:
        self.channels: list[list[int]] = []
        self.processes: list[tuple[int, int, int]] = []
        self.steps: list[tuple[int, int, int, int, int, int]] = []
        self.needs: list[tuple[int, int, int]] = []
        self.gives: list[tuple[int, int, int]] = []
        self.need_names: list[tuple[str, str, str]] = []
        """(Part, process, channel) of each row of ``needs``."""
        self.streams: dict[Port, int] = {}
        """The channel of each port."""
        for name, part in network.parts.items():
            for port in (*part.inputs, *part.outputs):
                self.streams[name, port] = self._add_channel(is_stream=1)
        for producer, consumer in network.links:
            self.streams[consumer] = self.streams[producer]
        for port, count in offered.items():
            self.channels[self.streams[port]][:2] = [count, start]
        for port in network.sinks:
            self.channels[self.streams[port]][3] = 1
        for port in ports:
            self.channels[self.streams[port]][5] = 1
        for name, part in network.parts.items():
            self._add_part(name, part)

    def _add_channel(self, tokens: int = 0, is_stream: int = 0) -> int:
        self.channels.append([tokens, 0, is_stream, 0, -1, 0])
        return len(self.channels) - 1

    def _add_part(self, name: str, part: Timing) -> None:
        found = {port: self.streams[name, port] for port in (*part.inputs, *part.outputs)}

        def find(channel: str) -> int:
            if channel not in found:
                found[channel] = self._add_channel(part.initial.get(channel, 0))
            return found[channel]

        for port, channel in part.returns.items():
            self.channels[find(port)][4] = find(channel)
        for process in part.processes:
            self.processes.append((len(self.steps), len(process.steps), process.start))
            # Steps are many, but few of them differ in what they wait for and give.
            rows: dict[tuple, tuple[int, int, int, int]] = {}
            for step in process.steps:
                key = (step.peek, step.take, step.give)
                if key not in rows:
                    rows[key] = self._add_rows(step, (name, process.name), find)
                self.steps.append((step.cycles, step.repeat, *rows[key]))

    def _add_rows(
        self, step: Step, process: tuple[str, str], find: Callable[[str], int]
    ) -> tuple[int, int, int, int]:
        """First and number of the rows of what a step needs and of what it gives."""
        first_need, first_give = len(self.needs), len(self.gives)
        self.needs += [(find(channel), 1, 0) for channel in step.peek]
        takes = Counter(step.take)
        self.needs += [(find(channel), count, 1) for channel, count in takes.items()]
        self.need_names += [(*process, channel) for channel in (*step.peek, *takes)]
        for (channel, offset), count in Counter(step.give).items():
            self.gives.append((find(channel), offset, count))
        counts = len(self.needs) - first_need, len(self.gives) - first_give
        return first_need, counts[0], first_give, counts[1]


def run_tables(
    library: ctypes.CDLL, tables: EventTables, ports: Collection[Port]
) -> tuple[dict[Port, np.ndarray], dict[tuple[str, str, str], int]]:
    """Transfers of ports (int64 cycles) and cycles that processes waited, as `NetworkTimes` has
    them.

    Raises
    ------
    MemoryError
        If the network does not fit.
    """
    sizes = [len(tables.channels), len(tables.processes), len(tables.needs)]
    rows = [sizes, tables.channels, tables.processes, tables.steps, tables.needs, tables.gives]
    arrays = [np.array(table, np.int64).ravel() for table in rows]
    run = library.sterna_run(*(array.ctypes.data for array in arrays))
    if not run:
        raise MemoryError("Cycle model needs more memory than there is")
    try:
        waits: Counter[tuple[str, str, str]] = Counter()
        lost = _copied(library.sterna_waits(run), sizes[2])
        for need in np.flatnonzero(lost):
            waits[tables.need_names[need]] += int(lost[need])
        transfers = {}
        for port in ports:
            count = ctypes.c_int64()
            first = library.sterna_left(run, tables.streams[port], ctypes.byref(count))
            transfers[port] = _copied(first, count.value)
        return transfers, dict(waits)
    finally:
        library.sterna_free(run)


def _copied(first: int | None, count: int) -> np.ndarray:
    if not first or not count:
        return np.zeros(0, np.int64)
    return np.array((ctypes.c_int64 * count).from_address(first), np.int64)


@lru_cache(maxsize=1)
def find_event_loop() -> ctypes.CDLL | None:
    """The compiled loop; None where it cannot be had."""
    source = (resources.files("sterna") / "event_loop.cpp").read_bytes()
    key = " ".join((platform.platform(), *OPTIONS)).encode()
    name = f"event_loop-{hashlib.sha256(key + source).hexdigest()[:24]}.so"
    try:
        path = cache_folder() / name
        if not path.exists():
            _compile(source, path)
        library = ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError):
        return None
    pointer = ctypes.c_void_p
    library.sterna_run.argtypes, library.sterna_run.restype = [pointer] * 6, pointer
    library.sterna_left.argtypes = [pointer, ctypes.c_int64, pointer]
    library.sterna_left.restype = pointer
    library.sterna_waits.argtypes, library.sterna_waits.restype = [pointer], pointer
    library.sterna_free.argtypes, library.sterna_free.restype = [pointer], None
    return library


def _compile(source: bytes, path: Path) -> None:
    """Makes the library beside its place and renames it, so that nobody loads half of it."""
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        raise FileNotFoundError("no C++ compiler")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path.parent) as made:
        command = [compiler, *OPTIONS, "-x", "c++", "-", "-o", str(made)]
        subprocess.run(command, input=source, check=True, capture_output=True)
        os.replace(made, path)


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(dir=folder, prefix="building-", suffix=".so")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
