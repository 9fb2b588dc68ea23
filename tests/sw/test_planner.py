"""The planner: reaches what is asked, no cheaper choice is left, refuses with a reason."""

from __future__ import annotations

import pytest

from sterna import ir
from sterna.folding import TableFolding
from sterna.mapping import map_graph
from sterna.planner import Budget, Planner, engine_interval
from sterna.queues import interval_of, size_queues
from sterna_hw.base import find_device

from .graphs import random_chain

DEVICE = find_device("ecp5-85k")


def layers_of(graph: ir.Graph) -> dict[str, ir.MatMul]:
    return {op.name: op for op in graph.ops if isinstance(op, ir.MatMul)}


@pytest.mark.parametrize("interval", [25, 60, 200])
@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_interval_is_reached_by_the_cheapest_candidates(seed: int, interval: int) -> None:
    graph = random_chain(seed, largest=10)
    planner = Planner(graph, DEVICE)
    chosen = planner.plan(interval)
    assert set(chosen) == set(layers_of(graph))
    for name, layer in layers_of(graph).items():
        options = planner.options(layer, Budget())
        reaching = [item for item in options if engine_interval(item.config) <= interval]
        assert reaching[0].folding == chosen[name]
    queues = size_queues(graph, DEVICE, chosen)
    accelerator = map_graph(graph, DEVICE, chosen, queues=queues).accelerator
    parts, links = accelerator.network()
    edges = max(accelerator.input_edge.beats, accelerator.output_edge.beats)
    gearboxes = max(part.busy_cycles for part in parts.values())
    assert interval_of(accelerator, parts, links) <= max(interval, edges, gearboxes)


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_a_larger_budget_is_never_slower(seed: int) -> None:
    graph = random_chain(seed, largest=12)

    def slowest(share: float) -> int:
        chosen = Planner(graph, DEVICE).plan(budget=Budget(lut=share))
        accelerator = map_graph(graph, DEVICE, chosen).accelerator
        assert accelerator.cost(DEVICE).lut <= share * DEVICE.lut
        return max(
            engine_interval(stage.part)  # type: ignore[arg-type]
            for stage in accelerator.stages
            if stage.weights is not None
        )

    assert slowest(0.5) <= slowest(0.08) <= slowest(0.06)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interval": 1}, "Interval of fc0 must be"),
        ({"budget": Budget(lut=0.001)}, "Design must fit the budget of ecp5-85k, not take"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:
        Planner(random_chain(1), DEVICE).plan(**arguments)
    assert message in str(error.value)


def test_budget_is_a_share() -> None:
    with pytest.raises(ValueError) as error:
        Budget(bram=1.5)
    assert str(error.value) == "Budget of bram must be above 0 and at most 1, not 1.5"


def test_any_count_up_to_the_layer_is_a_folding() -> None:
    graph = random_chain(2, layers=1, largest=9)
    (layer,) = layers_of(graph).values()
    outputs, inputs = layer.weights.shape
    for tables in range(1, inputs + 1):
        for queries in range(1, outputs + 1):
            map_graph(graph, DEVICE, {layer.name: TableFolding(1, tables, queries)})
    for beyond in (TableFolding(1, inputs + 1, 1), TableFolding(1, 1, outputs + 1)):
        with pytest.raises(ValueError, match=f"Folding of {layer.name}: "):
            map_graph(graph, DEVICE, {layer.name: beyond})
