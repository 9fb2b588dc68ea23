"""Runs Tcl scripts in an interpreter without Vivado: `tclsh`, or the one that Python carries."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = Path(__file__).parent / "vivado_commands.tcl"

# What `tclsh FILE ARGUMENTS` does, in Python's own interpreter.
EMBEDDED = """
import sys, tkinter
tcl = tkinter.Tcl()
tcl.setvar("argv", tuple(sys.argv[2:]))
tcl.eval("source {" + sys.argv[1] + "}")
"""


def run_recorded(script: Path, work: Path, fails: str | None = None) -> list[list[str]]:
    """The calls of Vivado's commands that a script makes, as words; the test is skipped where there
    is neither `tclsh` nor a Python with tkinter. With ``fails`` it must end with that error."""
    calls = work / "calls"
    tclsh = shutil.which("tclsh")
    if tclsh is None and importlib.util.find_spec("_tkinter") is None:
        pytest.skip("no Tcl here: apt-get install tcl")
    command = [tclsh] if tclsh else [sys.executable, "-c", EMBEDDED]
    done = subprocess.run(
        [*command, str(COMMANDS), str(script), str(calls)], capture_output=True, text=True, cwd=work
    )
    assert (done.returncode == 0) == (fails is None), done.stderr
    assert (fails or "") in done.stderr
    return [line.split("\t") for line in calls.read_text().splitlines()]
