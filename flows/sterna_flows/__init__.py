"""Sterna's flows: build with regression, simulate, synthesise; and the `sterna` command.

    design = sterna_flows.build(graph, target="ecp5-85k", out="build/")   # sterna.build and more
    sterna_flows.simulate(design, inputs)           # every word against the golden model
    sterna_flows.synthesise(design, pnr=True)       # resources; Fmax and a bitstream
    sterna_flows.report(design)                     # one HTML page of all that is known of it

    sterna_flows.explore(graph, target="xck26", out="build/explored")    # which designs there are

    sterna_flows.estimate("shakespeare_ternary", "xck26")     # decoders: cycles, tokens a second
    sterna_flows.generate("build/s", "HAMLET.", 64).text      # by the golden model, or the Verilog

Names are found on first use, so that a command loads only what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .build_flow import build_with_regression as build
    from .decoder_flow import estimate
    from .exploration.bits import explore_bits
    from .exploration.search import explore
    from .generation import generate
    from .page.write import report
    from .simulation import simulate
    from .synthesis import synthesise_design as synthesise

__all__ = [
    "build",
    "estimate",
    "explore",
    "explore_bits",
    "generate",
    "report",
    "simulate",
    "synthesise",
]

_HOMES = {
    "build": ("build_flow", "build_with_regression"),
    "estimate": ("decoder_flow", "estimate"),
    "explore": ("exploration.search", "explore"),
    "explore_bits": ("exploration.bits", "explore_bits"),
    "generate": ("generation", "generate"),
    "report": ("page.write", "report"),
    "simulate": ("simulation", "simulate"),
    "synthesise": ("synthesis", "synthesise_design"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sterna_flows' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    value = getattr(import_module(f".{module}", __name__), attribute)
    globals()[name] = value
    return value
