"""Folders that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from sterna.output_folder import fresh_folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_finished_folder_appears_under_its_name(tmp_path: Path) -> None:
    with fresh_folder(tmp_path / "deep" / "out", mark="m") as work:
        (work / "m").write_text("1")
        assert not (tmp_path / "deep" / "out").exists()
    assert names(tmp_path / "deep") == {"out"}
    assert names(tmp_path / "deep" / "out") == {"m"}
    assert (tmp_path / "deep" / "out").stat().st_mode & 0o700 == 0o700


def test_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with fresh_folder(tmp_path / "out", mark="m") as work:
            (work / "m").write_text(content)
            (work / content).touch()
    assert names(tmp_path) == {"out"} and names(tmp_path / "out") == {"m", "new"}


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with fresh_folder(tmp_path / "out", mark="m") as work:
        (work / "m").write_text("old")
    with pytest.raises(RuntimeError), fresh_folder(tmp_path / "out", mark="m") as work:
        (work / "m").write_text("half")
        raise RuntimeError
    assert names(tmp_path) == {"out"} and (tmp_path / "out" / "m").read_text() == "old"


def test_foreign_folders_and_files_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").touch()
    (tmp_path / "file").touch()
    for name, text in (("thesis", "must be new, empty or from an earlier run"), ("file", "a file")):
        with pytest.raises(ValueError, match=text), fresh_folder(tmp_path / name, mark="m"):
            pass
    assert names(tmp_path) == {"thesis", "file"} and names(tmp_path / "thesis") == {"chapter"}


def test_an_unwritable_place_is_refused_before_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="must be writable") as caught:
        with fresh_folder(tmp_path / "file" / "out", mark="m"):
            raise AssertionError("work was begun")
    assert "\n" not in str(caught.value)
