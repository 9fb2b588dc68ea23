"""Folders that pages are made of: builds at several states, and an exploration, all small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sterna_flows
from sterna.decoder.building import build_decoder
from sterna.decoder.design import DecoderDesign
from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.hardware import DecoderHardware
from sterna.decoder.source import DecoderSource
from sterna_flows.decoder_schedule import Timeline, estimated_timeline, write_schedule
from sterna_flows.models import load_model
from sterna_flows.report_file import extend_report, read_report
from tests.sw.branch_graphs import random_branches
from tests.sw.decoder.random_decoder import TINY

NETWORK = "digits_int4_mlp"


def build_network(folder: Path) -> Path:
    """A network of the zoo, only built."""
    sterna_flows.build(load_model(NETWORK), target="ecp5-25k", out=folder, interval=200)
    return folder


def build_branches(folder: Path) -> Path:
    """A network with branches, which is not in the zoo, only built."""
    sterna_flows.build(random_branches(4, False), target="ecp5-85k", out=folder, interval=60)
    return folder


def build_small_decoder(folder: Path) -> Path:
    """A decoder with random weights, only built."""
    hardware = DecoderHardware(
        ports=1,
        lanes=2,
        tables=8,
        queries=4,
        prefetch_words=64,
        burst_beats=16,
        large_style="block",
    )
    source = DecoderSource("synthetic:tiny", shape=TINY, seed=3)
    build_decoder(source, "xck26", folder, hardware=hardware)
    return folder


def add_results(folder: Path, difference: int = 0) -> None:
    """What simulation, synthesis and placement would add to a network's report; ``difference`` is
    that of the simulated interval, and as many words differ."""
    report = read_report(folder)
    cycles = {
        name: {"simulated": found["predicted"] + (difference if name == "interval" else 0)}
        for name, found in report["cycles"].items()
    }
    run = {"seed": 0, "frames": 4, "words": 40, "cycles": 900, "problems": []}
    estimated = report["estimated"]
    results: dict[str, Any] = {
        "cycles": cycles,
        "exact": {"words": 80, "mismatches": difference},
        "simulation": [
            {"profile": "none", "mismatches": 0, **run},
            {"profile": "bursts", "mismatches": difference, **run},
        ],
        "resources": {**estimated, "lut": estimated["lut"] + 321, "source": "Yosys 0.70"},
        "fmax_mhz": 143.5,
        "place_and_route": {
            "target_mhz": 200,
            "path": "register to register",
            "critical_path": [],
            "used": {},
            "bitstream": None,
            "source": "nextpnr, seed 1",
        },
    }
    extend_report(folder, results)


def add_decoder_run(folder: Path) -> Timeline:
    """What a simulation would leave: one run, and a token's schedule with requests to memory."""
    design, report = DecoderDesign(folder), read_report(folder)
    cycles = report["cycles"]
    simulated = {
        name: {**cycles[name], "simulated": cycles[name]["predicted"] + 1}
        for name in ("latency", "interval")
    }
    run = {
        "memory": "none",
        "prompt": cycles["prompt"],
        "tokens": cycles["tokens"],
        "cycles": {"busy_cycles": 1234},
        "token_cycles": [1000, 1234],
        "vectors": 50,
        "logits": 60,
        "problem": None,
    }
    exact = {"words": 110, "mismatches": 0}
    extend_report(folder, {"cycles": simulated, "exact": exact, "simulation": [run]})
    core = design.config.core
    token = DecoderEstimate(core, design.hardware.memory_timing).run(1, 2, 3).passes[-1]
    asked = tuple((100 * step, 6400 * step) for step in range(1, 8))
    bars = estimated_timeline(token, core).bars
    timeline = Timeline(bars, asked, 16.0)
    write_schedule(folder, timeline, {"memory": "none", "position": 4})
    return timeline


def write_exploration(
    folder: Path, objectives: tuple[str, ...] = ("throughput", "lut"), copies: int = 1
) -> None:
    """An exploration of eight points, or of copies of these: three on the frontier, one of them
    measured; one that does not fit, and one that is no design."""
    points = []
    for number in range(8):
        interval = 2000 // (number + 1)
        figures = {
            "interval": interval,
            "latency": 3 * interval,
            "throughput": 125e6 / interval,
            "lut": 1000 * (number + 1),
            "ff": 900 * (number + 1),
            "bram": 4.0,
            "uram": 0,
            "dsp": 0,
            "energy": 10.0 + number,
            "accuracy": None,
        }
        points.append(
            {
                "number": number,
                "feasible": number < 6,
                "parameters": {"interval": interval, "hidden": "table <&>"},
                "figures": figures if number < 7 else None,
                "excess": -0.5,
                "problem": "",
                "design": {},
            }
        )
    measured = {
        "interval": 1000,
        "latency": 3000,
        "lut": 2100,
        "ff": 1800,
        "bram": 4,
        "uram": 0,
        "dsp": 0,
        "words": 160,
        "mismatches": 0,
        "source": "Yosys 0.70",
        "folder": "verified/0001",
    }
    frontier = [number + 8 * copy for copy in range(copies) for number in (0, 1, 3)]
    points = [
        {**point, "number": point["number"] + 8 * copy}
        for copy in range(copies)
        for point in points
    ]
    record = {
        "exploration_version": 1,
        "model": NETWORK,
        "target": "ecp5-25k",
        "clock_mhz": 125.0,
        "objectives": list(objectives),
        "points": points,
        "frontier": frontier,
        "measured": {"1": measured},
        "measured_frontier": [1],
    }
    folder.mkdir(exist_ok=True)
    (folder / "exploration.json").write_text(json.dumps(record))
