"""Explorations: the same points however they are evaluated, interrupted or continued."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import sterna
import sterna_flows
from sterna.folding import foldings_of
from sterna.ir import Graph, print_graph
from sterna_flows.exploration.figures import OBJECTIVES
from sterna_flows.exploration.result import EXPLORATION_FILE, Exploration
from sterna_flows.exploration.storage import TRIALS_FILE, locked

from ...sw.graphs import random_chain

TARGET = "xck26"
OPTIONS = {"trials": 52, "objectives": ("throughput", "lut", "bram", "latency"), "seed": 3}


@pytest.fixture(scope="module")
def graph() -> Graph:
    return random_chain(5, layers=3, largest=14)


@pytest.fixture(scope="module")
def found(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Exploration:
    """An exploration in this process, not interrupted."""
    out = tmp_path_factory.mktemp("explored")
    return sterna_flows.explore(graph, TARGET, out, workers=1, **OPTIONS)


def test_no_point_dominates_one_of_the_frontier(found: Exploration) -> None:
    signs = np.array([-1 if OBJECTIVES[name] else 1 for name in found.objectives])

    def cost(number: int) -> np.ndarray:
        figures = found.points[number].outcome.figures
        assert figures is not None
        return signs * figures.values(found.objectives)

    fitting = [point.number for point in found.points if point.is_feasible]
    frontier = [point.number for point in found.frontier]
    assert len(frontier) > 3 and set(frontier) <= set(fitting)
    for number in fitting:
        others = [cost(other) for other in fitting if other != number]
        dominated = any((a <= cost(number)).all() and (a < cost(number)).any() for a in others)
        equal = any((cost(other) == cost(number)).all() for other in frontier)
        assert equal != dominated


def test_figures_are_those_of_a_build(graph: Graph, found: Exploration, tmp_path: Path) -> None:
    point = found.frontier[len(found.frontier) // 2]
    figures = point.outcome.figures
    assert figures is not None
    design = sterna.build(
        graph,
        TARGET,
        tmp_path / "built",
        foldings=foldings_of(point.outcome.design["foldings"], "the test"),
    )
    report = json.loads((design.directory / "report.json").read_text())
    assert figures.interval == report["cycles"]["interval"]["predicted"]
    assert figures.latency == report["cycles"]["latency"]["predicted"]
    for kind, amount in report["estimated"].items():
        assert getattr(figures, kind) == amount
    queues = json.loads((design.directory / "queues.json").read_text())
    assert queues == point.outcome.design["queues"]


def test_two_workers_find_the_points_of_one(
    graph: Graph, found: Exploration, tmp_path: Path
) -> None:
    other = sterna_flows.explore(graph, TARGET, tmp_path, workers=2, **OPTIONS)
    assert other.points == found.points
    assert other.frontier == found.frontier


def test_more_trials_continue_an_exploration(
    graph: Graph, found: Exploration, tmp_path: Path
) -> None:
    """In steps that are no multiples of a batch."""
    for trials in (1, 13, OPTIONS["trials"]):
        options = {**OPTIONS, "trials": trials}
        other = sterna_flows.explore(graph, TARGET, tmp_path, workers=1, **options)
        assert other.points == found.points[:trials]


PROGRAM = """
import sys
from pathlib import Path
import sterna_flows
from sterna.ir import parse_graph
graph = parse_graph(Path(sys.argv[1]).read_text())
sterna_flows.explore(graph, {target!r}, sys.argv[2], workers=1, **{options!r})
"""


def finished(path: Path) -> list[tuple[int, str]]:
    """Numbers and attributes of the trials in a file; none if it is not there yet.

    The file is opened as by any reader, who may write: what a killed process left half-written is
    first taken back, which a connection that only reads cannot do.
    """
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT trial_id, value_json FROM trial_user_attributes WHERE key = 'point'"
        return sorted(connection.execute(query).fetchall())


@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
def test_killed_explorations_resume(
    graph: Graph, found: Exploration, tmp_path: Path, seed: int
) -> None:
    """Killed twice, once when some points are there and once after any time: nothing that was
    finished is lost or done again, and the end is that of an exploration that was never killed."""
    draw = random.Random(seed)
    source, out = tmp_path / "graph.sterna", tmp_path / "explored"
    source.write_text(print_graph(graph))
    program = PROGRAM.format(target=TARGET, options=OPTIONS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    wanted = draw.randrange(3, 40)
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(source), str(out)], env=environment
    )
    while process.poll() is None and len(finished(out / TRIALS_FILE)) < wanted:
        time.sleep(0.01)
    time.sleep(draw.uniform(0, 0.05))
    process.kill()
    process.wait()
    before = finished(out / TRIALS_FILE)
    assert len(before) >= wanted
    other = sterna_flows.explore(graph, TARGET, out, workers=1, **OPTIONS)
    after = finished(out / TRIALS_FILE)
    assert after[: len(before)] == before
    assert len(after) == OPTIONS["trials"]
    assert other.points == found.points


def test_other_questions_need_another_folder(graph: Graph, found: Exploration) -> None:
    for change, subject in (
        ({"objectives": ("throughput", "lut")}, "objectives"),
        ({"seed": 4}, "seed"),
        ({"clock_mhz": 100.0}, "clock_mhz"),
    ):
        options = {**OPTIONS, "workers": 1, **change}
        with pytest.raises(ValueError, match=f"must have the same {subject}, .*; name another"):
            sterna_flows.explore(graph, TARGET, found.folder, **options)


def test_one_process_at_a_time(graph: Graph, tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ValueError, match="by one process at a time"):
        sterna_flows.explore(graph, TARGET, tmp_path, workers=1, **OPTIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "Trials must be 1 or more, not 0"),
        ({"objectives": ()}, "Objectives must be one or more different ones"),
        ({"objectives": ("speed",)}, "Objective must be one of throughput, .*, not 'speed'"),
        ({"objectives": ("lut", "lut")}, "Objectives must be one or more different ones"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "Scheduler must be the address of a Dask scheduler"),
        ({"workers": 0}, "Workers must be 1 or more, not 0"),
        ({"workers": 1, "scheduler": "tcp://nowhere:1"}, "Workers must not be given"),
        ({"verify": -1}, "Points to verify must be 0 or more, not -1"),
        ({"clock_mhz": 0.0}, "Clock must be above 0 MHz, not 0.0"),
        ({"seed": -1}, "Seed must be 0 or more, not -1"),
        ({"layers": 2}, "Layers must go with a decoder, not with a streaming network"),
    ],
)
def test_bad_questions_are_refused(
    graph: Graph, tmp_path: Path, change: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        sterna_flows.explore(graph, TARGET, tmp_path / "out", **{**OPTIONS, **change})


def test_a_file_is_no_folder(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="Folder .*file must be one that can be made: File exists"):
        sterna_flows.explore(graph, TARGET, tmp_path / "file", workers=1, **OPTIONS)


def test_any_seed_will_do(graph: Graph, tmp_path: Path) -> None:
    options = {**OPTIONS, "trials": 9, "workers": 1}
    found = sterna_flows.explore(graph, TARGET, tmp_path, **{**options, "seed": 10**12})
    assert len(found.points) == 9


def test_designs_beyond_the_device_are_recorded(found: Exploration, tmp_path: Path) -> None:
    """A network that a small device holds only when it is folded."""
    graph = random_chain(0, layers=4, largest=90)
    small = sterna_flows.explore(graph, "ecp5-25k", tmp_path, workers=1, trials=24)
    beyond = [point for point in small.points if not point.is_feasible]
    for point in beyond:
        assert point.outcome.problem.startswith("Design must fit ecp5-25k")
        assert point.outcome.excess > 0 and point not in small.frontier
    assert small.frontier


def test_result_goes_into_pandas(found: Exploration) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(found.rows())
    assert len(frame) == OPTIONS["trials"]
    assert frame[frame.on_frontier].number.tolist() == sorted(p.number for p in found.frontier)
    assert frame.lut.dtype.kind in "if" and frame.feasible.dtype == bool
    record = json.loads((found.folder / EXPLORATION_FILE).read_text())
    assert record["frontier"] == [point.number for point in found.frontier]
    assert len(record["points"]) == OPTIONS["trials"]
