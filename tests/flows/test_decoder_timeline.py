"""The picture of a decode step: read from a log, drawn the same way twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sterna.decoder.assembler import disassemble
from sterna_flows.cli import run
from sterna_flows.decoder_timeline import Bar, Timeline, draw, read_timeline, unit_of
from sterna_hw.decoder.instruction import Opcode
from sterna_sim.decoder.event_log import EVENTS_FILE
from sterna_sim.decoder.random_cases import random_case

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


def test_a_log_becomes_bars(tmp_path: Path) -> None:
    """Bars end where instructions end; bursts are bytes of all ports."""
    core = random_case(3).hardware.accelerator(random_case(3).model).core
    program = disassemble(core.program)
    place = next(n for n, step in enumerate(program) if step.opcode is Opcode.MATMUL)
    lines = ["7 begin", "9 burst 16", "30 done 0 0", f"90 done {place} 0", "95 burst 4", "99 end"]
    (tmp_path / EVENTS_FILE).write_text("".join(f"{line}\n" for line in lines))
    found = read_timeline(tmp_path, core)
    first = unit_of(program[0].opcode)
    assert found.bars == (
        Bar(first, program[0].opcode.name, 0, 23),
        Bar("engine", "MATMUL", 23, 83),
    )
    word = 16 * core.ports
    assert found.asked == ((2, 16 * word), (88, 20 * word))
    assert found.busy("engine") == 60


def test_every_instruction_has_a_unit() -> None:
    assert {unit_of(opcode) for opcode in Opcode} == {"engine", "vector unit", "attention", "head"}


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
