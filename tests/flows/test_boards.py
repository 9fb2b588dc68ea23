"""Boards: pins from amaranth-boards, a bitstream, and the host command at a simulated UART."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from sterna.driver import SerialBus, read_record
from sterna.driver.serial_bus import pack_request
from sterna_flows.boards import BOARDS, find_board, write_board
from sterna_flows.build_flow import build_with_regression
from sterna_flows.cli import run
from sterna_flows.models import load_model
from sterna_flows.report_file import read_report
from sterna_flows.run_command import run_on_board
from sterna_flows.surroundings import read_board
from sterna_flows.synthesis import synthesise_design
from sterna_hw.base import find_device
from sterna_hw.board import RequestBridgeConfig
from sterna_models import zoo

from .simulated_board import simulated
from .test_regression import toy_record
from .toy_build import write_toy_build

NAME = "shuttle_anomaly_mlp"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "design"
    build_with_regression(load_model(NAME), "ecp5-85k", folder, interval=200, board="ulx3s-85f")
    return folder


@pytest.mark.parametrize("name", BOARDS)
def test_boards_have_sites_for_all_pins(name: str) -> None:
    board = find_board(name)
    assert find_device(board.target).nextpnr is not None
    assert set(board.pins) == {"clock", "rx", "tx"}
    lines = board.constraints.splitlines()
    assert f'FREQUENCY PORT "clock" {board.clock_mhz:g} MHZ;' in lines
    for port, pin in board.pins.items():
        assert f'LOCATE COMP "{port}" SITE "{pin.site}";' in lines
        assert f'IOBUF PORT "{port}" IO_TYPE=LVCMOS33' in board.constraints


def test_the_ulx3s_is_as_its_schematic_says() -> None:
    """Pins of the manual's constraint file: oscillator, and the lines of the FTDI chip."""
    board = find_board("ulx3s-85f")
    assert {port: pin.site for port, pin in board.pins.items()} == {
        "clock": "G2",
        "rx": "M1",
        "tx": "L4",
    }
    assert (board.package, board.clock_mhz, board.target) == ("CABGA381", 25.0, "ecp5-85k")


def test_a_file_is_classified_over_the_serial_port(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command, with pyserial at its end of a terminal and the board's Verilog at the other."""
    samples, labels = zoo.test_set(NAME)
    np.save(tmp_path / "inputs.npy", samples[:5])
    with simulated(built, tmp_path / "work") as port:
        inputs, output = str(tmp_path / "inputs.npy"), tmp_path / "results.npy"
        arguments = ["run", str(built), "--port", port, "--inputs", inputs]
        assert run([*arguments, "--output", str(output)]) == 0
    told = capsys.readouterr().out
    found = np.load(output)
    wanted = load_model(NAME).run(samples[:5]).reshape(5, -1)
    assert f"Classes: {' '.join(map(str, wanted.argmax(axis=1)))}" in told
    assert "5 samples, 5 as the golden model says" in told
    assert np.mean(found.argmax(axis=1) == labels[:5]) > 0.5


def test_a_byte_that_is_damaged_on_the_way(built: Path, tmp_path: Path) -> None:
    """The board refuses the request and says why; after a reset all is well."""
    # The sixth byte of the second request, behind that of the reset.
    with simulated(built, tmp_path / "work", damage=11) as port:
        with pytest.raises(OSError, match="not refuse it: checksum"):
            run_on_board(built, port, 1)
        found, expected = run_on_board(built, port, 1)
    assert np.array_equal(found, expected)


class Played:
    """A port whose answers are given."""

    def __init__(self, answers: bytes) -> None:
        self.answers, self.asked = answers, b""

    def write(self, data: bytes) -> None:
        self.asked += data

    def read(self, size: int) -> bytes:
        found, self.answers = self.answers[:size], self.answers[size:]
        return found


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "Board must answer, but gave 0 bytes of 4"),
        (pack_request(0x53, 0x82, bytes(5))[:-1], "gave 6 bytes of 7"),
        (pack_request(0x53, 0x82, bytes(5))[:-1] + b"\0", "must have a right checksum"),
        (pack_request(0x53, 0x81, bytes(5)), "must be kind 0x82 of 5 bytes, not 0x81 of 5"),
        (pack_request(0x53, 0x82, bytes(4) + b"\2"), "Read of 0x10 must be .* OKAY, not 2"),
        (pack_request(0x53, 0xEE, b"\2"), "not refuse it: request"),
    ],
)
def test_answers_that_are_wrong(built: Path, answer: bytes, message: str) -> None:
    bus = SerialBus(Played(answer), read_record(built))
    with pytest.raises(OSError, match=message):
        bus.read32(0x10)


