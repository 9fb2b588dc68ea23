"""The page on instructions in the repository is the one that the table gives."""

from __future__ import annotations

from pathlib import Path

from sterna_hw.decoder.instruction import INSTRUCTIONS
from sterna_hw.decoder.instruction_page import instruction_page

PAGE = Path(__file__).parents[3] / "docs" / "instructions.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == instruction_page()


def test_the_page_names_every_opcode_and_operand() -> None:
    text = instruction_page()
    for definition in INSTRUCTIONS.values():
        section = text.partition(f"### {definition.opcode.name} (")[2].partition("###")[0]
        for operand in definition.operands:
            assert f"| {operand.name} | {operand.slot} |" in section
