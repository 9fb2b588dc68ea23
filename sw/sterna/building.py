"""From a graph to a folder of Verilog, memory contents, constraints and figures.

`build` prepares the graph for hardware, chooses foldings (or takes given ones), maps it, runs the
exact cycle model over the mapped parts' timings, and writes the folder in one step: it is made
beside its place and renamed when complete, so nothing half-written is ever seen. The build hash in
the registers is taken from the graph, the foldings and the options, so it names what was built and
nothing else.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.base import Cost, Device, find_device
from sterna_hw.group_matmul import GroupMatmulConfig
from sterna_hw.registers import driver_table
from sterna_hw.stage import Stage, port_shape
from sterna_hw.verilog import emit

from .constraints import write_constraints
from .cycles import Network, NetworkTimes, simulate_network
from .design import DESIGN_VERSION, Design
from .folding import LayerFolding, as_record, parameters_of
from .ir import Graph, GroupMatMul, MatMul, TopK, print_graph
from .mapping import MappedDesign, map_graph
from .occupation import ideal_cycles, occupied_cycles
from .output_folder import fresh_folder
from .passes import drop_identity, select_label
from .planner import Budget, Planner
from .queues import check_queues, size_queues
from .weight_image import IMAGE_FILE, image_bytes, memory_record, settling_cycles

__all__ = ["TOO_LARGE", "build", "predict_cycles", "prepare"]

FRAMES = 4
"""Frames run through the cycle model; the interval is that of the last two."""

ASKED = "asked for"
TOO_LARGE = "the device's memories do not hold all weights"
"""Why weights come from external memory."""

SLOWEST = 1e15
"""Cycles between frames that no lower rate exceeds."""


def build(
    graph: Graph,
    target: str,
    out: str | Path,
    *,
    foldings: Mapping[str, LayerFolding] | None = None,
    frames_per_second: float | None = None,
    interval: int | None = None,
    clock_mhz: float | None = None,
    budget: Budget | None = None,
    top_k: int | None = None,
    reloadable: bool = False,
    queues: Mapping[str, int] | None = None,
    engine: str = "recommended",
    memory: str = "auto",
) -> Design:
    """Builds an accelerator.

    Parameters
    ----------
    graph : :class:`Graph`
        The network, as `sterna.load` or `sterna.from_brevitas` gives it.
    target : :class:`str`
        Name of the device.
    out : path
        Folder to make; an earlier build there is replaced.
    foldings : mapping, optional
        Folding of each matmul layer, and of grouped layers if wished; without it the planner
        chooses.
    frames_per_second, interval : optional
        What the planner must reach (at ``clock_mhz``); without either, the fastest that the budget
        allows, and without a budget one of modest size (`Budget.modest`).
    clock_mhz : optional
        Clock of figures and constraints; the device's usual one by default.
    budget : :class:`Budget`, optional
        Share of the device that the planner may take.
    top_k : optional
        End in the k best classes, (index, value) pairs, instead of all outputs.
    reloadable : :class:`bool`
        Weights and thresholds can be loaded over AXI4-Lite at run time.
    queues : mapping, optional
        Rows of the queues by place (`sterna.mapping.queue_places`); without it, the shallowest that
        keep the pace.
    engine : :class:`str`
        What the planner may choose: ``recommended`` for the device's family, ``auto`` for the
        cheapest engine of each layer, or one engine for all layers by its name.
    memory : :class:`str`
        Where the planner may have weights: ``on-chip``, ``external`` (memory behind AXI4 ports, for
        all layers that can), or ``auto``: external where the device's memories do not hold them.

    Raises
    ------
    ValueError
        If the target is unknown, the folder cannot be written, or the network does not fit.
    """
    device = find_device(target)
    clock = float(device.clock_mhz if clock_mhz is None else clock_mhz)
    if not 0 < clock < math.inf:
        raise ValueError(f"Clock must be above 0 MHz, not {clock_mhz!r}")
    if frames_per_second is not None:
        if not 0 < frames_per_second < math.inf:
            raise ValueError(f"Frames per second must be above 0, not {frames_per_second!r}")
        interval = int(min(clock * 1e6 / frames_per_second, SLOWEST))
    hardware = prepare(graph, top_k)
    if foldings is not None and engine != "recommended":
        raise ValueError(f"Engine must not be named where foldings are given, not {engine!r}")
    if foldings is not None and memory != "auto":
        raise ValueError(f"Memory must not be named where foldings are given, not {memory!r}")
    reason = ASKED
    if foldings is None:
        reason = ASKED if memory == "external" else TOO_LARGE
        foldings = Planner(hardware, device, reloadable, engine, memory).plan(interval, budget)
    build_hash = _hash(hardware, foldings, device, reloadable, queues)
    if queues is None:
        queues = size_queues(hardware, device, foldings, reloadable)
    else:
        check_queues(hardware, device, foldings, queues, reloadable)
    mapped = map_graph(
        hardware, device, foldings, reloadable=reloadable, build_hash=build_hash, queues=queues
    )
    files = emit(mapped.accelerator.create(), mapped.accelerator.name)
    times = predict_cycles(mapped.accelerator)
    with fresh_folder(Path(out), mark="design.json") as folder:
        for name, text in files.items():
            (folder / name).write_text(text)
        sources = [name for name in files if name.endswith(".v")]
        (folder / "sources.f").write_text("".join(f"{name}\n" for name in sources))
        image = _image(mapped, times[1], reason, folder)
        (folder / "graph.sterna").write_text(print_graph(hardware))
        _write_json(folder / "folding.json", as_record(foldings))
        _write_json(folder / "queues.json", dict(queues))
        design = _design_record(mapped, device, clock, times, build_hash)
        _write_json(folder / "design.json", {**design, **image})
        write_constraints(folder, mapped.accelerator.name, device, clock)
        names = sorted([*(path.name for path in folder.iterdir()), "report.json"])
        report = _report(mapped, device, clock, times, names, foldings)
        _write_json(folder / "report.json", {**report, **image})
    return Design(Path(out))


def prepare(graph: Graph, top_k: int | None = None) -> Graph:
    """The graph as hardware carries it out: label stage added, what has no effect dropped.

    Raises
    ------
    ValueError
        If the graph ends in a label stage already, and it is another one.
    """
    label = next((op.k for op in graph.ops if isinstance(op, TopK)), None)
    if label is not None and top_k not in (None, label):
        raise ValueError(f"Best classes must be {label}, as in {graph.name} already, not {top_k}")
    if label is None and top_k is not None:
        graph = select_label(graph, top_k)
    return drop_identity(graph)


def predict_cycles(accelerator: AcceleratorConfig) -> tuple[int, int, NetworkTimes]:
    """Latency and interval in cycles, and the times of all beats, by the exact cycle model.

    Latency is from the first accepted input beat to the last output beat of the first frame, both
    cycles counted from 0; interval is between the last output beats of the last two of
    `FRAMES` frames. Source always valid, sink always ready. Where weights come from external
    memory (fixed latency, always ready), frames begin when all that is read ahead is there.
    """
    parts, links = accelerator.network()
    beats, start = accelerator.input_edge.beats * FRAMES, settling_cycles(accelerator)
    times = simulate_network(Network(parts, links), {("input_edge", "i"): beats}, start)
    accepted = times.transfers["input_edge", "i"]
    per_frame = accelerator.output_edge.beats
    last = times.transfers["output_edge", "o"][per_frame - 1 :: per_frame]
    return int(last[0] - accepted[0]), int(last[-1] - last[-2]), times


def _image(mapped: MappedDesign, interval: int, reason: str, folder: Path) -> dict[str, Any]:
    """Writes the image of streamed weights; what the records say of it, or nothing."""
    accelerator = mapped.accelerator
    if not accelerator.streams:
        return {}
    path = folder / IMAGE_FILE
    path.write_bytes(image_bytes(accelerator))
    types = mapped.graph.types
    passes = {op.name: types[op.name].vectors for op in mapped.graph.ops if isinstance(op, MatMul)}
    record = memory_record(accelerator, mapped.layers, passes, interval, path)
    return {"memory": {"reason": reason, **record}}


def _hash(
    graph: Graph,
    foldings: Mapping[str, LayerFolding],
    device: Device,
    reloadable: bool,
    queues: Mapping[str, int] | None,
) -> int:
    chosen: list[Any] = [as_record(foldings), device.name, reloadable]
    if queues is not None:
        chosen.append(dict(queues))
    options = json.dumps(chosen, sort_keys=True)
    digest = hashlib.sha256((print_graph(graph) + options).encode()).digest()
    return int.from_bytes(digest[:4], "little")


def _write_json(path: Path, record: Any) -> None:
    path.write_text(json.dumps(record, indent=2) + "\n")


def _design_record(
    mapped: MappedDesign,
    device: Device,
    clock: float,
    cycles: tuple[int, int, NetworkTimes],
    build_hash: int,
) -> dict[str, Any]:
    accelerator = mapped.accelerator

    def edge(config: Any) -> dict[str, Any]:
        values = config.values
        return {
            "elements": config.elements,
            "range": [values.low, values.high],
            "count": config.count,
            "bytes": config.bytes,
            "beats": config.beats,
        }

    stages = []
    for stage in accelerator.stages:
        # All outputs of a fork carry the same, so one of them tells all.
        port = stage.outputs[0]
        given = port_shape(stage.part, port)
        stages.append(
            {
                "name": stage.name,
                **({} if port == "o" else {"port": port}),
                "layer": mapped.layers.get(stage.name),
                "kind": type(stage.part).__name__.removesuffix("Config"),
                "elements": given.elements,
                "range": [given.values.low, given.values.high],
                "count": given.count,
            }
        )
    return {
        "version": DESIGN_VERSION,
        "name": accelerator.name,
        "model": mapped.graph.name,
        "target": device.name,
        "clock_mhz": clock,
        "build_hash": f"{build_hash:08x}",
        "reloadable": mapped.reloadable,
        "input": edge(accelerator.input_edge),
        "output": edge(accelerator.output_edge),
        "stages": stages,
        "links": [[producer, consumer] for (producer, _), (consumer, _) in accelerator.all_links],
        "memories": [asdict(memory) for memory in accelerator.memories()],
        "cycles": {"latency": cycles[0], "interval": cycles[1]},
        "registers": driver_table(accelerator.registers),
    }


def _parallelism(stage: Stage, folding: LayerFolding | None) -> dict[str, int]:
    """A folding's numbers; of a part that has none, what it does at once."""
    if isinstance(stage.part, GroupMatmulConfig):
        return {"beat_groups": stage.part.beat_groups, "queries": stage.part.queries}
    if folding is None:
        return {"count": port_shape(stage.part, stage.outputs[0]).count}
    known = parameters_of(folding)
    return {key: int(value) for key, value in known.items() if not isinstance(value, str)}


