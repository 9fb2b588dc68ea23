"""The performance record in its small setting: measured, written down, and what it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace

import pytest

from sterna_flows.cli import run
from sterna_flows.effort import Effort
from sterna_flows.performance import record as module
from sterna_flows.performance.builds import MOST_SECONDS, Build, measure_build
from sterna_flows.performance.page import benchmarks_page
from sterna_flows.performance.record import SMALL, Setting, measure_record, shortcomings
from sterna_flows.performance.stored_runs import STORE, keep_run

DOCS = Path(__file__).resolve().parent.parent.parent.parent / "docs"
EFFORT = Effort(seconds=20.0, processor_seconds=11.25, peak_bytes=123_000_000)


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    for name in ("engines.json", "decoder-engine.json", "unrolled.json"):
        shutil.copy(DOCS / name, folder)
    figures = {"model": "bitnet-0.7b", "layers": 24, "lanes": 8, "prompt": 1, "position": 3}
    figures |= {"cycles": 125_000, "roofline": 0.951, "equal": True, "clock_mhz": 250}
    keep_run(folder / STORE, "sterna bench large --layers 24", "large", figures, EFFORT)
    figures |= {"layers": 4}
    keep_run(folder / STORE, "sterna bench large --layers 4", "large", figures, EFFORT)
    figures = {"model": "m", "target": "t", "lut": 8273, "ff": 1, "bram": 2.0, "dsp": 0}
    figures |= {"latency": 9, "interval": 1000, "fmax_mhz": 172.96, "source": "nextpnr X"}
    keep_run(folder / STORE, "sterna bench placed m -t t --seed 1", "placed", figures, EFFORT)
    return folder


@pytest.fixture(scope="module")
def small(docs: Path) -> tuple[module.Record, str]:
    return measure_record(SMALL, docs, "sterna bench --small")


def rows_of(page: str, first: str) -> list[list[str]]:
    """Cells of the rows that begin so."""
    lines = (line for line in page.splitlines() if line.startswith(f"| {first} |"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_figure_of_the_small_setting_is_on_the_page(small) -> None:
    found, page = small
    stream, decoder = SMALL.models
    (network,) = found.networks
    assert network.model == stream and network.words > 0 and not network.problems
    assert network.simulated == network.predicted
    assert 0 < network.ideal <= network.busiest <= network.predicted[1]
    assert network.golden_samples > 0 and network.cycles >= SMALL.cycles
    interval, speed, build = rows_of(page, stream)
    assert interval[3:6] == [f"{network.busiest:,}", *[f"{network.predicted[1]:,}"] * 2]
    assert f"{network.cycles:,}" in speed and f"{network.golden_samples:,}" in speed
    effort = found.builds[0].effort
    assert effort is not None and f"{effort.peak_bytes / 1e6:,.0f}" in build
    # The decoder is built and estimated.
    prefill, decode, build = rows_of(page, decoder)
    assert [phase.name for phase in found.phases] == ["prefill", "decode"]
    assert f"{found.phases[1].roofline_share:.1%}" in decode and prefill[2] == "prefill"
    assert "`sterna build shakespeare_tiny -t ecp5-85k`" in build
    assert found.origin.versions["amaranth"] in page and found.origin.date in page


def test_stored_runs_are_called_stored_and_have_their_origin(small) -> None:
    found, page = small
    (large,) = (row for row in rows_of(page, "24") if "large" in row[-1])
    assert large[4:6] == ["125,000", "95.1%"] and large[6] == "2,000.0 at 250 MHz"
    (part,) = (row for row in rows_of(page, "4") if "large" in row[-1])
    assert part[4:7] == ["125,000", "95.1%", "-"]
    (placed,) = rows_of(page, "m")
    assert placed[6:8] == ["173.0", "172,960"]
    before, _, origins = page.partition("## Stored runs")
    for run_kept in found.stored:
        assert f"`{run_kept.command}`" in before
        (line,) = (line for line in origins.splitlines() if run_kept.command in line)
        assert run_kept.origin.date in line and "11 s of processor time" in line


def test_slow_builds_and_differences_are_shortcomings(small) -> None:
    found, _ = small
    assert shortcomings([], found.networks, found.decoders) == []
    slow = Build("m", "t", Path("x"), EFFORT)
    refused = Build("m", "u", Path("x"), None, "Decoder must fit u")
    assert MOST_SECONDS < EFFORT.processor_seconds and slow.is_slow and not refused.is_slow
    assert shortcomings([slow, refused], [], []) == [
        "sterna build m -t t must take at most 10 s of processor time, not 11.2"
    ]
    page = benchmarks_page(
        module.Record("sterna bench", found.origin, found.engines, [slow, refused])
    )
    assert "**1 took** more than 10 s" in page and "| **11.2** | 123 |" in page
    assert "- `sterna build m -t u` is refused: Decoder must fit u" in page


def test_a_refused_build_has_its_reason(tmp_path: Path) -> None:
    build = measure_build("shakespeare_ternary", "ecp5-25k", tmp_path / "d")
    assert build.effort is None and not (tmp_path / "d").exists()
    assert "must" in build.refusal and "\n" not in build.refusal


def commands_of(page: str) -> Sequence[list[str]]:
    pieces = page.split("`")[1::2]
    return [piece.split() for piece in pieces if piece.startswith("sterna ")]


def test_every_command_on_the_page_is_one(small, capsys: pytest.CaptureFixture[str]) -> None:
    """Known with all its options; asked for help, nothing is run."""
    commands = [words[1:] for words in commands_of(small[1])]
    assert len(commands) > 5
    for words in commands:
        assert run([*words, "--help"]) == 0, words
        usage = capsys.readouterr().out.strip().splitlines()[0]
        names = list(takewhile(lambda word: word[0].islower(), usage.split()[2:]))
        assert names == words[: len(names)], words


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="Model must be one of .*shakespeare_tiny, not 'what'"):
        Setting(("what",))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--small", "engines"], "Options of `sterna bench` must stand behind engines"),
        (["zoo", "what"], "Model must be one of"),
        (["--docs", "nowhere"], "Folder nowhere must hold engines.json, by `sterna bench engines`"),
        (["placed", "digits_int4_mlp", "-t", "xck26"], "Target of place and route must be one of"),
    ],
)
def test_misuse_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], line: str
) -> None:
    assert run(["bench", *arguments]) == 2
    told = capsys.readouterr().err
    assert line in told.splitlines()[-1]


def test_the_command_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what the small setting found, and with a network that differs."""
    found, page = small
    told: list[tuple] = []

    def measure(setting: Setting, docs: Path, command: str, tell: object):
        told.append((setting, docs, command))
        return found, page

    monkeypatch.setattr(module, "measure_record", measure)
    monkeypatch.setattr(module, "shortcomings", lambda *lists: [])
    out = tmp_path / "new" / "page.md"
    assert run(["bench", "--small", "--docs", str(DOCS), "-o", str(out)]) == 0
    assert out.read_text() == page and told == [(SMALL, DOCS, "sterna bench --small")]
    assert page in capsys.readouterr().out
    monkeypatch.setattr(module, "shortcomings", lambda *lists: ["a differs"])
    assert run(["bench", "--docs", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "sterna: a differs"
    assert (tmp_path / "benchmarks.md").read_text() == page and told[-1][2] == "sterna bench"


def test_large_runs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sterna_flows import decoder_large
    from sterna_flows.performance.stored_runs import read_runs

    result = SimpleNamespace(cycles=1000, roofline=0.5, equal=True)
    monkeypatch.setattr(decoder_large, "run_large", lambda shape, **options: result)
    store = tmp_path / "measured.json"
    assert run(["bench", "large", "--layers", "4", "--position", "9", "--keep", str(store)]) == 0
    (kept,) = read_runs(store)
    command = "sterna bench large --model bitnet-0.7b --layers 4 --lanes 1 --prompt 1 --position 9"
    assert kept.command == command
    assert kept.figures["cycles"] == 1000 and kept.figures["equal"] is True
