"""Folding files: exact both ways, and refused with the layer's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sterna.folding import SelectFolding, TableFolding, as_record, read_foldings


def test_a_file_says_what_was_written(tmp_path: Path) -> None:
    foldings = {"fc1": TableFolding(3, 16, 4, True, 2), "fc2": SelectFolding(16, 8)}
    path = tmp_path / "folding.json"
    path.write_text(json.dumps(as_record(foldings)))
    assert read_foldings(path) == foldings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be readable JSON"),
        ("[]", "must map layers to foldings"),
        ('{"fc": {"engine": "magic"}}', "Folding of fc in"),
        ('{"fc": {"group": 3}}', "Folding of fc in"),
        ('{"fc": 3}', "Folding of fc in"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "folding.json"
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        read_foldings(path)
    assert message in str(error.value) and str(path) in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be readable JSON"):
        read_foldings(tmp_path / "none.json")
