"""What every command shares: a line of progress, errors in one line, exit statuses.

Status 2 is bad input, 1 a tool that failed or a comparison that did not come out equal, 130 an
interruption, 143 a request to end. Whatever an error's text looks like, one line is printed, on the
error stream. Who ends the command ends the tools that it started too.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from .tools import ToolError

__all__ = [
    "CheckFailed",
    "Terminated",
    "end_tools_when_terminated",
    "fail_unless_equal",
    "guarded",
    "telling",
]


INTERRUPTED = 130
"""Status of an interruption."""


class Terminated(BaseException):
    """The process was asked to end. No interruption, of which typer would keep nothing but a
    status."""


class CheckFailed(Exception):
    """Something that was to be equal is not; exit status 1."""


def fail_unless_equal(lines: Sequence[str]) -> None:
    """Ends with status 1 if there are lines, which say what differs; all go to the error stream."""
    for line in lines[:-1]:
        print(f"sterna: {line}", file=sys.stderr)
    if lines:
        raise CheckFailed(lines[-1])


@contextmanager
def telling(steps: bool = True) -> Iterator[Callable[[str], None]]:
    """A line of progress on the error stream while the block runs.

    Without a terminal each new text is a line of its own, or nothing at all if ``steps`` is false:
    bad input is to end in one line, so what may refuse it must not speak before.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        told: list[str] = []

        def tell(line: str) -> None:
            if steps and told[-1:] != [line]:
                told.append(line)
                console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield tell
        return
    with console.status("Starting") as status:
        yield lambda line: status.update(line)


def guarded(command: Any, arguments: Sequence[str]) -> int:
    """Run a typer command; gives the exit status. Errors become one line on the error stream.

    With ``STERNA_TRACEBACK`` in the environment, errors that are not about the command line itself
    pass through.
    """
    try:
        status = command.main(list(arguments), prog_name="sterna", standalone_mode=False)
    except CheckFailed as error:
        return _complain(str(error), 1)
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        return _complain(error.format_message(), 2)
    except (typer.Abort, KeyboardInterrupt):
        return _complain("Stopped", INTERRUPTED)
    except Terminated:
        return _complain("Stopped", 143)
    except (ValueError, OSError) as error:
        if os.environ.get("STERNA_TRACEBACK"):
            raise
        return _complain(str(error), 2)
    except RuntimeError as error:
        if os.environ.get("STERNA_TRACEBACK") or not _is_tool_error(error):
            raise
        return _complain(str(error), 1)
    if status == INTERRUPTED:
        # What typer makes of an interruption; it says nothing of it.
        return _complain("Stopped", INTERRUPTED)
    return status if isinstance(status, int) else 0


def end_tools_when_terminated() -> None:
    """From now on SIGTERM ends the processes that this one started, with all that these started,
    and then this one as an interruption does, so that temporary folders go away."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for process in _descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        raise Terminated

    signal.signal(signal.SIGTERM, end)


def _descendants(ancestor: int) -> list[int]:
    """Processes below one, from the tables of a Linux system; elsewhere none are known."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in parentheses may hold anything; state and parent follow it.
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found, ahead = list[int](), [ancestor]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def _is_tool_error(error: RuntimeError) -> bool:
    from sterna_sim.verilator import SimulatorError
    from sterna_sim.verilator import ToolError as VerilatorError

    return isinstance(error, (ToolError, VerilatorError, SimulatorError))


def _complain(text: str, status: int) -> int:
    """One line, whatever the text: what comes from libraries may have several."""
    print(f"sterna: {' '.join(text.split())}", file=sys.stderr)
    return status
