"""Which weights the planner puts into external memory, at what pace, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import sterna
from sterna import ir
from sterna.budget import Budget
from sterna.building import predict_cycles
from sterna.folding import SelectFolding
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.queues import size_queues
from sterna.streaming_choice import StreamedLayer, streamed_interval, to_stream
from sterna_hw.base import TERNARY, IntegerRange, find_device
from sterna_hw.select_matmul import SelectMatmulConfig

from .graphs import mlp

DEVICE = find_device("ecp5-25k")


GRAPH = mlp(48, 96, 64, 4)


def test_weights_stay_where_they_fit() -> None:
    planner = Planner(GRAPH, DEVICE)
    assert not any(folding.external for folding in planner.plan().values())
    assert not planner.external


def test_the_fewest_layers_move_out_until_the_rest_fits() -> None:
    """Of three layers one is large; where weights may not move the design is refused."""
    graph, interval = mlp(16, 256, 256, 4), 9000
    plain = Planner(graph, DEVICE, memory="on-chip").plan(interval)
    cost = map_graph(graph, DEVICE, plain, contents=False).accelerator.cost(DEVICE)
    budget = Budget(bram=(cost.bram - 1) / DEVICE.total("bram"))
    planner = Planner(graph, DEVICE)
    plan = planner.plan(interval, budget)
    assert {name for name, folding in plan.items() if folding.external} == {"fc1"}
    assert planner.external == {"fc1"}
    accelerator = map_graph(graph, DEVICE, plan, contents=False).accelerator
    assert budget.holds(accelerator.cost(DEVICE), DEVICE)
    assert set(accelerator.streams) == {"fc1"}
    for refusing in (Planner(graph, DEVICE, memory="on-chip"), Planner(graph, DEVICE, True)):
        with pytest.raises(ValueError, match="Design must fit the budget of ecp5-25k at 9000"):
            refusing.plan(interval, budget)


@pytest.mark.parametrize("interval", [1500, 900, 400])
@pytest.mark.parametrize("engine", ["recommended", "table", "mac", "auto"])
def test_all_layers_where_it_is_asked_for(engine: str, interval: int) -> None:
    """With the queues that a build has between layers, the slowest one sets the pace; without them
    an engine that gives its results in a burst waits for the next one to take them."""
    if engine == "auto":
        pytest.importorskip("da4ml")
    planner = Planner(GRAPH, DEVICE, engine=engine, memory="external")
    plan = planner.plan(interval)
    for folding in plan.values():
        assert folding.external or folding.engine == "unrolled"
    queues = size_queues(GRAPH, DEVICE, plan)
    accelerator = map_graph(GRAPH, DEVICE, plan, queues=queues).accelerator
    paces = [
        planner.interval(op, planner.candidate(op, plan[op.name]).config) for op in planner.layers
    ]
    assert predict_cycles(accelerator)[1] == max(paces) <= interval


def test_a_rate_that_memory_cannot_give_is_refused() -> None:
    with pytest.raises(ValueError) as error:
        Planner(GRAPH, DEVICE, memory="external").plan(70)
    assert str(error.value) == (
        "Interval of fc0 must be 72 cycles or more on ecp5-25k, its weights coming from external "
        "memory at 16 bytes a cycle, not 70"
    )
    graph = mlp(40, 40, 40, 40, 40, 40, 40, 40)
    with pytest.raises(ValueError) as error:
        Planner(graph, DEVICE, memory="external").plan(40)
    assert re.fullmatch(
        r"Interval of mlp must be \d+ cycles or more, in which memory gives all weights at 64 "
        "bytes a cycle, not 40",
        str(error.value),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": "tape"}, "Memory must be one of auto, on-chip, external, not 'tape'"),
        (
            {"memory": "external", "reloadable": True},
            "Weights in external memory must not be reloadable: choose one",
        ),
        (
            {"memory": "external", "engine": "unrolled"},
            "Weights in external memory must not be unrolled: choose one",
        ),
        (
            {"memory": "external", "foldings": {}},
            "Memory must not be named where foldings are given, not 'external'",
        ),
    ],
)
def test_refusals(options: dict, message: str, tmp_path) -> None:
    with pytest.raises(ValueError) as error:
        sterna.build(GRAPH, "ecp5-25k", tmp_path / "out", **options)
    assert str(error.value) == message


@pytest.mark.parametrize(("block", "queries"), [(3, 4), (16, 4), (48, 3)])
def test_pace_is_the_slower_of_engine_and_port(block: int, queries: int) -> None:
    config = SelectMatmulConfig(48, 48, IntegerRange(0, 3), TERNARY, 1, queries)
    config = replace(config, block_inputs=block)
    words = -(-config.row_count * config.row_elements * 2 // 128)
    assert streamed_interval(config) == max(config.row_count, words)


def test_what_is_read_often_stays() -> None:
    """Of layers that free equally much the one with the fewest vectors moves; one that frees
    nothing never does; and a small one that turns out not to be needed stays."""
    config = SelectFolding(16, 4).engine_config(
        ir.MatMul("fc", ("x",), np.ones((512, 512), np.int64), TERNARY, 1), IntegerRange(0, 3), None
    )
    small = replace(config, outputs=4)
    half = replace(config, outputs=256)
    layers = [
        StreamedLayer("conv", config, 64),
        StreamedLayer("tiny", small, 1),
        StreamedLayer("half", half, 1),
        StreamedLayer("fc", config, 1),
    ]
    whole = layers[3].relief(DEVICE).bram
    assert layers[1].relief(DEVICE).bram <= 0 < layers[2].relief(DEVICE).bram < whole
    assert to_stream(layers, {"bram": 1}, DEVICE) == ["fc"]
    assert to_stream(layers, {"bram": whole}, DEVICE) == ["fc"]
    assert to_stream(layers, {"bram": whole + 1}, DEVICE) == ["half", "fc"]
    assert to_stream(layers, {"bram": 2 * whole}, DEVICE) == ["conv", "fc"]
    assert to_stream(layers, {"bram": 1000}, DEVICE) == ["conv", "half", "fc"]
