"""The README's example runs as it stands and ends in equality."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "docs" / "own_network.py"


def test_the_example_ends_in_equality(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLE))
    assert capsys.readouterr().out == "400 words, 0 mismatches, cycle difference 0\n"
    assert (tmp_path / "build/own/sources.f").read_text().split()


def test_the_readme_shows_the_example() -> None:
    """Word for word, so that whoever reads only the README gets what was tested."""
    body = EXAMPLE.read_text().split('"""\n\n', 1)[1]
    shown = (ROOT / "README.md").read_text()
    assert body.strip() in shown
    assert len([line for line in body.splitlines() if line and "import" not in line]) <= 10
