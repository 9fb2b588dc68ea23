"""Sterna: quantised networks in, verified Verilog out.

    graph = sterna.load("model.onnx")              # or sterna.from_brevitas(module, shape)
    graph.run(x)                                    # real values in and out, batched
    graph.run_integers(codes)                       # the golden model on integer codes, exact
    design = sterna.build(graph, target="ecp5-85k", out="build/")

Names are found on first use, so that reading a network does not load the hardware parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .unsupported import Problem, UnsupportedError

if TYPE_CHECKING:
    from .building import build
    from .design import Design
    from .importers import from_brevitas
    from .importers import load_qonnx as load
    from .ir import Graph

__all__ = [
    "Design",
    "Graph",
    "Problem",
    "UnsupportedError",
    "build",
    "from_brevitas",
    "load",
]

_HOMES = {
    "Design": ("design", "Design"),
    "Graph": ("ir", "Graph"),
    "build": ("building", "build"),
    "from_brevitas": ("importers", "from_brevitas"),
    "load": ("importers", "load_qonnx"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sterna' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value = getattr(import_module(f".{module}", __name__), attribute)
    globals()[name] = value
    return value