def _report(
    mapped: MappedDesign,
    device: Device,
    clock: float,
    cycles: tuple[int, int, NetworkTimes],
    files: list[str],
    foldings: Mapping[str, LayerFolding],
) -> dict[str, Any]:
    accelerator = mapped.accelerator
    costs = accelerator.costs(device)
    occupied = occupied_cycles(accelerator.network()[0], cycles[2], FRAMES)
    layers = []
    for stage in accelerator.stages:
        cost = costs[stage.name] + costs.get(f"{stage.name}_weights", Cost())
        layer = mapped.layers.get(stage.name)
        folding = foldings.get(layer or "")
        op = mapped.graph[layer] if layer else None
        busy = occupied[stage.name]
        entry: dict[str, Any] = {
            "name": layer or stage.name,
            "engine": type(stage.part).__name__.removesuffix("Config"),
            "parallelism": _parallelism(stage, folding),
            "cycles": busy,
            "idle": round(1 - busy / cycles[1], 4),
            "estimated": cost.as_dict(),
        }
        if layer is not None and (note := mapped.graph.note(layer)) is not None:
            told = {"form": note.form, "agreement": note.agreement}
            entry["import"] = told | ({"error_bound": note.error_bound} if note.error_bound else {})
        if isinstance(op, MatMul | GroupMatMul):
            entry["weights"] = {"count": int(np.size(op.weights)), "alphabet": op.alphabet.name}
            ideal = ideal_cycles(stage.part, mapped.graph.types[op.name].vectors)
            assert ideal is not None
            entry["ideal"] = round(ideal, 2)
        layers.append(entry)
    return {
        "report_version": 1,
        "model": mapped.graph.name,
        "target": device.name,
        "top": accelerator.name,
        "clock_mhz": clock,
        "layers": layers,
        "cycles": {"latency": {"predicted": cycles[0]}, "interval": {"predicted": cycles[1]}},
        "estimated": accelerator.cost(device).as_dict(),
        "files": files,
    }
