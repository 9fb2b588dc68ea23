"""What a build folder carries for hosts: `driver.json` and a copy of the driver, `sterna_driver`.

The record holds what the driver must know of one design and nothing of how it was made: the table
of registers, the edges with their scales, or a decoder's memory image. Everything in it is taken
from the design's own description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from sterna_hw.decoder.decoder_map import DECODER_COUNTERS
from sterna_hw.register_map import COUNTERS

from .decoder.design import DecoderDesign
from .design import Design
from .driver.record import RECORD_FILE, RECORD_VERSION
from .ir import TopK

__all__ = ["DRIVER_FOLDER", "accelerator_record", "decoder_record", "write_driver"]

DRIVER_FOLDER = "sterna_driver"


def accelerator_record(design: Design) -> dict[str, Any]:
    """The record of a streaming accelerator."""
    graph, record = design.graph, design.record
    given, result = graph.inputs[graph.input_name], graph.outputs[graph.output_name]
    label = next((op.k for op in graph.ops if isinstance(op, TopK)), None)
    return {
        "version": RECORD_VERSION,
        "kind": "accelerator",
        "name": record["name"],
        "model": record["model"],
        "target": record["target"],
        "top_k": label,
        "input": {
            **record["input"],
            "shape": list(graph.types[graph.input_name].shape),
            "scale": given.scale,
            "zero_point": given.zero_point,
            "axes": list(given.axes),
        },
        "output": {**record["output"], "scale": result.scale, "zero_point": result.zero_point},
        "memory": _memory(record),
        "counters": [name for name, _ in COUNTERS],
        "registers": record["registers"],
    }


def _memory(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Of weights in external memory: the image, and what a simulation of it must know."""
    memory = record.get("memory")
    if memory is None:
        return None
    kept = {name: memory[name] for name in ("latency", "settling_cycles")}
    return {"files": [memory["image"]], "ports": len(memory["ports"]), **kept}


def decoder_record(design: DecoderDesign) -> dict[str, Any]:
    """The record of a decoder."""
    record, hardware = design.record, design.hardware
    characters = design.source.characters
    external = hardware.memory == "external"
    return {
        "version": RECORD_VERSION,
        "kind": "decoder",
        "name": record["name"],
        "model": record["model"],
        "target": record["target"],
        "best_count": hardware.best_count,
        "head_constant": design.model.head_constant.real,
        "characters": None if characters is None else list(characters.characters),
        "memory": {
            "kind": hardware.memory,
            "bytes": design.layout.memory_bytes,
            "files": record["memory"]["files"] if external else [],
        },
        "counters": [name for name, _ in DECODER_COUNTERS],
        "registers": json.loads((design.directory / "registers.json").read_text()),
    }


def write_driver(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Writes the record and the driver into a build folder; gives the files' names."""
    (folder / RECORD_FILE).write_text(json.dumps(record, indent=1) + "\n")
    copy = folder / DRIVER_FOLDER
    copy.mkdir(exist_ok=True)
    names = [RECORD_FILE]
    for source in resources.files("sterna.driver").iterdir():
        if source.name.endswith(".py"):
            (copy / source.name).write_text(source.read_text())
            names.append(f"{DRIVER_FOLDER}/{source.name}")
    return sorted(names)
