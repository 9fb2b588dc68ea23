"""A zoo network built, placed and routed: the figures that `sterna bench placed` keeps.

Everything is done as `sterna build` and `sterna synth --pnr` do it, in a temporary folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..build_flow import build_with_regression
from ..models import load_model
from ..synthesis import FREQUENCY_MHZ, synthesise_design

__all__ = ["place_network"]


def place_network(
    model: str,
    target: str,
    *,
    interval: int | None = None,
    top: int | None = None,
    frequency_mhz: float = FREQUENCY_MHZ,
    seed: int = 1,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Resources, predicted cycles and highest clock; options as of the two commands.

    Raises
    ------
    ValueError
        If the model is no streaming network, or nothing places the target.
    ToolError
        If a tool is missing or fails.
    """
    graph = load_model(model)
    with tempfile.TemporaryDirectory(prefix="sterna-placed-") as temporary:
        folder = Path(temporary) / "design"
        tell(f"Building {model} for {target}")
        design = build_with_regression(graph, target, folder, interval=interval, top_k=top)
        report = synthesise_design(
            design, True, frequency_mhz=frequency_mhz, seed=seed, progress=tell
        )
    counted = report["resources"]
    return {
        "model": model,
        "target": target,
        **{kind: counted[kind] for kind in ("lut", "ff", "bram", "dsp")},
        "latency": report["cycles"]["latency"]["predicted"],
        "interval": report["cycles"]["interval"]["predicted"],
        "fmax_mhz": report["fmax_mhz"],
        "source": report["place_and_route"]["source"],
    }
