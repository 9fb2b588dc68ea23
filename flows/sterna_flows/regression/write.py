"""Puts the regression into a build folder: `Makefile`, test, vectors, and the driver it uses.

The vectors are codes of input frames and what the golden model makes of them. The test that runs
them knows nothing of networks and does not need Sterna: it gives them to the driver that the folder
carries for boards.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np

from sterna.design import Design
from sterna.driver_files import accelerator_record, write_driver

__all__ = ["BUS_FILE", "write_regression"]

COPIED = ("run.py", "simulated_memory.py", "test_regression.py")
BUS_FILE = "simulated_bus.py"


def write_regression(directory: Path, codes: np.ndarray) -> list[str]:
    """Writes the regression for input ``codes`` (int64, at least two samples, one a row).

    Returns the names of the files, relative to ``directory``.
    """
    design = Design(directory)
    record = design.record
    expected = design.expected(codes)
    cycles = record["cycles"]
    vectors = {
        "top": record["name"],
        "latency": cycles["latency"],
        "interval": cycles["interval"],
        # Under stalls a frame may take many times as long; more than this is a design that hangs.
        "patience_ns": 10 * (200 * (cycles["latency"] + cycles["interval"]) + 10_000),
        "frames": [[given.tolist(), wanted.tolist()] for given, wanted in zip(codes, expected)],
    }
    folder = directory / "regression"
    folder.mkdir(exist_ok=True)
    here = resources.files("sterna_flows.regression")
    (directory / "Makefile").write_text((here / "regression.mk").read_text())
    files = {name: (here / name).read_text() for name in COPIED}
    files[BUS_FILE] = (resources.files("sterna_sim") / BUS_FILE).read_text()
    files["vectors.json"] = json.dumps(vectors) + "\n"
    for name, text in files.items():
        (folder / name).write_text(text)
    driver = write_driver(directory, accelerator_record(design))
    return ["Makefile", *driver, *(f"regression/{name}" for name in files)]
