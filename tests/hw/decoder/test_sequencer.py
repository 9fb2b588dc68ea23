"""The sequencer: transfers and commands in the order that the program means, meetings, errors."""

from __future__ import annotations

import random

import pytest

from sterna.decoder.assembler import assemble, decoder_program, parse_program
from sterna.decoder.layout import STREAM_MATRICES, DecoderLayout
from sterna.decoder.shape import DecoderShape
from sterna_hw.decoder.executor import ExecutorConfig
from sterna_hw.decoder.instruction import Instruction, Opcode
from sterna_hw.decoder.pass_layout import Route
from sterna_hw.decoder.sequencer import SequencerConfig

from .sequencer_bench import Pass, expected_work, run

SHAPE = DecoderShape(2, 64, 96, 2, 1, 32, 50, 40)


def make(layout: DecoderLayout, lanes: int, program: list[int]) -> SequencerConfig:
    shape = layout.shape
    slots = max(-(-shape.context // layout.ports), -(-shape.vocabulary // layout.ports))
    executor = ExecutorConfig(
        lanes,
        layout.ports,
        shape.context,
        slots,
        layout.record_bytes // 16,
        max(shape.hidden, shape.feed_forward, shape.query_size) // layout.queries,
        max(layout.input_blocks(name) for name in STREAM_MATRICES),
        max(layout.output_blocks(name) for name in STREAM_MATRICES),
        depth=32,
    )
    return SequencerConfig(executor, shape.vocabulary, program)


def short(text: str, lanes: int = 2, ports: int = 2) -> SequencerConfig:
    layout = DecoderLayout(SHAPE, ports, 96, 4)
    return make(layout, lanes, assemble(parse_program(text)))


@pytest.mark.parametrize("seed", range(8), ids=lambda seed: f"seed{seed}")
def test_whole_passes_of_random_shapes(seed: int) -> None:
    choose = random.Random(seed)
    ports, lanes, kv_heads = choose.randint(1, 4), choose.randint(1, 4), choose.randint(1, 2)
    shape = DecoderShape(
        layers=choose.randint(1, 3),
        hidden=16 * choose.randint(1, 6),
        feed_forward=16 * choose.randint(1, 6),
        heads=kv_heads * choose.randint(1, 2),
        kv_heads=kv_heads,
        head_size=32,
        vocabulary=choose.randint(2, 70),
        context=choose.randint(12, 50),
    )
    layout = DecoderLayout(shape, ports, 96, 4)
    program = decoder_program(layout)
    position = choose.randint(0, shape.context - 2 * lanes - 2)
    passes = []
    for number in range(3):
        count = choose.randint(1, lanes) if number < 2 else 1
        tokens = tuple(choose.randrange(shape.vocabulary) for _ in range(count))
        passes.append(Pass(position, tokens, result=number > 0, first=number == 0))
        position += count
    seen = run(make(layout, lanes, assemble(program)), passes, seed)
    expected = expected_work(program, passes, ports)
    assert not seen.errors, seen.place
    assert seen.transfers == expected.transfers
    assert dict(seen.commands) == dict(expected.commands)
    ends: list[int] = []
    for command, end in zip(expected.commands["cache"], seen.busy_until["cache"]):
        if not command["is_key"] and command["lane"] == 0:
            ends.append(0)
        ends[-1] = max(ends[-1], end)
    assert len(ends) == len(passes) * shape.layers
    for end, transfer in zip(ends, expected.meetings, strict=True):
        assert seen.transfer_cycles[transfer] > end


def test_new_keys_wait_for_memory_and_old_ones_do_not() -> None:
    program = parse_program(
        "STREAM address=9\nKEY first_block=0 blocks=2 address=100 region=60 record=3\n"
        "ATTEND address=100 region=60 record=3 beats=16\nFINISH\n"
    )
    one = Pass(6, (1,))
    config = make(DecoderLayout(SHAPE, 2, 48, 4), 2, assemble(program))
    seen = run(config, [one], 0, most_busy=200, stalls=0.0)
    assert seen.transfers == [
        (16 * 100, 9, Route.ATTENTION),
        (16 * 109, 3, Route.ATTENTION),
        (16 * 160, 12, Route.ATTENTION),
    ]
    assert seen.transfer_cycles[0] < seen.command_cycles["cache"][0] + 20
    assert seen.transfer_cycles[1] > seen.busy_until["cache"][0]


def test_an_instruction_waits_until_units_rest() -> None:
    program = parse_program("NORM beats=3\nMATMUL words=4 input_blocks=1 output_blocks=2\nFINISH\n")
    seen = run(short("", 2), [Pass(0, (1, 2))], 3, most_busy=150, load=assemble(program))
    assert seen.command_cycles["matrix"][0] > max(seen.busy_until["vector"])


def test_lanes_of_an_instruction_overlap() -> None:
    program = parse_program("ATTEND address=0 region=60 record=3 beats=16\nFINISH\n")
    config = make(DecoderLayout(SHAPE, 2, 48, 4), 2, assemble(program))
    program_with_key = parse_program(
        "KEY first_block=0 blocks=2 address=0 region=60 record=3\n"
        "ATTEND address=0 region=60 record=3 beats=16\nFINISH\n"
    )
    seen = run(config, [Pass(0, (1, 2))], 1, most_busy=60, load=assemble(program_with_key))
    second = seen.command_cycles["attention"][1]
    assert second > seen.busy_until["attention"][0]
    assert second < seen.busy_until["vector"][-1]


@pytest.mark.parametrize(
    ("text", "error", "place"),
    [
        ("NORM beats=1\n", "illegal", 1),
        ("REPEAT target=0 times=0\nFINISH", "illegal", 0),
        ("REPEAT target=1 times=2\nFINISH", "illegal", 0),
        ("NORM beats=1\nREPEAT target=0 times=2\nREPEAT target=0 times=2\nFINISH", "illegal", 2),
        ("NORM beats=1\n" * 32, "past_end", 32),
        ("STREAM address=990\nGAINS words=11 beats=1\nFINISH", "range_error", 1),
        ("STREAM address=990\nGAINS words=0 beats=1\nFINISH", "range_error", 1),
        ("GAINS words=0xfffffff beats=1\nFINISH", "range_error", 0),
        ("EMBED address=0xffffffff words=0xfffffff beats=1\nFINISH", "range_error", 0),
        ("EMBED address=0 words=101 beats=1\nFINISH", "range_error", 0),
        ("KEY blocks=2 address=999 record=3\nFINISH", "operand_error", 0),
        ("KEY blocks=2 address=0xffffffff region=0xffffff record=3\nFINISH", "operand_error", 0),
        ("KEY blocks=2 address=0 record=4\nFINISH", "operand_error", 0),
        ("NORM beats=0\nFINISH", "operand_error", 0),
        ("NORM beats=25\nFINISH", "operand_error", 0),
        ("ADD blocks=0\nFINISH", "operand_error", 0),
        ("ADD first_block=40 blocks=9\nFINISH", "operand_error", 0),
        ("ADD blocks=2 constant=8\nFINISH", "operand_error", 0),
        ("GATE blocks=3\nFINISH", "operand_error", 0),
        ("MATMUL words=1 input_blocks=0 output_blocks=1\nFINISH", "operand_error", 0),
        ("MATMUL words=1 input_blocks=9 output_blocks=1\nFINISH", "operand_error", 0),
        ("MATMUL words=1 input_blocks=8 output_blocks=49\nFINISH", "operand_error", 0),
        ("HEAD words=1 last_slot=25\nFINISH", "operand_error", 0),
        ("HEAD words=1 last_port=2\nFINISH", "operand_error", 0),
    ],
)
def test_a_wrong_program_stops_with_an_error(text: str, error: str, place: int) -> None:
    seen = run(short(text), [Pass(3, (9, 10))], 0, memory_words=1000, cycles=3000)
    assert seen.errors == {error}
    assert seen.place == place
    assert all(address + 16 * words <= 16000 for address, words, _ in seen.transfers)


def test_an_unknown_opcode_is_illegal() -> None:
    config = make(DecoderLayout(SHAPE, 2, 48, 4), 2, [18])
    assert run(config, [Pass(0, (1,))], 0, cycles=500).errors == {"illegal"}


def test_finish_unless_result() -> None:
    program = parse_program("NORM beats=1\nFINISH unless_result=1\nNORM beats=2\nFINISH\n")
    config = make(DecoderLayout(SHAPE, 2, 48, 4), 2, assemble(program))
    passes = [Pass(0, (1,)), Pass(1, (1,), result=True), Pass(2, (1,))]
    seen = run(config, passes, 5)
    assert [command["beats"] for command in seen.commands["vector"]] == [1, 1, 2, 1]


def test_the_first_pass_of_a_run_asks_for_the_header() -> None:
    program = [Instruction(Opcode.FINISH)]
    config = make(DecoderLayout(SHAPE, 2, 48, 4), 2, assemble(program))
    passes = [Pass(0, (1,), first=True), Pass(1, (1,)), Pass(0, (1,), first=True)]
    assert run(config, passes, 5).transfers == [(0, 1, Route.HEADER)] * 2
