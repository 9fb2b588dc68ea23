"""Outside tools: their log, their failure in one line, their time limit."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from sterna_flows.tools import ToolError, find_script, run_tool


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_output_is_kept_and_returned(tmp_path: Path) -> None:
    program = "import os, sys; print('a', flush=True); print(os.environ['X'], file=sys.stderr)"
    assert run_tool(python(program), tmp_path, "t.log", environment={"X": "b"}) == "a\nb\n"
    assert (tmp_path / "t.log").read_text() == "a\nb\n"


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("print('fine'); print('ERROR: bad net'); print('bye'); exit(3)", "ERROR: bad net"),
        ("print('x.v:7: ERROR: syntax'); exit(1)", "x.v:7: ERROR: syntax"),
        ("print('last words'); exit(1)", "last words"),
        ("exit(9)", "exit status 9"),
        (
            "import os; print('ERROR: not this', flush=True); os.kill(os.getpid(), 9)",
            "it was ended by SIGKILL, as happens where memory runs out",
        ),
        (
            "import os; print('fine', flush=True); os.kill(os.getpid(), 15)",
            "it was ended by SIGTERM",
        ),
    ],
)
def test_the_line_that_says_why_becomes_the_error(tmp_path: Path, program: str, text: str) -> None:
    with pytest.raises(ToolError) as caught:
        run_tool(python(program), tmp_path, "tool.log")
    assert str(caught.value) == f"tool failed: {text}"


def test_a_tool_without_end_is_ended_with_its_children(tmp_path: Path) -> None:
    child = "import time, pathlib; time.sleep(4); pathlib.Path('alive').touch()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    started = time.monotonic()
    with pytest.raises(ToolError, match="tool took longer than 1 seconds"):
        run_tool(python(program), tmp_path, "tool.log", timeout_seconds=1)
    assert time.monotonic() - started < 3
    time.sleep(4)
    assert not (tmp_path / "alive").exists()


def test_scripts_are_found_beside_this_python() -> None:
    assert find_script(Path(sys.executable).name) is not None
    assert find_script("no-such-command-anywhere") is None
