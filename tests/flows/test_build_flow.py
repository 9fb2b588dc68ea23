"""What `sterna build` adds to a design, and starting a build in the middle."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sterna_flows.build_flow import build_with_regression, start_from
from sterna_flows.cli import run
from sterna_flows.models import load_model
from sterna_flows.report_file import read_report
from sterna_hw.base import find_device

MODEL = "digits_int4_mlp"
OPTIONS = ["--target", "xc7z020", "--interval", "500"]


def contents(folder: Path) -> dict[str, bytes]:
    """All files; of the report all but what the build took."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    report = json.loads(found["report.json"])
    del report["build"]
    return found | {"report.json": json.dumps(report).encode()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "out"
    assert run(["build", MODEL, *OPTIONS, "-o", str(out)]) == 0
    return out


def test_the_report_lists_every_file(built: Path) -> None:
    report = read_report(built)
    assert sorted(report["files"]) == sorted(contents(built))
    assert report["model"] == MODEL and report["target"] == "xc7z020"


def test_a_build_tells_what_it_took(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], built: Path
) -> None:
    assert run(["build", "--from", "map", "-o", str(shutil.copytree(built, tmp_path / "d"))]) == 0
    effort = read_report(tmp_path / "d")["build"]
    assert 0 < effort["processor_seconds"] and 0 < effort["seconds"] < 3600
    assert 50e6 < effort["peak_bytes"] < 50e9
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "Built in" in line)
    assert f"{effort['processor_seconds']:.1f} s of processor time" in line
    assert f"{effort['peak_bytes'] / 1e6:,.0f} MB" in line


def test_one_module_a_file_named_after_it(built: Path) -> None:
    sources = (built / "sources.f").read_text().split()
    assert sorted(sources) == sorted(path.name for path in built.glob("*.v"))
    for name in sources:
        modules = [
            line.split()[1].split("(")[0]
            for line in (built / name).read_text().splitlines()
            if line.startswith("module ")
        ]
        assert modules == [name.removesuffix(".v")]


def test_the_bytes_do_not_depend_on_process_or_place(built: Path, tmp_path: Path) -> None:
    """Another process, another hash seed, another folder: the same files, and no trace of any."""
    other = tmp_path / "somewhere" / "else"
    program = "import sys; from sterna_flows.cli import run; sys.exit(run(sys.argv[1:]))"
    arguments = ["build", MODEL, *OPTIONS, "-o", str(other)]
    root = Path(__file__).resolve().parent.parent.parent
    path = ":".join(str(root / room) for room in ("hw", "sw", "sim", "models", "flows"))
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program, *arguments],
            check=True,
            capture_output=True,
            env={"PYTHONPATH": path, "PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        )
        assert contents(other) == contents(built)
    for text in contents(built).values():
        assert str(tmp_path).encode() not in text and str(root).encode() not in text


def test_vivado_script_is_for_xilinx_only(built: Path, tmp_path: Path) -> None:
    script = (built / f"{MODEL}.tcl").read_text()
    assert "-part xc7z020clg400-1" in script and f"-top {MODEL}" in script
    assert f"read_xdc {MODEL}.xdc" in script and (built / f"{MODEL}.xdc").is_file()
    build_with_regression(load_model(MODEL), "ecp5-25k", tmp_path / "e", interval=500)
    assert not list((tmp_path / "e").glob("*.tcl"))


@pytest.mark.parametrize("step", ["plan", "map"])
def test_a_build_restarts_from_its_own_text(built: Path, tmp_path: Path, step: str) -> None:
    out = tmp_path / "out"
    assert run(["build", MODEL, *OPTIONS, "-o", str(out)]) == 0
    options = OPTIONS if step == "plan" else []
    assert run(["build", "--from", step, *options, "-o", str(out)]) == 0
    assert contents(out) == contents(built)


def test_an_edited_folding_is_taken(tmp_path: Path, built: Path) -> None:
    out = tmp_path / "out"
    assert run(["build", MODEL, *OPTIONS, "-o", str(out)]) == 0
    foldings = json.loads((out / "folding.json").read_text())
    foldings["output"]["queries"] = 5
    (out / "folding.json").write_text(json.dumps(foldings))
    assert run(["build", "--from", "map", "-o", str(out)]) == 0
    assert json.loads((out / "folding.json").read_text()) == foldings
    before, after = read_report(built), read_report(out)
    changed = [one["name"] for one, two in zip(before["layers"], after["layers"]) if one != two]
    assert "output" in changed and "hidden1" not in changed


def test_notes_of_the_import_are_those_of_the_graph(built: Path, tmp_path: Path) -> None:
    """They come along with the graph's text, and not with another text."""
    out = tmp_path / "out"
    shutil.copytree(built, out)
    graph, _, _ = start_from("plan", None, out)
    assert {note.layer: note.agreement for note in graph.notes}["relu1"] == 1
    path = out / "graph.sterna"
    path.write_text(path.read_text() + "\n")
    assert start_from("plan", None, out)[0].notes == ()


def test_a_step_keeps_the_target_of_the_earlier_build(built: Path) -> None:
    graph, target, options = start_from("map", None, built)
    assert target == "xc7z020" and find_device(target)
    assert graph.name == MODEL and set(options["foldings"]) == {"hidden1", "hidden2", "output"}


def test_a_step_keeps_clock_and_reload_of_the_earlier_build(tmp_path: Path) -> None:
    """They were once lost; another device has another clock, though."""
    out = tmp_path / "out"
    options = ["--target", "ecp5-25k", "--interval", "500", "--clock", "80", "--reloadable"]
    assert run(["build", MODEL, *options, "-o", str(out)]) == 0
    before = contents(out)
    assert run(["build", "--from", "map", "-o", str(out)]) == 0
    assert contents(out) == before
    changes = ["--no-reloadable", "--target", "ecp5-45k"]
    assert run(["build", "--from", "map", *changes, "-o", str(out)]) == 0
    record = json.loads((out / "design.json").read_text())
    assert not record["reloadable"]
    assert record["clock_mhz"] == find_device("ecp5-45k").clock_mhz != 80


def test_two_vectors_at_least(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be 2 or more, not 1"):
        build_with_regression(load_model(MODEL), "ecp5-25k", tmp_path / "e", vectors=1)
    assert not (tmp_path / "e").exists()
