"""Where a figure comes from: the day, the state of the source, the machine, versions of the tools.

Versions are those that `sterna doctor` tells. The commit is that of the source that runs, with
``+`` behind it where files differ from it; an installed wheel has none. Nothing names the machine
itself or a place on it.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..doctor import examine

__all__ = ["Origin", "find_origin"]


@dataclass(frozen=True)
class Origin:
    """What figures were measured with.

    Parameters
    ----------
    date : :class:`str`
        The day, in UTC, as year-month-day.
    commit : :class:`str`
        Of the source; empty if unknown.
    processor : :class:`str`
        What the system calls it.
    cores : :class:`int`
        Those that this process may use.
    system : :class:`str`
        Kind of operating system and instruction set.
    versions : mapping of :class:`str` to :class:`str`
        Of the tools found, by name.
    """

    date: str
    commit: str
    processor: str
    cores: int
    system: str
    versions: Mapping[str, str]

    @property
    def line(self) -> str:
        """The day, the commit and the machine."""
        commit = f", commit {self.commit}" if self.commit else ""
        return f"{self.date}{commit}, {self.processor}, {self.cores} cores, {self.system}"


def find_origin() -> Origin:
    """Of what is measured now, here."""
    return Origin(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        commit=_commit(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _all_cores(),
        system=f"{platform.system()} {platform.machine()}",
        versions={item.name: item.version for item in examine() if item.version is not None},
    )


def _all_cores() -> int:
    return os.cpu_count() or 1


def _commit() -> str:
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        # A wheel may lie within another project's folder: its files are not under control there.
        if not git("ls-files", "--", Path(__file__).name):
            return ""
        changes = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or "unknown processor"
