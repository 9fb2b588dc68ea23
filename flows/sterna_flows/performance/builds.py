"""Builds of zoo networks with default settings, each by the command itself in a fresh process.

The command tells its own seconds and memory in the report (`sterna build`), from the end of its
imports on; nothing is timed from outside. A network that a device refuses is told with the reason.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..effort import Effort
from ..report_file import read_report
from ..tools import ToolError

__all__ = ["MOST_SECONDS", "Build", "measure_build"]

MOST_SECONDS = 10.0
"""Processor time that a build with default settings may take."""


@dataclass(frozen=True)
class Build:
    """A build in its ``folder``, or the ``refusal``, in which case there is no effort."""

    model: str
    target: str
    folder: Path
    effort: Effort | None
    refusal: str = ""

    @property
    def command(self) -> str:
        return f"sterna build {self.model} -t {self.target}"

    @property
    def is_slow(self) -> bool:
        """Whether it took longer than a build may."""
        return self.effort is not None and self.effort.processor_seconds > MOST_SECONDS


def measure_build(model: str, target: str, folder: Path) -> Build:
    """Builds a network of the zoo into ``folder``.

    Raises
    ------
    ToolError
        If the command fails otherwise than by refusing.
    """
    options = ["build", model, "--target", target, "--output", str(folder)]
    found = subprocess.run(
        [sys.executable, "-m", "sterna_flows.cli", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    last = (found.stderr.strip().splitlines() or ["no word"])[-1]
    if found.returncode == 2:
        return Build(model, target, folder, None, last.removeprefix("sterna: "))
    if found.returncode:
        raise ToolError(f"Build of {model} for {target} failed: {last}")
    return Build(model, target, folder, Effort(**read_report(folder)["build"]))