def test_another_design_on_the_board(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that says so, and status 1."""
    answers = pack_request(0x53, 0x84, b"") + pack_request(0x53, 0x82, bytes(5))
    bus = SerialBus(Played(answers), read_record(built))
    monkeypatch.setattr(SerialBus, "open", lambda *arguments: bus)
    assert run(["run", str(built), "--port", "/dev/null", "--inputs", "1"]) == 1
    assert "magic must read 0x4e525453, as in the build, not 0x0" in capsys.readouterr().err


def test_both_ends_pack_alike(built: Path) -> None:
    serial = read_record(built)["serial"]
    for kind, payload in ((1, b"abc"), (4, b""), (3, bytes(range(8)))):
        told = RequestBridgeConfig.compute(kind, payload)
        assert pack_request(serial["sync"], kind, payload) == told


def test_what_has_no_board_is_refused(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(built, plain)
    record = read_record(built)
    del record["serial"]
    (plain / "driver.json").write_text(json.dumps(record))
    for arguments, message in (
        (["run", str(plain), "--port", "/dev/null"], "must be built with --board"),
        (["run", str(built), "--port", str(tmp_path / "no")], "must open"),
        (["build", NAME, "--board", "arty", "-o", str(tmp_path / "x")], "Board must be one of"),
        (
            ["build", NAME, "--board", "ulx3s-85f", "-t", "ecp5-25k", "-o", str(tmp_path / "x")],
            "Target on ulx3s-85f must be ecp5-85k, not ecp5-25k",
        ),
        (
            ["build", NAME, "--board", "ulx3s-85f", "--clock", "50", "-o", str(tmp_path / "x")],
            "Clock on ulx3s-85f must be its oscillator's 25 MHz, not 50.0",
        ),
    ):
        assert run(arguments) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    device = find_device("ecp5-85k")
    around = read_board(built, device)
    assert around is not None and around.board == "ulx3s-85f"
    assert read_board(tmp_path, device) is None
    with pytest.raises(ValueError, match="Pins must not be given"):
        synthesise_design(built, pnr=True, pins=built / "board" / f"{NAME}_board.lpf")


def test_a_bitstream_with_the_boards_pins(tmp_path: Path) -> None:
    """The toy on the smaller board: placed at the sites of its pins, in its package."""
    (tmp_path / "toy").mkdir()
    folder = write_toy_build(tmp_path / "toy", "ecp5-25k")
    (folder / "sources.f").write_text("toy.v\n")
    (folder / "driver.json").write_text(json.dumps(toy_record()))
    made = write_board(folder, "toy", find_board("icepi-zero"))
    assert {"board/board.json", "board/toy_board.v", "board/toy_board.lpf"} <= set(made)
    report = synthesise_design(folder, pnr=True)
    placed = report["place_and_route"]
    assert placed["board"] == "icepi-zero" and placed["target_mhz"] == 50.0
    assert report["fmax_mhz"] > 50 and (folder / placed["bitstream"]).stat().st_size > 10_000
    log = (folder / "synth" / "nextpnr.log").read_text()
    for port in find_board("icepi-zero").pins:
        assert re.search(f"{port}.* constrained to Bel", log)
    assert read_report(folder)["resources"]["lut"] < placed["used"]["TRELLIS_COMB"]
