"""Which unit of a decoder works when: from a log, from an estimate, and kept in a folder."""

from __future__ import annotations

from pathlib import Path

from sterna.decoder.assembler import disassemble
from sterna.decoder.estimate import DecoderEstimate, MemoryTiming
from sterna_flows.decoder_schedule import (
    Bar,
    Timeline,
    estimated_timeline,
    last_pass,
    read_schedule,
    read_timeline,
    unit_of,
    write_schedule,
)
from sterna_hw.decoder.instruction import Opcode
from sterna_sim.decoder.event_log import EVENTS_FILE
from sterna_sim.decoder.random_cases import random_case


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


def test_the_last_pass_begins_where_the_one_before_ended() -> None:
    bars = (
        Bar("vector unit", "NORM", 0, 40),
        Bar("vector unit", "FINISH", 40, 50),
        Bar("engine", "MATMUL", 50, 90),
        Bar("vector unit", "FINISH", 90, 95),
    )
    asked = ((10, 160), (49, 320), (60, 480), (70, 640))
    found = last_pass(Timeline(bars, asked, 16.0))
    assert found.bars == (Bar("engine", "MATMUL", 0, 40), Bar("vector unit", "FINISH", 40, 45))
    assert found.asked == ((10, 160), (20, 320))
    only = Timeline(bars[:2], asked[:2], 16.0)
    assert last_pass(only) == only


def test_an_estimate_has_the_bars_of_its_instructions() -> None:
    """They follow each other without a gap from cycle 0 to the end of the pass."""
    core = random_case(3).hardware.accelerator(random_case(3).model).core
    token = DecoderEstimate(core, MemoryTiming()).run(1, 2).passes[-1]
    found = estimated_timeline(token, core)
    assert [bar.name for bar in found.bars] == [step.opcode.name for step in token.instructions]
    ends = [0, *(bar.end for bar in found.bars)]
    assert [bar.begin for bar in found.bars] == ends[:-1]
    assert ends[-1] == round(token.cycles)


def test_a_schedule_is_kept_in_a_folder(tmp_path: Path) -> None:
    """The line of memory is thinned out, never the bars."""
    assert read_schedule(tmp_path) is None
    bars = tuple(Bar("engine", "MATMUL", step, step + 1) for step in range(1200))
    asked = tuple((step, 16 * step) for step in range(1200))
    write_schedule(tmp_path, Timeline(bars, asked, 16.0), {"memory": "none", "position": 7})
    found = read_schedule(tmp_path)
    assert found is not None and found[1] == {"memory": "none", "position": 7}
    assert found[0].bars == bars and found[0].asked == asked[::3]
