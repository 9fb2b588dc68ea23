"""`sterna demo`: the main job on a committed, really trained network, from file to checked Verilog.

Takes the ternary digit classifier of the zoo, measures the golden model's accuracy on the whole
test set, builds the accelerator with a label stage at its end, runs real test digits through its
Verilog under every stall profile, counts its resources, and shows the digits with the labels that
came out.
Nothing here is special to the demonstration but the choice of the network: every step is the
function behind the command of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sterna
from sterna_models import zoo
from sterna_sim.simulation_result import SimulationResult

from .build_flow import build_with_regression
from .picture import draw_images
from .report_file import read_report
from .simulation import simulate
from .synthesis import synthesise_design

__all__ = ["MODEL", "Demonstration", "run_demo"]

MODEL = "digits_ternary_mlp"

INTERVAL = 1500
"""Cycles between frames that the planner is asked for: an accelerator of a size that is placed in
minutes, not one that fills the device."""


@dataclass(frozen=True)
class Demonstration:
    """What the demo found: accuracy of the golden model on the whole test set (a share), how many
    samples that was, the digits as text, the runs, and the build's report."""

    accuracy: float
    samples: int
    picture: str
    runs: list[SimulationResult]
    report: dict[str, Any]


def run_demo(
    out: Path,
    *,
    target: str = "ecp5-85k",
    count: int = 32,
    pnr: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Demonstration:
    """Run the demo in the folder ``out``; ``tell`` is told what is going on.

    Raises
    ------
    ValueError
        If the target is unknown, the folder cannot be written, or there are not as many digits.
    ToolError, SimulatorError
        If a tool is missing or fails.
    """
    images, labels = zoo.test_set(MODEL)
    if not 1 <= count <= len(images):
        raise ValueError(f"Digits must be 1 to {len(images)}, not {count!r}")
    graph = sterna.load(zoo.path(MODEL))
    design = build_with_regression(graph, target, out, top_k=1, interval=INTERVAL)
    tell(f"Built {MODEL} for {target}")
    tell(f"Golden model on {len(images):,} test digits")
    found = graph.run(images).reshape(len(images), -1).argmax(axis=1)
    tell(f"Compiling the simulation; then {count} digits under every stall profile")
    runs = simulate(
        design,
        images[:count].astype(np.float64),
        profiles=["all"],
        progress=lambda done, total: tell(f"Simulating digit {done} of {total}"),
    )
    synthesise_design(out, pnr, progress=tell)
    side = round(images[0].size ** 0.5)
    captions = [
        f"{label} ({'right' if label == true else f'is {true}'})"
        for label, true in zip(found[:count], labels[:count])
    ]
    picture = draw_images(images[:count].reshape(-1, side, side), captions, columns=120)
    accuracy = float((found == labels).mean())
    return Demonstration(accuracy, len(images), picture, runs, read_report(out))
