"""Verilator's lint over emitted Verilog, with every warning on and a short list of waivers.

`lint` gives what is left after the waivers of ``verilog/lint_waivers.vlt``, each of which says why
it is harmless in generated code. Nothing left means: no latches, no combinational loops, no widths
that do not match, no signals driven twice or never.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .verilator_tool import SimulatorError, find_verilator

__all__ = ["LintMessage", "lint"]

WAIVERS = Path(__file__).parent / "verilog" / "lint_waivers.vlt"


@dataclass(frozen=True)
class LintMessage:
    """A complaint: Verilator's name for its kind, file, line and text."""

    kind: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}: {self.text}"


def lint(sources: Mapping[str, str], top: str) -> list[LintMessage]:
    """Complaints about Verilog files (file name to text), after the waivers.

    Raises
    ------
    SimulatorError
        If Verilator fails for another reason than a complaint.
    """
    tool = find_verilator()
    with tempfile.TemporaryDirectory(prefix="sterna-lint-") as folder:
        names = [name for name in sorted(sources) if name.endswith((".v", ".sv"))]
        for name in names:
            (Path(folder) / name).write_text(sources[name])
        command = [str(tool.bin / "verilator"), "--lint-only", "-Wall", "--top-module", top]
        answer = subprocess.run(
            [*command, str(WAIVERS), *names],
            cwd=folder,
            env={**os.environ, **tool.environment},
            capture_output=True,
            text=True,
        )
    found = [
        LintMessage(kind, file, int(line), text)
        for kind, file, line, text in re.findall(
            r"^%(?:Warning|Error)-?(\w*): ([^:\n]+):(\d+):\d+: (.*)$", answer.stderr, re.MULTILINE
        )
    ]
    if answer.returncode and not found:
        raise SimulatorError(f"Verilator could not read {top}:\n{answer.stderr.strip()}")
    return found
