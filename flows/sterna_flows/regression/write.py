"""Puts the regression into a build folder: `Makefile`, test and vectors.

The vectors are input frames and what the golden model makes of them, as bytes on the wire, so the
test that runs them knows nothing of networks and does not need Sterna.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np

from sterna.design import Design
from sterna_hw.axi_stream import element_bytes
from sterna_hw.base import IntegerRange
from sterna_hw.register_map import MAGIC, MAP_VERSION

__all__ = ["write_regression"]

COPIED = ("run.py", "test_regression.py")


def write_regression(directory: Path, codes: np.ndarray) -> list[str]:
    """Writes the regression for input ``codes`` (int64, at least two samples, one a row).

    Returns the names of the files, relative to ``directory``.
    """
    design = Design(directory)
    record = design.record
    expected = design.expected(codes)
    frames = [
        [_bytes(given, record["input"]), _bytes(wanted, record["output"])]
        for given, wanted in zip(codes, expected)
    ]
    registers = design.record["registers"]
    cycles = record["cycles"]
    vectors = {
        "top": record["name"],
        "latency": cycles["latency"],
        "interval": cycles["interval"],
        # Under stalls a frame may take many times as long; more than this is a design that hangs.
        "patience_ns": 10 * (200 * (cycles["latency"] + cycles["interval"]) + 10_000),
        "registers": [
            ["magic", _offset(registers, "magic"), MAGIC],
            ["map_version", _offset(registers, "map_version"), MAP_VERSION],
            ["build_hash", _offset(registers, "build_hash"), int(record["build_hash"], 16)],
        ],
        "frames": frames,
    }
    folder = directory / "regression"
    folder.mkdir(exist_ok=True)
    here = resources.files("sterna_flows.regression")
    (directory / "Makefile").write_text((here / "regression.mk").read_text())
    for name in COPIED:
        (folder / name).write_text((here / name).read_text())
    (folder / "vectors.json").write_text(json.dumps(vectors, indent=1) + "\n")
    return ["Makefile", *(f"regression/{name}" for name in (*COPIED, "vectors.json"))]


def _bytes(elements: np.ndarray, edge: dict) -> str:
    """A frame's elements as bytes in hexadecimal: little-endian, padded to whole bytes."""
    size = element_bytes(IntegerRange(*edge["range"]))
    signed = edge["range"][0] < 0
    return b"".join(int(value).to_bytes(size, "little", signed=signed) for value in elements).hex()


def _offset(registers: dict, name: str) -> int:
    return registers[name]["offset"]
