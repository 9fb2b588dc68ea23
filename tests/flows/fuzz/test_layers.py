"""Each type of layer alone: golden model equal to the simulation, cycle model to its cycles."""

from __future__ import annotations

from pathlib import Path

import pytest

import sterna
from sterna.building import prepare
from sterna.ir import Graph
from sterna.planner import Planner
from sterna.queues import size_queues
from sterna_flows.fuzz.case import Case
from sterna_flows.fuzz.examine import examine
from sterna_hw.base import find_device

from .layer_files import LAYERS, write_layer

TARGET = "ecp5-25k"


def check(graph: Graph) -> None:
    """Every element of every stream, under stalls too; every cycle without."""
    device = find_device(TARGET)
    foldings = Planner(graph, device).plan()
    queues = size_queues(graph, device, foldings)
    assert examine(Case(graph, foldings, queues, TARGET, False, ("none", "bursts"), 3, 0)) is None


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str, tmp_path: Path) -> None:
    check(prepare(sterna.load(write_layer(name, tmp_path))))


@pytest.mark.parametrize("name", ["uint8", "uint8/255"])
def test_pixels(name: str, tmp_path: Path) -> None:
    """Integers as they come, in front of the quantiser of the network's input."""
    check(prepare(sterna.load(write_layer("conv2d", tmp_path), input_type=name)))


@pytest.mark.parametrize("k", [1, 3])
def test_labels(k: int, tmp_path: Path) -> None:
    check(prepare(sterna.load(write_layer("linear", tmp_path)), k))
