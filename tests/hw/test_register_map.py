"""The register map: fixed offsets, no overlaps, documentation that is current."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna_hw.register_map import Identity, accelerator_map
from sterna_hw.register_page import register_page
from sterna_hw.registers import Access, Field, Register, RegisterMap, driver_table

ROOT = Path(__file__).resolve().parents[2]
FIXED = {
    "magic": 0x00,
    "map_version": 0x04,
    "build_hash": 0x08,
    "capabilities": 0x0C,
    "control": 0x10,
    "status": 0x14,
    "error": 0x18,
    "interrupt": 0x1C,
    "frames_in": 0x40,
    "reload_select": 0x100,
    "reload_window": 0x1000,
}


def test_offsets_that_software_relies_on() -> None:
    table = driver_table(accelerator_map(Identity()))
    assert {name: table[name]["offset"] for name in FIXED} == FIXED
    assert table["magic"]["fields"]["value"]["reset"].to_bytes(4, "little") == b"STRN"


def test_identity_is_in_the_map() -> None:
    table = driver_table(accelerator_map(Identity(0xDEADBEEF, 8, 4, 784, 10, 5)))
    assert table["build_hash"]["fields"]["value"]["reset"] == 0xDEADBEEF
    assert table["capabilities"]["fields"]["input_bytes"]["reset"] == 8
    assert table["input_elements"]["fields"]["value"]["reset"] == 784
    assert table["memory_count"]["fields"]["value"]["reset"] == 5


def test_the_page_is_current() -> None:
    """If this fails: ``python -c "from sterna_hw.register_map import documentation;
    print(register_page(), end='')" > docs/registers.md``."""
    assert (ROOT / "docs" / "registers.md").read_text() == register_page()


def test_the_page_names_every_field_once() -> None:
    rows = [line for line in register_page().splitlines() if line.startswith("| 0x")]
    fields = [
        (register.name, field.name)
        for register in accelerator_map(Identity(memory_ports=1)).registers
        for field in register.fields
    ]
    for register, field in fields:
        matching = [row for row in rows if f"| {register} |" in row and f"| {field} |" in row]
        assert len(matching) == 1, (register, field)
    assert len(rows) == len(fields) + 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Field("wide", 30, 3, Access.READ, ""),
            "Bits of field wide must be within 0 to 31, not 30 to 32",
        ),
        (
            lambda: Field("value", 0, 2, Access.CONSTANT, "", 4),
            "Reset of field value must fit 2 bits, not 4",
        ),
        (
            lambda: Register(6, "odd", "", ()),
            "Offset of register odd must be a multiple of 4 below 0x1000, not 0x6",
        ),
        (
            lambda: Register(
                0, "two", "", (Field("a", 0, 2, Access.READ, ""), Field("b", 1, 1, Access.READ, ""))
            ),
            "Fields of register two must be apart, not overlapping at b",
        ),
        (
            lambda: RegisterMap((Register(4, "a", "", ()), Register(4, "b", "", ()))),
            r"Offsets of a register map must ascend, not be \[4, 4\]",
        ),
        (
            lambda: accelerator_map(Identity(input_bytes=4096)),
            "Reset of field input_bytes must fit 12 bits, not 4096",
        ),
    ],
    ids=["bits", "reset", "offset", "overlap", "order", "identity"],
)
def test_refusals(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
