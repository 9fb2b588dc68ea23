"""What work costs: processor time of this process and of its tools, and memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from sterna_flows.effort import Stopwatch

BURN = "import time\nwhile time.process_time() < {}: pass"


def test_a_tool_counts_as_a_tool() -> None:
    watch = Stopwatch()
    subprocess.run([sys.executable, "-c", BURN.format(0.3)], check=True)
    assert 0.25 <= watch.tool_seconds < 30
    own = watch.own_seconds
    effort = watch.effort()
    assert effort.processor_seconds >= round(own + 0.25, 3) - 0.01
    assert 0 < effort.seconds
    # A new one begins at nothing.
    assert Stopwatch().tool_seconds == 0


def test_the_peak_holds_what_was_held() -> None:
    held = np.ones(30_000_000)
    assert Stopwatch().effort().peak_bytes >= held.nbytes
    assert Stopwatch().effort().peak_bytes < 1e12


def test_the_peak_is_not_that_of_the_process_that_began_this_one() -> None:
    held = np.ones(60_000_000)
    program = "from sterna_flows.effort import Stopwatch; print(Stopwatch().effort().peak_bytes)"
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert 1e6 < int(told.stdout) < held.nbytes


def test_the_peak_of_a_tool_counts_too() -> None:
    before = Stopwatch().effort().peak_bytes
    size = before + 50_000_000
    subprocess.run([sys.executable, "-c", f"x = b'1' * {size}"], check=True)
    assert Stopwatch().effort().peak_bytes >= size
