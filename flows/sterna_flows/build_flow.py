"""`sterna build`: a design with everything around it, in steps that can be entered at any point.

`sterna.build` makes Verilog, memory contents, constraints and figures; this adds the driver for
boards, the cocotb regression with its vectors, what other tools take (`hand_over`) and, for Xilinx
devices, a Vivado script. The folder appears whole or not at all.

The steps leave their results in the folder as text: ``graph.sterna`` (the integer network after
import and passes) and ``folding.json`` (the planner's choice). A build can start from either,
edited or not: from ``plan`` with the graph, from ``map`` with the graph and the foldings. What was
asked for apart from these (target, clock, reloading) is taken over unless it is given anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sterna.building import build
from sterna.design import Design
from sterna.folding import read_foldings
from sterna.ir import Graph, LayerNote, parse_graph
from sterna.output_folder import fresh_folder

from .boards import board_for, write_board
from .hand_over import check_wrapper, write_hand_over
from .models import load_model, sample_inputs
from .regression import write_regression
from .report_file import extend_report, read_report
from .vivado import PARTS, vivado_script

__all__ = ["STEPS", "build_with_regression", "start_from"]

STEPS = ("import", "plan", "map")

VECTOR_COUNT = 8


def build_with_regression(
    graph: Graph,
    target: str,
    out: str | Path,
    *,
    vectors: int = VECTOR_COUNT,
    wrapper: str = "none",
    board: str | None = None,
    **options: Any,
) -> Design:
    """Build a design and its regression of ``vectors`` frames, with a ``wrapper`` (`hand_over`)
    or the top of a ``board`` (`boards`) around it if wished; other options as `sterna.build`. On a
    board the clock is that of its oscillator.

    Raises
    ------
    ValueError
        If the target or the wrapper is unknown, the folder cannot be written, or the network does
        not fit.
    """
    check_wrapper(wrapper)
    found = None if board is None else board_for(board, target)
    if found is not None:
        if options.get("clock_mhz") not in (None, found.clock_mhz):
            raise ValueError(
                f"Clock on {found.name} must be its oscillator's {found.clock_mhz:g} MHz, "
                f"not {options['clock_mhz']!r}"
            )
        options["clock_mhz"] = found.clock_mhz
    if vectors < 2:
        raise ValueError(f"Number of vectors must be 2 or more, not {vectors}")
    out = Path(out)
    with fresh_folder(out, mark="design.json") as folder:
        design = build(graph, target, folder, **options)
        record = design.record
        codes, _ = sample_inputs(design.graph, vectors, 0, record["model"])
        made = write_regression(folder, codes)
        name, table = record["name"], record["registers"]
        title = f"{record['model']}, made by Sterna"
        place = record["target"], record["clock_mhz"]
        made += write_hand_over(folder, name, *place, table, title, wrapper)
        if found is not None:
            made += write_board(folder, name, found)
        if record["target"] in PARTS:
            script = f"{name}.tcl"
            (folder / script).write_text(vivado_script(name, record["target"]))
            made.append(script)
        files = sorted([*read_report(folder)["files"], *made])
        digest = _digest((folder / "graph.sterna").read_text())
        extend_report(folder, {"files": files, "graph_sha256": digest})
    return Design(out)


def start_from(
    step: str,
    model: str | None,
    folder: Path,
    input_type: str | None = None,
    approximate: bool = False,
) -> tuple[Graph, str | None, Mapping[str, Any]]:
    """What a build needs when it starts at ``step``: graph, target and options of the earlier one.

    ``model`` is read for the step ``import``, its input being of ``input_type``, and layers
    that are not exact accepted if ``approximate``; ``folder``, an earlier build, for the others.

    Raises
    ------
    ValueError
        If the step is unknown, what it needs is missing, or it cannot be read.
    """
    if step not in STEPS:
        raise ValueError(f"Step must be one of {', '.join(STEPS)}, not {step!r}")
    if step == "import":
        if model is None:
            raise ValueError("Model must be given for a build that starts with import")
        return load_model(model, input_type, approximate), None, {}
    if model is not None:
        raise ValueError(
            f"Model must not be given for a build that starts from {step}, not {model!r}"
        )
    if input_type is not None or approximate:
        option = "Approximate import" if approximate else "Input type"
        raise ValueError(f"{option} must not be asked for from {step}, since the graph is there")
    path = folder / "graph.sterna"
    try:
        text = path.read_text()
        graph = parse_graph(text)
    except OSError:
        raise ValueError(f"Step {step} must find {path}, the graph of an earlier build") from None
    except ValueError as error:
        raise ValueError(f"{path} must be a graph in text form: {error}") from None
    record = Design(folder).record
    graph = _with_notes(graph, text, folder)
    options: dict[str, Any] = {name: record[name] for name in ("clock_mhz", "reloadable")}
    if step == "map":
        options["foldings"] = read_foldings(folder / "folding.json")
    return graph, record["target"], options


def _with_notes(graph: Graph, text: str, folder: Path) -> Graph:
    """The graph with what the earlier build's report tells of its import, unless its text was
    edited since: the notes would be of another network."""
    report = read_report(folder)
    if report.get("graph_sha256") != _digest(text):
        return graph
    notes = [
        LayerNote(layer["name"], **layer["import"])
        for layer in report["layers"]
        if "import" in layer
    ]
    return replace(graph, notes=tuple(notes))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
