"""The picture of a decode step, drawn the same way twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sterna_flows.cli import run
from sterna_flows.decoder_schedule import Bar, Timeline
from sterna_flows.decoder_timeline import draw

BARS = (
    Bar("vector unit", "NORM", 0, 50),
    Bar("engine", "MATMUL", 50, 200),
    Bar("head", "HEAD", 200, 260),
)
TIMELINE = Timeline(
    BARS,
    ((3, 640), (40, 5000), (190, 12000)),
    64.0,
)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_same_picture_twice(suffix: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        draw(TIMELINE, path, "a title", until=250)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(paths[0].read_bytes()) > 3000


def test_other_files_are_refused(capsys: Any, tmp_path: Path) -> None:
    assert run(["bench", "timeline", "-o", str(tmp_path / "picture.txt")]) == 2
    assert "Output must be an .svg or .png file" in capsys.readouterr().err
