"""The planner: reaches what is asked, no cheaper choice is left, refuses with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from sterna import ir
from sterna.budget import MODEST_LUT, Budget
from sterna.candidates import candidates
from sterna.folding import ENGINES, Folding, SelectFolding, TableFolding, UnrolledFolding
from sterna.mapping import map_graph
from sterna.planner import Planner, engine_interval
from sterna.queues import interval_of, size_queues
from sterna.stage_builder import edge_count
from sterna_hw.base import DEVICES, TERNARY, Cost, Device, find_device
from sterna_hw.gearbox import GearboxConfig

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
    given = edge_count(graph.types["x"].range)
    for name, layer in layers_of(graph).items():
        options = planner.options(layer, Budget(), given)
        reaching = [item for item in options if engine_interval(item.config) <= interval]
        assert reaching[0].folding == chosen[name]
        given = reaching[0].config.queries
    queues = size_queues(graph, DEVICE, chosen)
    accelerator = map_graph(graph, DEVICE, chosen, queues=queues).accelerator
    parts, links = accelerator.network()
    edges = max(accelerator.input_edge.beats, accelerator.output_edge.beats)
    gearboxes = max(part.busy_cycles for part in parts.values())
    assert interval_of(accelerator, parts, links) <= max(interval, edges, gearboxes)


@pytest.mark.parametrize("given", [3, 8])
@pytest.mark.parametrize("target", ["ecp5-85k", "xck26"])
@pytest.mark.parametrize("seed", range(3), ids=lambda seed: f"seed{seed}")
def test_options_hold_what_stands_around_them(seed: int, target: str, given: int) -> None:
    """The difference that the beats in front make is that of the gearboxes, and all the rest is
    what the mapped design is said to cost without its edges."""
    device = find_device(target)
    graph = random_chain(seed, layers=1, largest=40)
    (layer,) = layers_of(graph).values()
    entry = graph.types["x"]
    options = Planner(graph, device).options(layer, Budget(), given)
    for option in options[:: max(1, len(options) // 20)]:
        mapped = map_graph(graph, device, {layer.name: option.folding}).accelerator
        costs = mapped.costs(device)
        around = [f"{layer.name}_gearbox", "input_edge", "output_edge", "output_edge_gearbox"]
        plain = sum((c for n, c in costs.items() if n not in (*around, "control")), start=Cost())
        block = option.config.block_inputs
        if block != given:
            plain += GearboxConfig(entry.channels, entry.range, given, block).cost(device)
        assert option.cost.as_dict() == pytest.approx(plain.as_dict())


@pytest.mark.parametrize("given", [2, 3, 8])
@pytest.mark.parametrize("recommended", [SelectFolding(1, 1), TableFolding(3, 1, 1, True, 2)])
def test_some_blocks_fit_the_beats_in_front(recommended: Folding, given: int) -> None:
    layer = ir.MatMul("fc", ("x",), np.ones((4, 100), dtype=np.int64), TERNARY)
    plain = set(candidates(layer, recommended))
    found = set(candidates(layer, recommended, given=given))
    assert plain <= found
    group = 3 if isinstance(recommended, TableFolding) else 1
    extra = {
        item.tables * 3 if isinstance(item, TableFolding) else item.block_inputs
        for item in found - plain
        if not isinstance(item, UnrolledFolding)
    }
    # Every block of whole groups holds a whole number of beats when a beat is one group.
    assert bool(extra) == (given != group)
    assert all(block % given == 0 or given % block == 0 for block in extra)
    assert all(block % group == 0 and block < 100 + group for block in extra)


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


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_nothing_asked_gives_the_fastest_of_modest_size(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = random_chain(seed, largest=12)
    monkeypatch.setattr("sterna.budget.MODEST_LUT", 5_000)
    assert Planner(graph, DEVICE).plan() == Planner(graph, DEVICE).plan(
        budget=Budget(lut=5_000 / DEVICE.lut)
    )
    # Less than the network needs at any rate is an aim only, not a refusal.
    monkeypatch.setattr("sterna.budget.MODEST_LUT", 1)
    smallest = Planner(graph, DEVICE).plan()
    slowest = max(
        engine_interval(Planner(graph, DEVICE).options(layer, Budget())[0].config)
        for layer in layers_of(graph).values()
    )
    assert smallest == Planner(graph, DEVICE).plan(slowest)


@pytest.mark.parametrize("target", sorted(DEVICES))
def test_modest_never_exceeds_the_default_budget(target: str) -> None:
    device = find_device(target)
    assert Budget.modest(device).lut <= Budget().lut
    assert Budget.modest(device).lut * device.lut <= MODEST_LUT * (1 + 1e-9)


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


@pytest.mark.parametrize("target", ["ecp5-25k", "xck26"])
def test_a_budget_too_small_for_any_engine_is_refused_in_words(target: str) -> None:
    """The smallest folding is looked at even so: the refusal can say what it would take."""
    planner = Planner(random_chain(0, largest=10), find_device(target))
    with pytest.raises(ValueError, match=f"Design must fit the budget of {target}.* of 0 lut"):
        planner.plan(budget=Budget(lut=1e-7))


@pytest.mark.parametrize("target", ["ecp5-85k", "xck26"])
@pytest.mark.parametrize("interval", [1, 8, 60])
def test_every_layer_gets_its_cheapest_engine(target: str, interval: int) -> None:
    """Asked for any engine, no layer takes more of the device than with each one by itself."""
    device = find_device(target)
    graph = random_chain(2, layers=1, largest=12)
    (layer,) = layers_of(graph).values()
    given = edge_count(graph.types["x"].range)
    cheapest: dict[str, float] = {}
    for engine in ("auto", *ENGINES):
        options = Planner(graph, device, engine=engine).options(layer, Budget(), given)
        reaching = [item for item in options if engine_interval(item.config) <= interval]
        if reaching:
            cheapest[engine] = shares(reaching[0].cost, device)
    best = cheapest.pop("auto")
    assert best == min(cheapest.values()) and "unrolled" in cheapest
    (chosen,) = Planner(graph, device, engine="auto").plan(interval).values()
    assert cheapest[chosen.engine] == best


def shares(cost: Cost, device: Device) -> float:
    kinds = (kind for kind in ("lut", "ff", "bram", "uram", "dsp") if device.total(kind))
    return sum(getattr(cost, kind) / device.total(kind) for kind in kinds)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_engine_for_all_layers(engine: str) -> None:
    graph = random_chain(4, largest=8)
    chosen = Planner(graph, DEVICE, engine=engine).plan(100)
    assert {folding.engine for folding in chosen.values()} == {engine}
    accelerator = map_graph(graph, DEVICE, chosen).accelerator
    for stage in accelerator.stages:
        stage.check_weights()


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        Planner(random_chain(1), DEVICE, engine="magic")
    text = "Engine must be one of recommended, auto, table, select, mac, unrolled, not 'magic'"
    assert str(caught.value) == text


def test_unrolled_weights_cannot_be_loaded() -> None:
    graph = random_chain(1, layers=1)
    with pytest.raises(ValueError, match="must not be unrolled where weights can be loaded"):
        Planner(graph, DEVICE, reloadable=True, engine="unrolled").plan(100)
    (chosen,) = Planner(graph, DEVICE, reloadable=True, engine="auto").plan(1).values()
    assert chosen.engine != "unrolled"
