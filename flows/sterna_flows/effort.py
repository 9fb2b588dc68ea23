"""What a piece of work costs the machine: seconds, processor time, memory at most.

Processor time is that of this process and of the tools that it started and waited for, so it says
the same on a busy machine as on an idle one; the seconds on the clock do not. The peak of memory is
that of the largest process since it began, as the system keeps it: of a command it is the
command's, while that of a long-lived process may come from earlier work. Tools that are still
running when the work ends do not count. Systems without `getrusage` tell no memory and count no
tools.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None

__all__ = ["Effort", "Stopwatch"]


@dataclass(frozen=True)
class Effort:
    """What work took.

    Parameters
    ----------
    seconds : :class:`float`
        On the clock.
    processor_seconds : :class:`float`
        Of this process and its tools.
    peak_bytes : :class:`int`
        Resident memory that the largest of these processes had at most; 0 if the system does not
        tell. Others beside it are not in it.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Stopwatch:
    """Runs from its making on."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._own, self._tools = time.process_time(), _tool_seconds()

    @property
    def own_seconds(self) -> float:
        """Processor time of this process alone."""
        return time.process_time() - self._own

    @property
    def tool_seconds(self) -> float:
        """Processor time of the tools alone."""
        return _tool_seconds() - self._tools

    def effort(self) -> Effort:
        """What was taken until now."""
        return Effort(
            seconds=round(time.perf_counter() - self._begin, 3),
            processor_seconds=round(self.own_seconds + self.tool_seconds, 3),
            peak_bytes=_peak(),
        )


def _tool_seconds() -> float:
    if resource is None:
        return 0.0
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peak() -> int:
    if resource is None:
        return 0
    # Linux begins a process with the peak of the one that starts it: a small tool's is that of this
    # process, so that the larger of the two is right, and this process' own is read elsewhere.
    tools = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = max(_own_peak() or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, tools)
    # Linux counts in KiB, macOS in bytes.
    return peak * (1 if sys.platform == "darwin" else 1024)


def _own_peak() -> int:
    """KiB that Linux has seen of this program; 0 elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
