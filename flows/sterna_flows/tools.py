"""Running outside tools: one place that starts them, keeps their log and words their failure.

A tool is started in the folder that it works in and sees relative file names only, so that neither
its outputs nor its log depend on where that folder lies (and because the WebAssembly builds see
nothing of the system's temporary folder). All that it prints goes to a log file; when it fails, the
line of the log that says why becomes the error's text. A tool that runs longer than its time limit
is ended together with everything that it started.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["ToolError", "find_script", "run_tool"]


class ToolError(RuntimeError):
    """An outside tool is missing, failed or ran out of time; the text is one line."""


def find_script(name: str) -> str | None:
    """Path of a command: beside this Python (its own environment), else on the search path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.is_file() else shutil.which(name)


def run_tool(
    command: Sequence[str],
    folder: Path,
    log: str,
    *,
    timeout_seconds: float = 3600,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run ``command`` in ``folder``, keep what it prints in the file ``log`` there, return it.

    Raises
    ------
    ToolError
        If it exits with another status than 0 or takes longer than ``timeout_seconds``.
    """
    name = Path(command[0]).name if command[0] != sys.executable else log.removesuffix(".log")
    log_path = folder / log
    with log_path.open("wb") as stream:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            status = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            end_group(process)
            raise ToolError(f"{name} took longer than {timeout_seconds:g} seconds") from None
        except BaseException:
            end_group(process)
            raise
    text = log_path.read_text(errors="replace")
    if status != 0:
        raise ToolError(f"{name} failed: {reason(text, status)}")
    return text


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started; it leads a session of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def reason(text: str, status: int) -> str:
    """The line of a log that says why the tool failed.

    An error that only says that a check failed is told with the last warning, which says what. A
    tool that was killed says nothing: its last line is of what went well.
    """
    if status < 0:
        why = ", as happens where memory runs out" if -status == signal.SIGKILL else ""
        return f"it was ended by {_signal_name(-status)}{why}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(.*:\d+: )?(error|ERROR)\b", line)]
    warnings = [line for line in lines if re.match(r"(Warning: |Latch inferred)", line)]
    if errors and "ssert" in errors[0] and warnings:
        return f"{errors[0]} ({warnings[-1]})"
    if errors:
        return errors[0]
    return lines[-1] if lines else f"exit status {status}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
