"""Whole designs: the sum of the parts' estimates against one synthesis of everything.

Some of the zoo's networks are built as `sterna build` would and synthesised. What was estimated is
found anew whenever it is asked for, since building takes a second; what was counted is kept with a
digest of the Verilog.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import sterna
from sterna_hw.base import find_device
from sterna_models import zoo

from ..report_file import read_report
from ..synthesis import copy_sources
from ..yosys import AMOUNTS, synthesise
from .rows import DesignRow

__all__ = ["DESIGNS", "measure_designs"]

DESIGNS = (
    ("digits_ternary_mlp", "ecp5-85k", 1500),
    ("can_intrusion_mlp", "ecp5-85k", 300),
    ("shuttle_anomaly_mlp", "xck26", 100),
)
"""Model, target, and cycles between frames that the planner is asked for."""


def measure_designs(
    known: Sequence[DesignRow], progress: Callable[[str], None] = lambda line: None
) -> Iterator[DesignRow]:
    """The rows of all designs, synthesised where there is no row of the same Verilog.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    by_key = {row.key: row for row in known}
    for key in DESIGNS:
        model, target, interval = key
        device = find_device(target)
        with tempfile.TemporaryDirectory(prefix="sterna-costs-") as name:
            folder = Path(name)
            sterna.build(sterna.load(zoo.path(model)), target, folder / "design", interval=interval)
            report = read_report(folder / "design")
            work = folder / "work"
            work.mkdir()
            sources = copy_sources(folder / "design", report["files"], work, device)
            texts = [path.read_text() for path in sorted(work.iterdir())]
            digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
            estimated = {kind: report["estimated"][kind] for kind in AMOUNTS}
            row = by_key.get(key)
            if row is None or row.digest != digest:
                found = synthesise(work, sources, report["top"], device)
                counted = {kind: getattr(found, kind) for kind in AMOUNTS}
                row = DesignRow(*key, estimated, counted, digest, found.source)
                progress(f"{model} for {target}: {found.lut} LUT, {found.ff} FF")
            yield DesignRow(*key, estimated, row.counted, digest, row.source)
