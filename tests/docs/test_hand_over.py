"""The page on handing over: its commands exist, its Python is the driver's, its tables hold."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer

from sterna import driver
from sterna_flows.boards import BAUD, BOARDS
from sterna_flows.cli import app
from sterna_hw.board.protocol import ANSWER, ERRORS, KINDS, REFUSED, SYNC

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "hand_over.md"
TEXT = PAGE.read_text()
COMMANDS = re.findall(r"^    (sterna .*?)(?: +#.*)?$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_have_these_options(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    command = typer.main.get_command(app).commands[name]  # pyright: ignore[reportAttributeAccessIssue]
    command.make_context(name, arguments)


def test_programs_use_what_the_driver_has() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    drivers = {"accelerator": driver.AcceleratorDriver, "decoder": driver.DecoderDriver}
    for block in blocks:
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert {alias.name for alias in node.names} <= set(driver.__all__)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                owner = drivers.get(node.value.id) or getattr(driver, node.value.id, None)
                assert owner is None or hasattr(owner, node.attr), ast.unparse(node)


def test_the_tables_are_those_of_the_bridge() -> None:
    rows = [row.split(" | ") for row in re.findall(r"^\| (\d \w+ \|.*) \|$", TEXT, re.MULTILINE)]
    told = {row[0].split()[1]: (int(row[0].split()[0]), int(row[2], 16)) for row in rows}
    assert told == {name: (kind, kind | ANSWER) for name, kind in KINDS.items()}
    assert f"`{SYNC:#x}, kind, length" in TEXT and f"{BAUD:,} baud" in TEXT
    refused = f"0x{REFUSED:X}"
    assert f"| any, damaged | | {refused} | {ERRORS['checksum']}:" in TEXT
    assert f"| other kind or length | | {refused} | {ERRORS['request']} |" in TEXT
    assert all(f"`{board}`" in TEXT for board in BOARDS)
