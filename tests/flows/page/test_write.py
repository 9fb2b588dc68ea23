"""The page's contents: what a folder knows, with its sources; what it lacks, with the command."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import sterna_flows
from sterna.design import Design
from sterna_flows.cli import run
from sterna_flows.decoder_schedule import read_schedule
from sterna_flows.page.content import Page
from sterna_flows.page.facts import read_facts
from sterna_flows.page.figures import style
from sterna_flows.page.pipeline import folding_text, pipeline_rows, two_lines
from sterna_flows.page.roofline import decoder_roofline, streaming_roofline
from sterna_flows.page.write import make_page
from sterna_flows.report_file import read_report

from .folders import NETWORK, add_decoder_run, add_results, write_exploration

STREAMING = ["pipeline", "resources", "roofline", "exploration", "verification", "accuracy"]
DECODER = ["pipeline", "resources", "roofline", "schedule", "exploration", "verification"]


@pytest.fixture
def copy(network: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(network, tmp_path / "copy"))


@pytest.fixture
def decoder_copy(decoder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(decoder, tmp_path / "copy"))


def page_of(folder: Path) -> Page:
    with style():
        return make_page(read_facts(folder))


def parse(page: Path) -> ElementTree.Element:
    """The page's tree: it is well-formed XML too, so every element is closed."""
    return ElementTree.fromstring(page.read_text().removeprefix("<!DOCTYPE html>"))


def words(page: Path) -> str:
    return " ".join(" ".join(parse(page).itertext()).split())


def test_foldings_are_told_whole() -> None:
    """The longest that there are: flags in words, on two lines where one is too short."""
    table = {"group": 3, "tables": 1234, "queries": 128, "sign_fold": 1, "buffers": 2}
    text = folding_text(table | {"external": 1})
    assert text == ("group 3, tables 1234, queries 128, signs folded, buffers 2, external weights")
    assert folding_text(table | {"sign_fold": 0}).endswith("queries 128, buffers 2")
    with style():
        lines = two_lines(text, 260, 8.5).split("\n")
        assert len(lines) == 2 and " ".join(lines) == text
        assert two_lines("levels 2, operands 3", 260, 8.5) == "levels 2, operands 3"


def test_a_build_that_was_only_built(network: Path, tmp_path: Path) -> None:
    """All sections are there; those that lack something name the command."""
    page = sterna_flows.report(Design(network), tmp_path / "page.html")
    tree = parse(page)
    assert [section.get("id") for section in tree.iter("section")] == STREAMING
    text = words(page)
    for command in ("synth digits", "synth digits --pnr", "sim digits", f"explore {NETWORK}"):
        assert f"sterna {command}" in text
    assert "not simulated" in text and "98.44%" in text


