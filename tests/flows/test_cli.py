"""The command as a user meets it: exit status, one line on bad input, tables on the output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sterna_flows.cli import run
from sterna_models import text_zoo, zoo

ROOT = Path(__file__).resolve().parent.parent.parent


def test_doctor_finds_every_required_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    output = capsys.readouterr().out
    for tool in ("verilator", "yosys", "nextpnr-ecp5", "g++", "cocotb", "amaranth"):
        assert tool in output
    assert "MISSING" not in output


def test_doctor_names_what_is_missing_and_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna_flows.doctor.find_script", lambda name: None)
    assert run(["doctor"]) == 1
    captured = capsys.readouterr()
    assert "apt-get install perl" in captured.out and "MISSING" in captured.out
    assert captured.err == "sterna: Missing tools: g++, make, perl\n"


def test_zoo_lists_every_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["zoo"]) == 0
    output = capsys.readouterr().out
    for name in zoo.names():
        assert name in output
        assert f"{100 * zoo.card(name).accuracy['golden']:.2f}" in output
    for name in text_zoo.names():
        assert name in output
        assert f"{text_zoo.card(name).loss['golden_sampled']:.4f}" in output


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["what"], "No such command 'what'."),
        (["synth"], "Missing argument 'DIR'."),
        (["synth", "here", "--what"], "No such option: --what"),
        (["synth", "here", "--seed", "x"], "Invalid value for '--seed'"),
    ],
)
def test_misuse_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith(f"sterna: {line}")
    assert captured.err.count("\n") == 1


def test_the_command_needs_no_torch() -> None:
    """In a process of its own, where torch and Brevitas cannot be imported."""
    program = (
        "import sys\n"
        "for name in ('torch', 'brevitas'): sys.modules[name] = None\n"
        "from sterna_flows.cli import main\n"
        "sys.argv = ['sterna', 'zoo']\n"
        "main()\n"
    )
    rooms = ("hw", "sw", "sim", "models", "flows")
    path = os.pathsep.join(str(ROOT / room) for room in rooms)
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0 and done.stderr == ""
    assert all(name in done.stdout for name in zoo.names())
