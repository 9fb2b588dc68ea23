"""Roofline: rates of multiply-accumulates against what the memory, the edges and the engines allow.

Over the bytes that must move for each multiply-accumulate stand two ceilings: what the edges (of a
streaming accelerator, its AXI4-Stream beats) or the memory (of a decoder) can feed, and what the
engines can do if they never wait. Of a streaming accelerator the layers have points too, by the
bytes of their own streams, each with what its own engine could do. Only the weights' products
count, of decoders only those of the ternary matrices. `roofline_section` draws it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sterna.ir import GroupMatMul, MatMul

from ..decoder_estimate import Workload, estimate_decoder
from .facts import Facts

__all__ = [
    "GIGA",
    "Roofline",
    "RooflinePoint",
    "decoder_roofline",
    "streaming_roofline",
]

GIGA = 1e9


@dataclass(frozen=True)
class RooflinePoint:
    """A rate: multiply-accumulates a byte, those a second, where it comes from; ``peak`` is what
    its own engine could do, for a layer."""

    name: str
    intensity: float
    rate: float
    source: str
    peak: float | None = None


@dataclass(frozen=True)
class Roofline:
    """Bytes a second, the engines' multiply-accumulates a second, and the points below them."""

    feed: str
    bytes_per_second: float
    peak: float
    points: tuple[RooflinePoint, ...]

    def ceiling(self, intensity: float) -> float:
        """The rate that nothing at this intensity can exceed."""
        return min(self.peak, self.bytes_per_second * intensity)


def streaming_roofline(facts: Facts) -> Roofline:
    """Of a streaming accelerator."""
    report, record, graph = facts.report, facts.design.record, facts.design.graph
    clock = facts.clock_mhz * 1e6
    intervals = {
        source: report["cycles"]["interval"][source]
        for source in ("predicted", "simulated")
        if source in report["cycles"]["interval"]
    }
    points, peak, total = [], 0.0, 0
    for layer in report["layers"]:
        op = next((op for op in graph.ops if op.name == layer["name"]), None)
        if not isinstance(op, MatMul | GroupMatMul):
            continue
        given, taken = graph.types[op.name], graph.types[op.inputs[0]]
        count = int(np.size(op.weights)) * given.vectors
        moved = sum(kind.size * kind.range.width / 8 for kind in (given, taken))
        own = count / layer["cycles"] * clock
        rate = count / intervals["predicted"] * clock
        points.append(RooflinePoint(layer["name"], count / moved, rate, "predicted", own))
        peak, total = peak + own, total + count
    edges = [record[side]["bytes"] * record[side]["beats"] for side in ("input", "output")]
    intensity = total / sum(edges)
    points += [
        RooflinePoint("whole network", intensity, total / cycles * clock, source)
        for source, cycles in intervals.items()
    ]
    # Both edges work at the same time: a frame takes as long as the one with more beats.
    beats = max(record[side]["beats"] for side in ("input", "output"))
    return Roofline("AXI4-Stream edges", sum(edges) / beats * clock, peak, tuple(points))


def decoder_roofline(facts: Facts) -> Roofline:
    """Of a decoder: the prompt's passes and a token behind it, estimated; simulated tokens."""
    design, report = facts.decoder, facts.report
    shape, hardware = design.model.shape, design.hardware
    clock = facts.clock_mhz * 1e6
    cycles = report["cycles"]
    record = estimate_decoder(
        facts.model,
        shape,
        facts.target,
        hardware,
        Workload(facts.clock_mhz, prompt=cycles["prompt"]),
    )
    per_token = shape.ternary_count
    points = [
        RooflinePoint(
            f"prompt of {phase['tokens']} tokens"
            if phase["name"] == "prefill"
            else f"token at position {phase['position']}",
            per_token * phase["tokens"] / phase["bytes"],
            per_token * phase["tokens"] * clock / phase["cycles"],
            "estimated",
        )
        for phase in record["phases"]
    ]
    memory = "" if cycles["memory"] == "none" else f", memory {cycles['memory']}"
    prefill = record["phases"][0]
    simulated = cycles["latency"].get("simulated")
    if simulated is not None:
        name, count = f"prompt of {prefill['tokens']} tokens{memory}", prefill["tokens"]
        intensity = per_token * count / prefill["bytes"]
        rate = per_token * count * clock / simulated
        points.append(RooflinePoint(name, intensity, rate, "simulated"))
    simulated = cycles.get("interval", {}).get("simulated")
    if simulated is not None:
        middle = cycles["prompt"] + cycles["tokens"] // 2
        moved = design.layout.token_bytes(min(middle, shape.context - 1))
        behind = cycles["tokens"] - 1
        name = f"{behind} tokens behind the prompt, mean" if behind > 1 else "token after the first"
        name += memory
        points.append(
            RooflinePoint(name, per_token / moved, per_token * clock / simulated, "simulated")
        )
    bandwidth = record["memory"]["gigabytes_per_second"] * GIGA
    core = design.config.core
    peak = core.lanes * core.tables * core.group * core.queries * clock
    where = "on the chip" if hardware.memory == "on-chip" else "behind the ports"
    return Roofline(f"memory {where}", bandwidth, peak, tuple(points))
