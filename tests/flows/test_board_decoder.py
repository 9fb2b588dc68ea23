"""Text from a decoder on a board: the command at a simulated UART, and a board that errs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sterna.decoder.design import DecoderDesign
from sterna.decoder.engine import GoldenEngine, continue_text
from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.sampling import Sampler
from sterna.decoder.source import DecoderSource
from sterna.driver import DecoderRun, read_record
from sterna_flows.board_decoder import BoardDecoder
from sterna_flows.cli import run
from sterna_flows.decoder_flow import build_decoder_folder
from sterna_flows.generation import generate

from ..sw.decoder.random_decoder import ON_CHIP, TINY
from .simulated_board import simulated

PROMPT = "7,30,2,9"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decoder") / "tiny"
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    build_decoder_folder(source, "ecp5-85k", folder, hardware=ON_CHIP, board="ulx3s-85f")
    return folder


def golden_tokens(built: Path, count: int, sampler: Sampler) -> list[int]:
    engine = GoldenEngine(DecoderDesign(built).model, ON_CHIP.best_count)
    prompt = [int(token) for token in PROMPT.split(",")]
    return [token for token, _ in continue_text(engine, prompt, count, sampler)]


def test_a_text_over_the_serial_port(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Greedy and drawn, by the command, with the board's Verilog at the other end; the cycles that
    the board counts are those of the analytic model."""
    with simulated(built, tmp_path / "work") as port:
        arguments = ["generate", str(built), "--port", port, "--prompt", PROMPT]
        assert run([*arguments, "--tokens", "4"]) == 0
        told = capsys.readouterr()
        assert told.out.split() == [str(token) for token in golden_tokens(built, 4, Sampler())]
        assert "All tokens as the golden model says" in told.err
        assert "at 25 MHz (by the board's counter)" in told.err
        drawn = [*arguments, "--tokens", "2", "--temperature", "50", "--top-k", "4", "--seed", "2"]
        assert run(drawn) == 0
        told = capsys.readouterr()
        expected = golden_tokens(built, 2, Sampler(50.0, 4, seed=2))
        assert told.out.split() == [str(token) for token in expected]
        made = generate(built, PROMPT, 3, engine="board", port=port)
    assert made.expected == made.tokens and not made.differences
    design = DecoderDesign(built)
    core = design.hardware.core(design.model.shape)
    model = DecoderEstimate(core, design.hardware.memory_timing)
    assert made.first_cycles == pytest.approx(model.run(4, 1).cycles, rel=0.01)
    assert made.token_cycles == pytest.approx(model.run(1, 2, 4).cycles / 2, rel=0.01)


class Played(BoardDecoder):
    """A board that makes the tokens that it is given."""

    def __init__(self, tokens: list[int]) -> None:
        self.given, self.clock_mhz, self.context, self.position = tokens, 25.0, 24, 0

    def run_whole(self, tokens, count, stop=None, on_token=None) -> DecoderRun:
        made, self.given = self.given[:count], self.given[count:]
        for token in made:
            if on_token is not None:
                on_token(token)
        return DecoderRun(tokens=made, counters={"busy_cycles": 100 * count})


@pytest.mark.parametrize("wrong", [0, 2])
def test_a_board_that_errs(
    built: Path,
    wrong: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command says which token differs, with status 1."""
    tokens = golden_tokens(built, 3, Sampler())
    right, tokens[wrong] = tokens[wrong], (tokens[wrong] + 1) % TINY.vocabulary
    monkeypatch.setattr("sterna_flows.generation.BoardDecoder", lambda *where: Played(tokens))
    arguments = ["generate", str(built), "--port", "x", "--prompt", PROMPT, "--tokens", "3"]
    assert run(arguments) == 1
    told = capsys.readouterr().err
    assert "All tokens" not in told
    assert (
        f"Token {wrong} of the board must be the golden model's {right}, not {tokens[wrong]}"
        in told
    )


def test_what_has_no_board_is_refused(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(built, plain)
    record = read_record(built)
    del record["serial"]
    (plain / "driver.json").write_text(json.dumps(record))
    for folder, options, message in (
        (plain, ["--port", "/dev/null"], "must be built with --board"),
        (built, ["--port", str(tmp_path / "no")], "must open"),
        (built, ["--engine", "board"], "Engine board must have a serial port (--port)"),
        (built, ["--engine", "rtl", "--port", "x"], "Engine rtl must not have a serial port"),
    ):
        assert run(["generate", str(folder), "--prompt", PROMPT, *options]) == 2
        assert message in capsys.readouterr().err
