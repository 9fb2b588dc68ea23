"""A built design: the folder that `sterna build` makes, and what stands in it.

    NAME.v ...        Verilog, one file a module; sterna_memory.v; *.hex contents of memories
    sources.f         the Verilog files in one list, for tools that take such a list
    graph.sterna      the integer network in text form: the golden model of this hardware
    folding.json      the folding of each layer, as `--folding` reads it
    queues.json       rows of the queues, as `--queues` reads them
    weights.bin       image of the weights that come from external memory, if any do
    design.json       what a bench or a driver must know: edges, instances, links, registers, cycles
    NAME.xdc, .sdc    the clock as a constraint; NAME.lpf too for nextpnr's devices
    report.json       figures, extended by each command

Everything is written from the graph, the foldings and the device alone, so the same input gives the
same bytes. `Design` reads a folder back; it holds no state of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .ir import Graph, parse_graph

__all__ = ["DESIGN_VERSION", "Design"]

DESIGN_VERSION = 1


@dataclass(frozen=True)
class Design:
    """A design in its folder.

    Raises
    ------
    ValueError
        When something is read and the folder is not a design of this version.
    """

    directory: Path

    @cached_property
    def record(self) -> dict[str, Any]:
        """The contents of ``design.json``."""
        path = self.directory / "design.json"
        try:
            record = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ValueError(
                f"Design folder {self.directory} must hold a readable design.json: "
                f"make one with 'sterna build' ({error.__class__.__name__})"
            ) from error
        if not isinstance(record, dict) or record.get("version") != DESIGN_VERSION:
            raise ValueError(f"Version of {path} must be {DESIGN_VERSION}: build it again")
        return record

    @cached_property
    def graph(self) -> Graph:
        """The network that the hardware carries out: its golden model."""
        return parse_graph((self.directory / "graph.sterna").read_text())

    @property
    def name(self) -> str:
        return self.record["name"]

    @property
    def target(self) -> str:
        return self.record["target"]

    @property
    def sources(self) -> list[str]:
        """The Verilog files, in the order of the list ``sources.f``."""
        return (self.directory / "sources.f").read_text().split()

    def expected(self, codes: np.ndarray) -> np.ndarray:
        """Output words, int64 ``(samples, words)``, that the hardware must give for inputs."""
        values = self.graph.run_integers(codes)
        return values.reshape(len(values), -1)

    def checkpoints(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        """What each stage must give, by instance name: int64 ``(vectors, elements)``, the vectors
        of a sample (one, or one for each pixel) before those of the next."""
        values = self.graph.run_integers(codes, checkpoints=True)
        return {
            stage["name"]: values[stage["layer"]].reshape(-1, stage["elements"])
            for stage in self.record["stages"]
            if stage["layer"] is not None
        }
