"""The C header: compiled without a warning, and every number in it is that of the table."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sterna_hw.decoder.decoder_map import DecoderIdentity, decoder_map
from sterna_hw.register_header import register_header
from sterna_hw.register_map import Identity, accelerator_map
from sterna_hw.registers import RegisterMap, driver_table

MAPS = {
    "digits": accelerator_map(Identity(build_hash=0xDEADBEEF, memories=3, input_elements=784)),
    "decoder": decoder_map(DecoderIdentity(build_hash=1, ports=4, vocabulary=32002)),
}


def expected(registers: RegisterMap, head: str) -> dict[str, int]:
    """Names and values by the table that drivers use."""
    values = {}
    for name, entry in driver_table(registers).items():
        values[f"{head}_{name.upper()}_OFFSET"] = entry["offset"]
        for field, facts in entry.get("fields", {}).items():
            bits = f"{head}_{name.upper()}" + ("" if field == "value" else f"_{field.upper()}")
            values[f"{bits}_SHIFT"] = facts["low"]
            values[f"{bits}_MASK"] = ((1 << facts["width"]) - 1) << facts["low"]
            if facts["access"] == "constant":
                values[f"{bits}_VALUE"] = facts["reset"]
    return values


@pytest.mark.parametrize("name", MAPS)
def test_a_compiler_reads_the_tables_numbers(name: str, tmp_path: Path) -> None:
    registers, head = MAPS[name], name.upper()
    (tmp_path / f"{name}.h").write_text(register_header(driver_table(registers), name))
    wanted = expected(registers, head)
    prints = "".join(f'    printf("{macro} %lu\\n", (unsigned long){macro});\n' for macro in wanted)
    (tmp_path / "main.c").write_text(
        f'#include "{name}.h"\n#include "{name}.h"\n#include <stdio.h>\n\nint main(void)\n{{\n'
        f"    uint32_t words[8] = {{0}};\n{prints}"
        f"    {name}_write(words, {head}_CONTROL_OFFSET, {head}_CONTROL_CLEAR_COUNTERS_MASK);\n"
        f'    printf("word %lu\\n", (unsigned long){name}_read(words, {head}_CONTROL_OFFSET));\n'
        "    return words[4] != 2u;\n}\n"
    )
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command = ["gcc", *strict, "-o", "main", "main.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(["./main"], cwd=tmp_path, check=True, capture_output=True, text=True)
    found = dict(line.split() for line in done.stdout.splitlines())
    assert found.pop("word") == "2"
    assert {macro: int(value) for macro, value in found.items()} == wanted


def test_a_prefix_that_c_does_not_know() -> None:
    with pytest.raises(ValueError, match="must be an identifier, not '2d'"):
        register_header(driver_table(MAPS["digits"]), "2d")
