"""The fuzzer: some seeds are equal, planted faults are found and made small, old ones stay away."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module, Mux, Value

from sterna import value_stages
from sterna.folding import ENGINES
from sterna.ir import (
    Graph,
    Input,
    InputEdge,
    MatMul,
    OutputEdge,
    Requantize,
    TensorType,
    Threshold,
)
from sterna.ir.text import OPERATIONS
from sterna.stream_builder import StreamEnd
from sterna_flows.cli import run
from sterna_flows.fuzz.campaign import run_fuzz
from sterna_flows.fuzz.case import Case, read_case
from sterna_flows.fuzz.examine import Failure, examine
from sterna_flows.fuzz.random_case import random_case, random_graph
from sterna_flows.fuzz.random_folding import random_folding
from sterna_flows.fuzz.shrink import shrink
from sterna_hw.base import TERNARY, IntegerRange, Rounding, queue
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.requantize import RequantizeConfig
from sterna_hw.round_and_clip import RoundAndClipConfig

CRASHERS = Path(__file__).parents[2] / "crashers"


@pytest.mark.parametrize("seed", [0, 5, 25], ids=lambda seed: f"seed{seed}")
def test_random_networks_are_equal(seed: int) -> None:
    assert examine(random_case(seed)) is None


@pytest.mark.parametrize("path", sorted(CRASHERS.glob("*.case")), ids=lambda path: path.stem)
def test_crasher_does_not_fail_again(path: Path) -> None:
    assert examine(read_case(path)) is None


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_case_is_its_text(seed: int, tmp_path: Path) -> None:
    case = random_case(seed)
    (tmp_path / "a.case").write_text(case.to_text())
    assert read_case(tmp_path / "a.case") == case == random_case(seed)


def test_seeds_cover_the_operations_and_alphabets() -> None:
    ops = [op for seed in range(60) for op in random_graph(seed).ops]
    assert {op.kind for op in ops} == set(OPERATIONS)
    alphabets = {op.alphabet.name for op in ops if isinstance(op, MatMul)}
    assert alphabets == {"ternary", "binary", "two_bit", "shifts"}


def test_foldings_cover_the_engines() -> None:
    generator, layer = np.random.default_rng(1), MatMul("a", ("x",), np.eye(6, dtype=int), TERNARY)
    for reloadable, engines in ((False, set(ENGINES)), (True, set(ENGINES) - {"unrolled"})):
        drawn = [random_folding(generator, layer, reloadable) for _ in range(60)]
        assert {folding.engine for folding in drawn} == engines
        for folding in drawn:
            config = folding.engine_config(layer, IntegerRange(0, 3), None)
            assert config.timing().busy_cycles >= 1


def only_meaning(case: Case) -> Failure | None:
    """The cheap half of an examination, for shrinking in milliseconds."""
    return examine(case, simulate=False)


def test_planted_fault_is_found_and_made_small(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second channel of thresholds goes the wrong way in hardware."""
    original = value_stages.threshold_part

    def broken(end: StreamEnd, name: str, op: Threshold, reloadable: bool) -> MultiThresholdConfig:
        part = original(end, name, op, reloadable)
        if end.elements < 2:
            return part
        falls = op.descending.astype(bool)
        falls[1] = not falls[1]
        return replace(part, descending=falls)

    monkeypatch.setattr("sterna.stage_builder.threshold_part", broken)
    results = run_fuzz(6, 0, tmp_path, check=only_meaning)
    found = [result for result in results if result.failure]
    assert found and all(result.failure.kind == "meaning" for result in found if result.failure)
    for result in found:
        original_case = random_case(result.seed)
        assert result.crasher is not None
        small = read_case(result.crasher)
        assert small == result.case and small.size < original_case.size
        assert "threshold" in {op.kind for op in small.graph.ops}
        assert len(small.graph.ops) <= 4
    monkeypatch.undo()
    assert all(only_meaning(result.case) is None for result in found)


def small_case() -> Case:
    """Two values, requantised."""
    op = Requantize(
        "requantise", ("x",), np.array([3, 5]), np.array([1, -2]), 2, Rounding.HALF_EVEN
    )
    entry = Input("x", (), TensorType((2,), IntegerRange(-8, 7)))
    edges = {"x": InputEdge(1.0)}, {"requantise": OutputEdge(1.0)}
    graph = Graph("small", (entry, op), *edges)
    return Case(graph, {}, {}, "ecp5-25k", False, ("none", "bursts"), 3, 0)


def test_fault_in_the_gateware_is_found_in_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    build = RoundAndClipConfig.build

    def broken(self: RoundAndClipConfig, m: Module, total: Value, lane: int) -> Value:
        result = build(self, m, total, lane)
        return Mux(result < 0, result + 1, result)

    monkeypatch.setattr(RoundAndClipConfig, "build", broken)
    case = small_case()
    failure = examine(case)
    assert failure is not None and failure.kind == "values"
    assert "of requantise" in failure.text and failure.text.endswith("(stalls: none)")
    small, failure = shrink(case, failure, attempts=3)
    assert small.size <= case.size and small.profiles == ("none",) and failure.kind == "values"


def test_wrong_prediction_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequantizeConfig, "timing", lambda self: queue(9, 30))
    failure = examine(replace(small_case(), profiles=("none",)))
    assert failure is not None and failure.kind == "cycles"
    assert re.match(r"beat 0 of requantise\.o is in cycle \d+, not \d+ ", failure.text)


def test_refusal_is_a_failure() -> None:
    case = random_case(5)
    failure = examine(replace(case, foldings={}))
    assert failure is not None and failure.kind == "build" and "must be given" in failure.text


def test_command(tmp_path: Path) -> None:
    (tmp_path / "a.case").write_text(replace(small_case(), profiles=("bursts",)).to_text())
    assert run(["fuzz", "--replay", str(tmp_path / "a.case")]) == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--graphs", "0"], "Number of graphs must be 1 or more, not 0"),
        (["--seed", "-1"], "Seed must be 0 or more, not -1"),
        (["--replay", "none.case"], "none.case"),
    ],
)
def test_command_refuses(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fuzz", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error
