"""Characters and tokens."""

from pathlib import Path

import pytest

from sterna.decoder.text import Characters


def test_there_and_back() -> None:
    characters = Characters(("\n", " ", "a", "b"))
    assert characters.encode("ab a\n") == [2, 3, 1, 2, 0]
    assert characters.decode([2, 3, 1, 2, 0]) == "ab a\n"


def test_unknown_character_is_named() -> None:
    with pytest.raises(ValueError, match="Text must consist of 'ab' and blanks, not 'c'"):
        Characters((" ", "a", "b")).encode("abc")


@pytest.mark.parametrize("content", ["{}", '["ab"]', '["a", "a"]', "[1]", "nonsense"])
def test_bad_files(tmp_path: Path, content: str) -> None:
    path = tmp_path / "characters.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="must be"):
        Characters.read(path)
