"""What goes wrong on a board: bad programs, memory that fails or sleeps, hosts that stop a run.

Every run ends with an error that says what and where, and after recovery the next one is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from sterna.decoder.assembler import assemble, decoder_program, parse_program
from sterna.decoder.golden import GoldenDecoder
from sterna_hw.decoder.instruction import Instruction
from sterna_sim.decoder.random_cases import DecoderCase, open_case, random_case
from sterna_sim.decoder.rtl_decoder import RtlDecoder
from sterna_sim.dram import DramConfig, Region

SEED = 8


@pytest.fixture(scope="module")
def case() -> DecoderCase:
    return random_case(SEED)


@pytest.fixture(scope="module")
def simulation(case: DecoderCase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtlDecoder]:
    dram = DramConfig((Region(0, size=4096),), read_latency=30)
    with open_case(case, tmp_path_factory.mktemp("decoder"), dram=dram) as decoder:
        yield decoder


@pytest.fixture
def decoder(simulation: RtlDecoder, case: DecoderCase) -> RtlDecoder:
    """Ready, with program and prompt, whichever tests have had the simulation before."""
    check_next_run(simulation, case)
    return simulation


def recover(decoder: RtlDecoder) -> None:
    decoder.write("control", 0b100)
    for _ in range(200):
        if decoder.read("status")["idle"]:
            return
    raise AssertionError("recovery did not end")


def load(decoder: RtlDecoder, words: Sequence[int]) -> None:
    decoder.write("program_index", 0)
    for word in words:
        for part in range(4):
            decoder.write("program_word", word >> 32 * part & 0xFFFFFFFF)


def check_next_run(decoder: RtlDecoder, case: DecoderCase) -> None:
    """After recovery, with the right program, all is well."""
    recover(decoder)
    load(decoder, assemble(decoder_program(decoder.layout)))
    assert decoder.run_whole(case.prompt, 2).tokens == GoldenDecoder(case.model).generate(
        case.prompt, 2
    )


def changed(decoder: RtlDecoder, place: int, **operands: int) -> list[int]:
    """The right program with some operands of one instruction changed."""
    program = list(decoder_program(decoder.layout))
    old = program[place]
    program[place] = Instruction(old.opcode, {**old.operands, **operands})
    return assemble(program)


def test_an_unknown_opcode(decoder: RtlDecoder, case: DecoderCase) -> None:
    words = assemble(decoder_program(decoder.layout))
    words[3] = 0xEE
    load(decoder, words)
    result = decoder.run_whole(case.prompt, 1)
    assert result.errors == ["illegal_instruction"] and result.failed
    assert result.place["instruction"] == 3
    check_next_run(decoder, case)


def test_a_program_without_an_end(decoder: RtlDecoder, case: DecoderCase) -> None:
    depth = decoder.config.core.program_depth
    load(decoder, assemble(parse_program("STREAM address=1\n" * depth)))
    result = decoder.run_whole(case.prompt, 1)
    assert result.errors == ["program_end"] and result.failed
    assert result.place["instruction"] == depth
    check_next_run(decoder, case)


@pytest.mark.parametrize(
    ("place", "operands", "error"),
    [
        (1, {"address": 0xFFFFFFF0}, "memory_range"),
        (2, {"words": 0}, "memory_range"),
        (6, {"words": 0xFFFFFFF}, "memory_range"),
        (7, {"address": 0xFFFFFFF0}, "operand"),
        (5, {"beats": 60000}, "operand"),
        (6, {"input_blocks": 60000}, "operand"),
    ],
)
def test_an_instruction_out_of_range(
    decoder: RtlDecoder, case: DecoderCase, place: int, operands: dict[str, int], error: str
) -> None:
    load(decoder, changed(decoder, place, **operands))
    result = decoder.run_whole(case.prompt, 1)
    assert error in result.errors and result.failed and not result.tokens
    if result.errors == [error]:
        assert result.place["instruction"] == place
    check_next_run(decoder, case)


def test_a_program_that_starves_a_unit(decoder: RtlDecoder, case: DecoderCase) -> None:
    """One word less of a matrix than the engine wants: it waits, until the watchdog looks."""
    program = decoder_program(decoder.layout)
    decoder.write("watchdog", 3000)
    load(decoder, changed(decoder, 6, words=program[6]["words"] - 1))
    result = decoder.run_whole(case.prompt, 1)
    assert result.failed and not result.tokens
    assert {"watchdog", "matrix_end"} & set(result.errors)
    decoder.write("watchdog", 1 << 20)
    check_next_run(decoder, case)


def test_memory_that_is_not_there(decoder: RtlDecoder, case: DecoderCase) -> None:
    decoder.write("base0_high", 7)
    result = decoder.run_whole(case.prompt, 1)
    assert "read_response" in result.errors and result.failed
    decoder.write("base0_high", 0)
    check_next_run(decoder, case)


def test_memory_that_sleeps_longer_than_the_watchdog(
    decoder: RtlDecoder, case: DecoderCase
) -> None:
    decoder.write("watchdog", 8)
    result = decoder.run_whole(case.prompt, 1)
    assert result.errors == ["watchdog"] and result.failed
    decoder.write("watchdog", 1 << 20)
    check_next_run(decoder, case)


def test_a_run_is_stopped_by_the_host(decoder: RtlDecoder, case: DecoderCase) -> None:
    for _ in range(2):
        decoder.write("generate_count", 3)
        decoder.write("control", 1)
        assert not decoder.read("status")["idle"]
        check_next_run(decoder, case)


def test_what_may_not_be_written_during_a_run(decoder: RtlDecoder, case: DecoderCase) -> None:
    decoder.write("control", 1)
    decoder.write("prompt_token", 1)
    assert decoder.read("error")["write_refused"]
    decoder.write("error", 0xFFFFFFFF)
    decoder.write("control", 1)
    assert decoder.read("error")["write_refused"]
    decoder.write("error", 0xFFFFFFFF)
    check_next_run(decoder, case)
