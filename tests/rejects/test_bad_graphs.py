"""Layers that do not fit each other, foldings beyond a layer, queues that stop a network.

Each ends in one line that names the layer, by the command and by the Python API.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import sterna
from sterna.folding import MacFolding, SelectFolding, TableFolding
from sterna_flows.cli import run

from .bad_graphs import WRONG, depthwise, residual, write_graph

SMALL = {"engine": "select", "block_inputs": 2, "queries": 2}
FOLDING: dict[str, object] = {"a": SMALL, "b": SMALL, "c": SMALL}


def line_of(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """The one line of a command that is refused."""
    assert run(arguments) == 2
    line = capsys.readouterr().err
    assert line.startswith("sterna: ") and line.count("\n") == 1
    return line


@pytest.mark.parametrize("name", WRONG)
def test_graphs(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    make, words = WRONG[name]
    path = write_graph(make, tmp_path)
    line = line_of(capsys, ["check", str(path)])
    for word in (str(path), *words):
        assert word in line, line
    with pytest.raises(ValueError) as caught:
        sterna.load(path)
    assert str(caught.value) in line and "\n" not in str(caught.value)


def build(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    foldings: object,
    queues: object = None,
    make=residual,
) -> str:
    """The line of a build with these files; nothing is left behind."""
    path = write_graph(make, folder)
    arguments = ["build", str(path), "--target", "ecp5-25k", "-o", str(folder / "out")]
    for name, content in (("folding", foldings), ("queues", queues)):
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content))
            arguments += [f"--{name}", str(folder / f"{name}.json")]
    line = line_of(capsys, arguments)
    assert not (folder / "out").exists()
    return line


def folded(**values: object) -> dict[str, object]:
    """A folding of the last layer, which has 18 inputs and 3 outputs."""
    return {**FOLDING, "c": values}


FOLDINGS: dict[str, tuple[object, str]] = {
    "queries": (folded(engine="select", block_inputs=2, queries=4), "at most the 3 outputs, not 4"),
    "inputs": (
        folded(engine="select", block_inputs=19, queries=3),
        "Block inputs must be 1 to the 18 inputs, not 19",
    ),
    "tables": (
        folded(group=3, tables=7, queries=1),
        "Tables must be 1 to 6, which cover the inputs, not 7",
    ),
    "group": (folded(group=19, tables=1, queries=1), "Group must be 1 to 7 with 3 letters, not 19"),
    "port": (
        folded(engine="mac", block_inputs=2, queries=2, port=0),
        "Port must be 18 to 27 bits, not 0",
    ),
    "operands": (folded(engine="unrolled", operands=7), "Operands must be 2 or 3, not 7"),
    "none_at_all": (folded(engine="select", block_inputs=0, queries=1), "18 inputs, not 0"),
    "below_zero": (folded(engine="select", block_inputs=1, queries=-3), "1 or more, not -3"),
    "a_flag_for_a_number": (
        folded(engine="select", block_inputs=True, queries=1),
        "block_inputs must be a whole number, not True",
    ),
    "a_number_for_a_flag": (
        folded(group=3, tables=1, queries=1, sign_fold=3),
        "sign_fold must be true or false, not 3",
    ),
    "engine_in_a_list": (folded(engine=["mac"]), "there is no engine ['mac']"),
    "nothing": ({**FOLDING, "c": None}, "it must be an object, not None"),
    "a_layer_left_out": ({"a": SMALL, "b": SMALL}, "Folding of c must be given"),
    "no_matrix": ({**FOLDING, "sum": SMALL}, "Folding of sum must be for one of"),
}


@pytest.mark.parametrize("name", FOLDINGS)
def test_foldings(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    foldings, words = FOLDINGS[name]
    line = build(capsys, tmp_path, foldings)
    assert words in line and "Folding of " in line, line


GROUPS: dict[str, tuple[object, str]] = {
    "other_engine": ({"each": SMALL}, "Folding of each must be of the engine group, not select"),
    "too_many": (
        {"each": {"engine": "group", "beat_groups": 8, "queries": 8}},
        "Groups of a beat and queries must be 1 and 1, 2 and 2, 4 and 4, not 8 and 8",
    ),
    "of_a_matrix": (
        {"all": {"engine": "group", "beat_groups": 1, "queries": 1}},
        "Folding of all must be of an engine of matrices, not group",
    ),
    "of_no_layer": (
        {"every": {"engine": "group", "beat_groups": 1, "queries": 1}},
        "Folding of every must be for one of ['all', 'each']",
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_foldings_of_groups(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    foldings, words = GROUPS[name]
    assert isinstance(foldings, dict)
    line = build(capsys, tmp_path, {"all": SMALL, **foldings}, make=depthwise)
    assert words in line, line


STOPS = "Rows of the queue of sum[0] must be 20 or more for 648 cycles a frame, not "


@pytest.mark.parametrize(
    ("queues", "words"),
    [
        ({}, f"{STOPS}0, with which the network stands still"),
        ({"sum[0]": 3}, f"{STOPS}3, with which the network stands still"),
        ({"sum[0]": -1}, "Rows of the queue of sum[0] must be 0 to 1048576, not -1"),
        ({"sum[0]": 10**30}, "Rows of the queue of sum[0] must be 0 to 1048576, not 1000"),
        ({"sum[0]": 3.5}, "must be 0 to 1048576, not 3.5"),
        ({"sum[2]": 3}, "Place of a queue must be one of ['b', 'sum[0]', 'sum[1]', 'c']"),
        ([3], "must map places to numbers of rows"),
    ],
    ids=lambda value: str(value) if not isinstance(value, str) else None,
)
def test_queues(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, queues: object, words: str
) -> None:
    assert words in build(capsys, tmp_path, FOLDING, queues)


def test_queues_that_cost_pace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With so few rows the network moves, but not as fast as its engines could."""
    fast = {"engine": "select", "block_inputs": 18, "queries": 2}
    foldings = {"a": fast, "b": fast, "c": {**fast, "queries": 3}}
    line = build(capsys, tmp_path, foldings, {"sum[0]": 40})
    assert "Rows of the queue of sum[0] must be" in line and "cycles a frame" in line
    assert "takes" in line and "not 40" in line


@pytest.mark.parametrize(
    ("foldings", "words"),
    [
        ({"c": TableFolding(19, 1, 1)}, "Folding of c: Group must be 1 to 7"),
        ({"c": MacFolding(2, 2, port=-3)}, "Folding of c: Port must be 18 to 27 bits, not -3"),
        ({"c": SelectFolding(2, 4)}, "Folding of c: Queries must be at most the 3 outputs"),
        ({"d": SelectFolding(2, 2)}, "Folding of d must be for one of"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_python(tmp_path: Path, foldings: Mapping, words: str) -> None:
    """What files cannot say is refused by the same rules."""
    graph = sterna.load(write_graph(residual, tmp_path))
    own = dict.fromkeys("abc", SelectFolding(2, 2))
    with pytest.raises(ValueError, match=words):
        sterna.build(graph, "ecp5-25k", tmp_path / "out", foldings={**own, **foldings})
    assert not (tmp_path / "out").exists()


def test_queues_from_python(tmp_path: Path) -> None:
    graph = sterna.load(write_graph(residual, tmp_path))
    foldings = dict.fromkeys("abc", SelectFolding(2, 2))
    with pytest.raises(ValueError, match="stands still"):
        sterna.build(graph, "ecp5-25k", tmp_path / "out", foldings=foldings, queues={})
    assert not (tmp_path / "out").exists()
