"""The page on a decoder's registers in the repository is the one that the map gives."""

from __future__ import annotations

from pathlib import Path

from sterna_hw.decoder.decoder_map import DECODER_ERRORS, DecoderIdentity, decoder_map
from sterna_hw.decoder.decoder_page import decoder_page

PAGE = Path(__file__).parents[3] / "docs" / "decoder_registers.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == decoder_page()


def test_every_field_has_its_line() -> None:
    text = decoder_page()
    for register in decoder_map(DecoderIdentity()).registers:
        for field in register.fields:
            assert f"| 0x{register.offset:03X} | {register.name} |" in text
            assert f"| {field.name} | {field.access.value} |" in text


def test_refusals_are_the_first_errors() -> None:
    names = [name for name, _ in DECODER_ERRORS[:3]]
    assert names == ["empty_prompt", "position_range", "token_range"]
