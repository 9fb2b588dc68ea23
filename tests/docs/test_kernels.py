"""The example of the kernels' page runs as it stands, and the page shows it word for word."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "docs" / "kernel_example.py"


def test_the_example_is_exact_and_on_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLE))
    equal, measured, promised = capsys.readouterr().out.splitlines()
    assert equal == "equal: True"
    cycles = measured.removeprefix("first beat out after ")
    assert promised.startswith(f"promised: {cycles}, results in ")
    assert "module hard_swish" in (tmp_path / "hard_swish.v").read_text()


def test_the_page_shows_the_example() -> None:
    body = EXAMPLE.read_text().split('"""\n\n', 1)[1].strip()
    assert body in (ROOT / "docs" / "kernels.md").read_text()
    lines = [line for line in body.splitlines() if line.strip() and "import" not in line]
    assert len(lines) <= 20
