"""A case from a seed: a network of a few operations, folded at random.

Half of the cases have the queues that a build would give them, the others any; each is played
without stalls and under a random profile. Designs that would take long to simulate are drawn
again with another folding, so a case costs a few seconds.
"""

from __future__ import annotations

import numpy as np

from sterna.building import prepare
from sterna.folding import Folding
from sterna.ir import Graph, InputEdge, MatMul, OutputEdge, Table, TopK
from sterna.queues import size_queues
from sterna_hw.base import find_device
from sterna_sim.stalls import PROFILES

from .case import Case
from .draft import Draft
from .examine import mapped_design
from .op_makers import MAKERS, narrow
from .random_folding import random_folding, widest_folding

__all__ = ["random_case", "random_graph"]

FRAMES = 3
TARGETS = ("ecp5-25k", "xc7z020", "xck26")
LONGEST = 160
"""Cycles without stalls that a case should take."""

LONGEST_CHAIN = 8
"""No draws beyond so many operations."""

TRIES = 12
"""Foldings drawn for that; then all layers work on as much at once as they can."""


def random_graph(seed: int) -> Graph:
    """A network of two to seven draws from the table of makers."""
    draft = Draft(np.random.default_rng([seed, 0]))
    draft.begin(image=bool(draft.number(0, 2)))
    for _ in range(draft.number(2, 6)):
        if len(draft.ops) > LONGEST_CHAIN:
            break
        if draft.width_left < 0:
            narrow(draft)
            continue
        fitting = [maker for maker in MAKERS if maker.fits(draft)]
        weights = np.array([maker.weight for maker in fitting], dtype=float)
        chosen = draft.generator.choice(len(fitting), p=weights / weights.sum())
        fitting[chosen].make(draft)
    if not draft.is_image and draft.kind.size > 1 and draft.number(0, 2) == 0:
        best = draft.number(1, min(3, draft.kind.size))
        draft.add(TopK(draft.name("best"), (draft.tip,), best))
    edges = {draft.tip: OutputEdge(1.0)}
    return Graph(f"fuzz{seed}", tuple(draft.ops), {"x": InputEdge(1.0)}, edges)


def random_case(seed: int) -> Case:
    """The case of a seed."""
    graph = random_graph(seed)
    generator = np.random.default_rng([seed, 1])
    layers = [op for op in prepare(graph).ops if isinstance(op, MatMul)]
    target = TARGETS[generator.integers(len(TARGETS))]
    # Tables stand for the ranges of the weights they were made with.
    has_table = any(isinstance(op, Table) for op in graph.ops)
    reloadable = bool(generator.integers(4) == 0) and not has_table
    stalls = [name for name in PROFILES if name != "none"]
    profiles = ("none", str(generator.choice(stalls)))
    foldings: dict[str, Folding] = {}
    try:
        for attempt in range(TRIES + 1):
            draw = random_folding if attempt < TRIES else widest_folding
            foldings = {op.name: draw(generator, op, reloadable) for op in layers}
            case = Case(graph, foldings, {}, target, reloadable, profiles, FRAMES, seed)
            if _least_cycles(case) * FRAMES <= LONGEST:
                break
        queues = {op.name: int(generator.integers(0, 5)) for op in layers[1:]}
        # Branches that meet need their queues, or nothing would move.
        if generator.integers(2) or any(len(op.inputs) > 1 for op in graph.ops):
            queues = size_queues(prepare(graph), find_device(target), foldings, reloadable)
    except ValueError:
        # Refused: for `examine` to find and tell.
        queues = {}
    queues = {name: rows for name, rows in queues.items() if rows}
    return Case(graph, foldings, queues, target, reloadable, profiles, FRAMES, seed)


def _least_cycles(case: Case) -> int:
    """Cycles of a frame at least: those of its busiest part."""
    stages = mapped_design(case).accelerator.stages
    vectors = max(kind.vectors for kind in case.graph.types.values())
    return max(stage.part.timing().busy_cycles for stage in stages) * vectors