def test_the_page_is_sound(copy: Path) -> None:
    """Identifiers are unique, references lead somewhere, nothing is fetched, and it is small."""
    add_results(copy)
    write_exploration(copy)
    page = sterna_flows.report(copy)
    assert page == copy / "report.html" and page.stat().st_size < 1_000_000
    tree = parse(page)
    names = [name for element in tree.iter() if (name := element.get("id"))]
    assert len(names) == len(set(names))
    text = page.read_text()
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= set(names)
    addresses = set(re.findall(r"\w+://[^\"' <]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(img|iframe|object|embed|link (?!rel=\"icon\"))", text)
    assert tree.get("lang") == "en" and tree.findtext("head/title", "").startswith(NETWORK)
    drawings = [element for element in tree.iter() if element.tag.endswith("}svg")]
    assert len(drawings) == 4 and all(drawing.get("aria-label") for drawing in drawings)


def test_results_are_shown_with_their_sources(copy: Path) -> None:
    add_results(copy)
    text = words(sterna_flows.report(copy))
    report = read_report(copy)
    assert "80 words equal" in text and "143.5 MHz" in text
    assert f"{report['resources']['lut']:,}" in text and "Yosys 0.70" in text
    assert "nextpnr, seed 1" in text
    rate = 143.5e6 / report["cycles"]["interval"]["simulated"]
    assert f"frames a second {rate:,.0f} cycles simulated, at 143.5 MHz" in text


def test_differences_are_said_in_words(copy: Path) -> None:
    add_results(copy, difference=3)
    text = words(sterna_flows.report(copy))
    assert "differences found" in text
    assert "Problem: interval: simulated cycles are not the predicted ones" in text


def test_rows_of_the_pipeline(network: Path) -> None:
    """Every part is a row; bottlenecks are the busiest, shares are those of the cycles."""
    report = read_report(network)
    rows = pipeline_rows(read_facts(network))
    assert [row.name for row in rows[1:-1]] == [layer["name"] for layer in report["layers"]]
    most = max(layer["cycles"] for layer in report["layers"])
    for row in rows[1:-1]:
        assert row.is_bottleneck == (row.cycles == most) and row.cycles is not None
        assert row.share == row.cycles / report["cycles"]["interval"]["predicted"]


def test_roofline_of_a_network(network: Path) -> None:
    """The whole network's point: its weights' products by its bytes and by its interval."""
    line = streaming_roofline(read_facts(network))
    (whole,) = (point for point in line.points if point.peak is None)
    report, record = read_report(network), Design(network).record
    count = sum(layer["weights"]["count"] for layer in report["layers"] if "weights" in layer)
    moved = sum(record[side]["bytes"] * record[side]["beats"] for side in ("input", "output"))
    assert whole.intensity == count / moved
    assert whole.rate == pytest.approx(count / report["cycles"]["interval"]["predicted"] * 125e6)
    assert all(point.rate <= (point.peak or line.ceiling(point.intensity)) for point in line.points)


def test_roofline_of_a_decoder(decoder_copy: Path) -> None:
    """Simulated points stand beside the estimates: the same bytes, other cycles."""
    add_decoder_run(decoder_copy)
    line = decoder_roofline(read_facts(decoder_copy))
    prompt, token, simulated_prompt, simulated_token = line.points
    assert (prompt.source, token.source) == ("estimated", "estimated")
    assert simulated_prompt.intensity == prompt.intensity
    cycles = read_report(decoder_copy)["cycles"]
    for estimated, simulated, name in (
        (prompt, simulated_prompt, "latency"),
        (token, simulated_token, "interval"),
    ):
        assert simulated.source == "simulated"
        slower = cycles[name]["predicted"] / cycles[name]["simulated"]
        assert simulated.rate == pytest.approx(estimated.rate * slower, rel=0.05)
    assert all(point.rate <= line.ceiling(point.intensity) for point in line.points)


def test_branches_stand_side_by_side(branches: Path, tmp_path: Path) -> None:
    """Its links are those of the design; a network that is not in the zoo has no accuracy."""
    names = {stage["name"] for stage in Design(branches).record["stages"]}
    links = Design(branches).record["links"]
    assert len(links) > len(names) + 1
    assert {name for link in links for name in link} == names | {"input_edge", "output_edge"}
    text = words(sterna_flows.report(branches, tmp_path / "page.html"))
    assert "is not one of the zoo's networks" in text


def test_a_decoder_that_was_only_built(decoder: Path, tmp_path: Path) -> None:
    page = sterna_flows.report(decoder, tmp_path / "page.html")
    sections = [section.get("id") for section in parse(page).iter("section")]
    assert sections == [*DECODER, "accuracy"]
    text = words(page)
    assert "random weights" in text and "estimated by the analytic model" in text


def test_a_decoder_that_was_simulated(decoder_copy: Path) -> None:
    """The schedule is the simulation's, and every bar tells its instruction."""
    timeline = add_decoder_run(decoder_copy)
    assert read_schedule(decoder_copy) == (timeline, {"memory": "none", "position": 4})
    page = sterna_flows.report(decoder_copy)
    text = words(page)
    assert "110 words equal" in text and "simulated in Verilator, memory profile none" in text
    tips = [tip for element in parse(page).iter() if (tip := element.get("data-tip"))]
    assert sum("from" in tip for tip in tips) == len(timeline.bars)


def test_points_that_could_not_be_built_are_told(tmp_path: Path) -> None:
    write_exploration(tmp_path)
    path = tmp_path / "exploration.json"
    record = json.loads(path.read_text()) | {"failed": {"2": "yosys failed: no room"}}
    path.write_text(json.dumps(record))
    page = sterna_flows.report(tmp_path)
    assert "Design 2 could not be built: yosys failed: no room" in words(page)


def test_an_exploration_alone(tmp_path: Path) -> None:
    folder = tmp_path / "explored"
    write_exploration(folder)
    page = page_of(folder)
    assert [section.name for section in page.sections] == ["exploration", "accuracy"]
    (plot,) = page.plots
    assert [len(plot.tips[name]) for name in ("dominated", "frontier", "measured")] == [3, 3, 1]
    assert "LUT: 2,100" in plot.tips["measured"][0] and "mismatches: 0" in plot.tips["measured"][0]
    assert "8 designs were tried; 6 of them fit" in words(sterna_flows.report(folder))


def test_objectives_that_nothing_is_known_of_have_no_plot(tmp_path: Path) -> None:
    write_exploration(tmp_path / "explored", ("throughput", "lut", "accuracy"))
    names = [plot.name for plot in page_of(tmp_path / "explored").plots]
    assert names == ["exploration-lut"]


def test_more_objectives_are_more_plots(tmp_path: Path) -> None:
    write_exploration(tmp_path / "explored", ("throughput", "lut", "energy"))
    names = [plot.name for plot in page_of(tmp_path / "explored").plots]
    assert names == ["exploration-lut", "exploration-energy"]


def test_thousands_of_designs_are_a_small_page(tmp_path: Path) -> None:
    """Less than 2 MB, with all designs drawn and all of the frontier in a table."""
    write_exploration(tmp_path, ("throughput", "lut", "bram", "energy"), copies=250)
    page = sterna_flows.report(tmp_path)
    assert page.stat().st_size < 2_000_000
    tree = parse(page)
    marks = [element for element in tree.iter() if element.tag.endswith("}use")]
    assert len(marks) >= 3 * (6 * 250 + 1)
    assert 3 * 500 < sum("data-tip" in mark.attrib for mark in marks) < 3 * 1000
    assert len(list(tree.iter("tr"))) > 3 * 250


def test_pictures_and_the_same_bytes_twice(copy: Path, tmp_path: Path) -> None:
    write_exploration(copy)
    made = []
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        assert run(["report", str(copy), "-o", str(folder / "page.html"), "--png"]) == 0
        made.append({path.name: path.read_bytes() for path in folder.rglob("*.*")})
    assert made[0] == made[1]
    pictures = {f"{name}.png" for name in ("pipeline", "resources", "roofline", "exploration-lut")}
    assert set(made[0]) == {*pictures, "page.html"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (None, "", "must hold a report.json or an exploration.json"),
        ("exploration.json", "{", "must be readable JSON"),
        ("exploration.json", '{"exploration_version": 2}', "must be 1, not 2; explore anew"),
        ("exploration.json", '{"exploration_version": 1}', "record, which lacks 'frontier'"),
        ("report.json", "{", "must be JSON"),
    ],
)
def test_other_folders_are_refused_in_one_line(
    name: str | None,
    text: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if name is not None:
        (tmp_path / name).write_text(text)
    assert run(["report", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_a_schedule_that_cannot_be_read_is_refused(decoder_copy: Path) -> None:
    (decoder_copy / "schedule.json").write_text(json.dumps({"bars": []}))
    with pytest.raises(ValueError, match="must be a schedule as `sterna sim` leaves it"):
        sterna_flows.report(decoder_copy)


def test_another_kind_of_output_is_refused(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", str(network), "-o", str(tmp_path / "page.pdf")]) == 2
    assert "Output must be an .html file" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_a_missing_library_is_named_with_its_extra(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_exploration(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ValueError, match=r"pip install 'sterna\[report\]'"):
        sterna_flows.report(tmp_path)
    assert not (tmp_path / "report.html").exists()
