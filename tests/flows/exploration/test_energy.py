"""The energy proxy: prices as published, counts as the engines work."""

from __future__ import annotations

import pytest

from sterna.building import FRAMES, predict_cycles
from sterna.folding import Folding, MacFolding, SelectFolding, TableFolding, UnrolledFolding
from sterna.ir import Graph
from sterna.mapping import map_graph
from sterna_flows.exploration.energy import BIT_OPERATION, DRAM_BIT, frame_energy, memory_bit
from sterna_hw.base import find_device

from ...sw.graphs import random_chain

DEVICE = find_device("xck26")


def energy_of(graph: Graph, folding: Folding) -> float:
    accelerator = map_graph(graph, DEVICE, {"fc0": folding}, contents=False).accelerator
    times = predict_cycles(accelerator)[2]
    beats = {
        stage.name: len(times.transfers[stage.name, "o"]) // FRAMES for stage in accelerator.stages
    }
    return frame_energy(accelerator, beats, DEVICE)


def test_prices_are_those_of_the_table() -> None:
    """Horowitz: 32-bit addition 0.1 pJ, multiplication 3.1 pJ; 64 bits of DRAM at least 1.3 nJ.
    A block memory is smaller than the 8 KB of 0.156 pJ a bit, an UltraRAM larger."""
    assert 32 * BIT_OPERATION == pytest.approx(0.1)
    assert 32 * 32 * BIT_OPERATION == pytest.approx(3.1, rel=0.05)
    assert 64 * DRAM_BIT == pytest.approx(1300)
    order = [memory_bit(style, DEVICE) for style in ("distributed", "block", "ultra")]
    assert order == sorted(order)
    assert order[1] < 10 / 64 < order[2] == pytest.approx(20 / 64, rel=0.1)


@pytest.mark.parametrize("seed", [0, 3], ids=lambda seed: f"seed{seed}")
def test_work_that_is_shared_is_counted_once(seed: int) -> None:
    """Tables are filled once for all outputs, so more queries at once change little; an engine
    that multiplies spends more than one that selects; nothing is free."""
    graph = random_chain(seed, layers=1, largest=12, logits=False)
    outputs = graph["fc0"].weights.shape[0]  # type: ignore[attr-defined]
    engines = [SelectFolding(1, 1), SelectFolding(1, outputs), MacFolding(1, 1, 27)]
    select, wide, mac = (energy_of(graph, folding) for folding in engines)
    assert 0 < select and 0 < wide < 2 * select
    assert mac > 0
    if outputs > 1:
        fold = graph["fc0"].alphabet.symmetric  # type: ignore[attr-defined]
        once = energy_of(graph, TableFolding(1, 1, outputs, fold, 1))
        assert 0 < once
    assert energy_of(graph, UnrolledFolding(operands=3)) > 0
