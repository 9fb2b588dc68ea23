"""`sterna check`: what of a network is supported and whether it fits, without building anything.

An unsupported network lists every offending layer with the reason and what would work. A supported
one lists its integer operations as the hardware carries them out; with a target, also the planner's
choice and what it is estimated to cost.
"""

from __future__ import annotations

from rich.console import Console

from sterna.building import TOO_LARGE, predict_cycles, prepare
from sterna.folding import Folding, parameters_of
from sterna.ir import Graph, GroupMatMul, MatMul, Threshold
from sterna.ir.op import Op
from sterna.mapping import map_graph
from sterna.planner import Planner
from sterna.queues import size_queues
from sterna.unsupported import UnsupportedError
from sterna_hw.base import Device, find_device

from .models import load_model
from .tables import as_cell, print_table

__all__ = ["check_model"]


def check_model(
    model: str,
    target: str | None,
    console: Console,
    input_type: str | None = None,
    approximate: bool = False,
) -> None:
    """Print what a network is made of; with ``target``, how it would be folded there.

    Raises
    ------
    ValueError
        If the target is unknown, the network is not supported or does not fit.
    """
    device = find_device(target) if target is not None else None
    try:
        graph = prepare(load_model(model, input_type, approximate))
    except ValueError as error:
        cause = error if isinstance(error, UnsupportedError) else error.__cause__
        if isinstance(cause, UnsupportedError):
            rows = [(item.layer, item.reason, item.remedy) for item in cause.problems]
            print_table(console, "Not supported", ("layer", "reason", "what would work"), rows)
        raise
    _print_graph(graph, console)
    if device is not None:
        _print_plan(graph, device, console)


def _print_graph(graph: Graph, console: Console) -> None:
    rows = []
    for op in graph.ops:
        kind = graph.types[op.name]
        shape = "x".join(str(axis) for axis in kind.shape)
        note = graph.note(op.name)
        told = None if note is None else str(note)
        rows.append((op.name, op.kind, _details(op), shape, str(kind.range), told))
    heads = ("layer", "operation", "", "shape", "proven range", "floats became")
    differing = [note.layer for note in graph.notes if not note.is_exact]
    exact = f"not exact in {', '.join(differing)}" if differing else "exact"
    print_table(console, f"{graph.name}: supported, {exact}", heads, rows)


def _details(op: Op) -> str:
    if isinstance(op, MatMul | GroupMatMul):
        planes = f", {op.planes} planes" if op.planes > 1 else ""
        return f"{op.weights.size:,} weights, {op.alphabet.name}{planes}"
    if isinstance(op, Threshold):
        return f"{op.thresholds.shape[1]} thresholds a channel"
    return ""


def _print_plan(graph: Graph, device: Device, console: Console) -> None:
    planner = Planner(graph, device)
    foldings = planner.plan()
    queues = size_queues(graph, device, foldings)
    accelerator = map_graph(graph, device, foldings, queues=queues).accelerator
    latency, interval, _ = predict_cycles(accelerator)
    rows = [(name, folding.engine, _folding(folding)) for name, folding in foldings.items()]
    print_table(console, f"Folding on {device.name}", ("layer", "engine", "folding"), rows)
    if planner.external:
        console.print(
            f"Weights of {', '.join(sorted(planner.external))} come from external memory: "
            f"{TOO_LARGE}",
            highlight=False,
        )
    cost = accelerator.cost(device).as_dict()
    total = ", ".join(
        f"{as_cell(float(cost[kind]))} of {as_cell(float(device.total(kind)))} {kind.upper()}"
        for kind in ("lut", "ff", "bram", "uram", "dsp")
        if device.total(kind)
    )
    console.print(f"Estimated: {total}", highlight=False)
    rate = device.clock_mhz * 1e6 / interval
    console.print(
        f"Predicted: latency {latency:,} cycles, a frame each {interval:,} cycles "
        f"({rate:,.0f} a second at {device.clock_mhz:g} MHz)",
        highlight=False,
    )


def _folding(folding: Folding) -> str:
    return ", ".join(f"{key} {value}" for key, value in parameters_of(folding).items())
