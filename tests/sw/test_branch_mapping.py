"""Branches in hardware: parts compute what the graph means, queues are as deep as they must be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from sterna import ir
from sterna.building import build, prepare
from sterna.folding import Folding, SelectFolding
from sterna.mapping import map_graph, queue_places
from sterna.passes import drop_identity
from sterna.planner import Planner
from sterna.queues import STANDSTILL, check_queues, interval_of, read_queues, size_queues
from sterna.reload import reload_rows
from sterna_hw.base import TERNARY, IntegerRange, WindowAxis, find_device

from .branch_graphs import random_branches
from .graphs import random_codes
from .test_mapping import random_foldings

DEVICE = find_device("ecp5-25k")


def interval(graph: ir.Graph, foldings: Mapping[str, Folding], queues: Mapping[str, int]) -> float:
    accelerator = map_graph(graph, DEVICE, foldings, queues=queues).accelerator
    return interval_of(accelerator, *accelerator.network())


@pytest.mark.parametrize("images", [False, True], ids=["vectors", "images"])
@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_every_stage_computes_what_golden_says(seed: int, images: bool) -> None:
    graph = prepare(random_branches(seed, images))
    foldings = random_foldings(graph, seed)
    queues = dict.fromkeys(queue_places(graph)[:: 1 + seed % 3], 5)
    mapped = map_graph(graph, DEVICE, foldings, reloadable=seed % 2 == 1, queues=queues)
    assert sorted(mapped.queues.values()) == sorted(queues)
    codes = random_codes(seed, graph, 3)
    golden = graph.run_integers(codes, checkpoints=True)
    computed = mapped.accelerator.compute(codes.reshape(3, -1))
    for stage, layer in mapped.layers.items():
        assert np.array_equal(computed[stage].ravel(), golden[layer].ravel()), stage


@pytest.mark.parametrize("images", [False, True], ids=["vectors", "images"])
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_no_queue_can_be_shallower(seed: int, images: bool) -> None:
    graph = prepare(random_branches(seed, images))
    foldings = random_foldings(graph, seed)
    rows = size_queues(graph, DEVICE, foldings)
    best = interval(graph, foldings, rows)
    assert best <= interval(graph, foldings, dict.fromkeys(queue_places(graph), 200))
    for place, depth in rows.items():
        assert interval(graph, foldings, {**rows, place: depth - 1}) > best


def residual(size: int = 6) -> ir.Graph:
    """``x + conv(x)`` of 3x3 windows: the short branch must hold what the window delays."""
    sides = WindowAxis(size, 3, 1, 1, 1, 1)
    weights = np.random.default_rng(1).integers(-1, 2, (2, 18))
    ops = (
        ir.Input("x", (), ir.TensorType((size, size, 2), IntegerRange(0, 15))),
        ir.Window("window", ("x",), sides, sides),
        ir.MatMul("conv", ("window",), weights, TERNARY),
        ir.Add("sum", ("x", "conv"), (4, 1)),
    )
    return ir.Graph("net", ops, {"x": ir.InputEdge(1.0)}, {"sum": ir.OutputEdge(1.0)})


WIDE = {"conv": SelectFolding(18, 2)}


def test_too_shallow_a_short_branch_stops_everything() -> None:
    graph = residual()
    rows = size_queues(graph, DEVICE, WIDE)
    assert set(rows) == {"sum[0]"}
    depth = rows["sum[0]"]
    # A row and a pixel are in front of the first position that the window gives.
    assert depth > 7
    assert interval(graph, WIDE, rows) == 36
    assert 36 < interval(graph, WIDE, {"sum[0]": depth - 1}) < STANDSTILL
    assert interval(graph, WIDE, {}) == STANDSTILL


@pytest.mark.parametrize(
    ("queues", "message"),
    [
        ({}, "must be {need} or more for 36 cycles a frame, not 0, with which the network stands"),
        ({"sum[0]": -1}, "Rows of the queue of sum[0] must be 0 to 1048576, not -1"),
        ({"sum[2]": 1}, "Place of a queue must be one of ['sum[0]', 'sum[1]'], not 'sum[2]'"),
    ],
)
def test_depths_that_do_not_do_are_refused(queues: dict[str, int], message: str) -> None:
    need = size_queues(residual(), DEVICE, WIDE)["sum[0]"]
    with pytest.raises(ValueError) as error:
        check_queues(residual(), DEVICE, WIDE, queues)
    assert message.replace("{need}", str(need)) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_depth_that_only_slows_is_refused_with_its_cycles() -> None:
    need = size_queues(residual(), DEVICE, WIDE)["sum[0]"]
    slow = interval(residual(), WIDE, {"sum[0]": need - 1})
    with pytest.raises(ValueError) as error:
        check_queues(residual(), DEVICE, WIDE, {"sum[0]": need - 1})
    assert str(error.value) == (
        f"Rows of the queue of sum[0] must be {need} or more for 36 cycles a frame, "
        f"not {need - 1}, with which the network takes {slow} cycles a frame"
    )


def test_given_depths_are_built(tmp_path: Path) -> None:
    more = {"sum[0]": size_queues(residual(), DEVICE, WIDE, True)["sum[0]"] + 3}
    graph, folder = residual(), tmp_path / "d"
    design = build(graph, "ecp5-25k", folder, foldings=WIDE, queues=more, reloadable=True)
    assert read_queues(design.directory / "queues.json") == more
    forks = [stage for stage in design.record["stages"] if stage["kind"] == "Fork"]
    assert [(fork["name"], fork["port"]) for fork in forks] == [("x_fork", "o0")]
    for add, message in (
        (ir.Add("sum", ("conv", "x"), (4, 1)), "Layers of net must read each other as in net"),
        (ir.Add("sum", ("x", "conv"), (2, 1)), "Factors of sum must be (4, 1), not (2, 1)"),
    ):
        with pytest.raises(ValueError) as error:
            reload_rows(design, graph.with_ops((*graph.ops[:-1], add)))
        assert str(error.value) == message


@pytest.mark.parametrize(("text", "message"), [("{", "readable JSON"), ("[1]", "must map places")])
def test_unreadable_queue_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "queues.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_queues(tmp_path / "queues.json")


def test_planner_knows_beats_through_branches() -> None:
    graph = prepare(random_branches(3, True))
    foldings = Planner(graph, DEVICE).plan()
    assert set(foldings) == {op.name for op in graph.ops if isinstance(op, ir.MatMul)}


def test_a_value_that_nobody_reads_is_refused() -> None:
    graph = residual()
    lost = ir.Add("lost", ("x", "x"), (1, 1))
    with pytest.raises(ValueError, match="Result of lost must be read by a layer or leave"):
        map_graph(graph.with_ops((*graph.ops, lost)), DEVICE, WIDE)


def test_the_input_keeps_its_shape_for_other_readers() -> None:
    """A reshape of the input is dropped where it is all that reads the input, not elsewhere."""
    entry = ir.Input("x", (), ir.TensorType((1, 2, 2), IntegerRange(0, 1)))
    flat = ir.Reshape("flat", ("x",), (4,))
    pixels = ir.Reshape("again", ("x",), (4,))
    total = ir.Add("sum", ("flat", "again"), (1, 1))
    graph = ir.Graph(
        "g", (entry, flat, pixels, total), {"x": ir.InputEdge(1.0)}, {"sum": ir.OutputEdge(1.0)}
    )
    assert drop_identity(graph) == graph
