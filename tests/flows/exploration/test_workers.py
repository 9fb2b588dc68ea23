"""Workers: local ones start from any script, those of a cluster must be there and alike."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dask import config
from distributed import LocalCluster

import sterna_flows
from sterna.ir import print_graph
from sterna_flows.exploration import workers
from sterna_flows.exploration.sampling import Point
from sterna_flows.exploration.space import Outcome
from sterna_flows.exploration.workers import evaluator
from sterna_flows.tools import ToolError

from ...sw.graphs import random_chain

SCRIPT = """
import sys
import sterna_flows
from sterna.ir import parse_graph
graph = parse_graph(open(sys.argv[1]).read())
found = sterna_flows.explore(graph, "xck26", sys.argv[2], trials=9, workers=2)
print(len(found.points))
"""


@dataclass(frozen=True)
class ToyJob:
    """Its designs are numbers; one of 0 ends the process that looks at it."""

    def space(self) -> Any:
        raise NotImplementedError

    def record(self) -> Mapping[str, Any]:
        return {}

    def evaluation(self) -> ToyJob:
        return self

    def evaluate(self, design: Mapping[str, Any]) -> Outcome:
        if not design["number"]:
            os._exit(1)
        return Outcome(design)


def points(*numbers: int) -> list[Point]:
    return [Point(number, {}, Outcome({"number": number})) for number in numbers]


@contextmanager
def cluster(count: int, processes: bool = False) -> Iterator[str]:
    """A cluster as if somebody else had started it: its address."""
    running = LocalCluster(
        n_workers=count, threads_per_worker=1, processes=processes, dashboard_address=":0"
    )
    try:
        yield running.scheduler_address
    finally:
        running.close()


@pytest.mark.parametrize("way", ["file", "standard input"])
def test_a_script_needs_no_guard(tmp_path: Path, way: str) -> None:
    graph = tmp_path / "graph.sterna"
    graph.write_text(print_graph(random_chain(5, layers=2, largest=9)))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    program = str(script) if way == "file" else "-"
    done = subprocess.run(
        [sys.executable, program, str(graph), str(tmp_path / "out")],
        input=SCRIPT if way != "file" else None,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "9\n", "")


def test_a_cluster_without_workers_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 0.2)
    graph = random_chain(5, layers=2, largest=9)
    with cluster(0) as address, pytest.raises(ValueError, match="must have a worker within 0.2"):
        sterna_flows.explore(graph, "xck26", tmp_path, trials=1, scheduler=address)


def test_workers_with_another_sterna_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster's threads are played to have another one than the one that explores."""
    main = threading.main_thread()
    name = lambda: str(threading.current_thread() is main)  # noqa: E731
    monkeypatch.setattr(workers, "text_of_sterna", name)
    with (
        cluster(1) as address,
        evaluator(ToyJob(), 1, address) as evaluate,
        pytest.raises(ValueError, match="Workers must have the same Sterna as the process"),
    ):
        list(evaluate(points(1)))


def test_workers_that_die_are_told() -> None:
    """Points before are there; of those that nobody survives the first is named."""
    with (
        config.set({"distributed.scheduler.allowed-failures": 0}),
        cluster(1, processes=True) as address,
        evaluator(ToyJob(), 1, address) as evaluate,
    ):
        (done,) = evaluate(points(3))
        assert done.outcome.design == {"number": 3}
        with pytest.raises(ToolError, match="Workers must stay alive, but .* over point 0"):
            list(evaluate(points(0)))
