"""A command that is asked to end says so in a line and takes its tools with it."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

PROGRAM = """
import subprocess, sys
from sterna_flows.terminal import end_tools_when_terminated, guarded

class Command:
    def main(self, *arguments, **options):
        subprocess.run(["sh", "-c", "sleep 600 & echo $$ $! && wait"])

end_tools_when_terminated()
sys.exit(guarded(Command(), []))
"""


COMMAND = """
import signal, sys, time, typer
from sterna_flows.terminal import end_tools_when_terminated, guarded

app = typer.Typer()

@app.command()
def wait():
    print("ready", flush=True)
    time.sleep(600)

# Whoever starts the tests in the background of a shell hands on an interrupt that is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
end_tools_when_terminated()
sys.exit(guarded(typer.main.get_command(app), []))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_command_says_so(number: signal.Signals, status: int) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout is not None and command.stdout.readline() == "ready\n"
    command.send_signal(number)
    _, errors = command.communicate()
    assert (command.returncode, errors) == (status, "sterna: Stopped\n")


def is_alive(process: int) -> bool:
    """Whether a process still runs; one that has ended may wait for its parent to look."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs the process table of Linux")
def test_tools_end_with_the_command() -> None:
    """The tool, and what the tool has started."""
    command = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert command.stdout is not None and command.stderr is not None
    tools = [int(number) for number in command.stdout.readline().split()]
    assert len(tools) == 2 and all(map(is_alive, tools))
    command.send_signal(signal.SIGTERM)
    assert command.wait() == 143
    assert command.stderr.read() == "sterna: Stopped\n"
    for _ in count():  # they have been told to end, and do so in their own time
        if not any(map(is_alive, tools)):
            break
