"""Puts the regression into a decoder's build folder: `Makefile`, test, memory model, golden tokens,
and the driver that the test uses.

The golden model runs at build time: a few tokens behind a short prompt, with the best logits of the
last one. So the test that runs in the folder does not need Sterna. Behind the ports stands the same
memory as in `sterna sim`, whose C++ and Verilog are copied; a decoder with its memory on the chip
has none.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from sterna.decoder.design import DecoderDesign
from sterna.decoder.engine import GoldenEngine, continue_text
from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.sampling import Sampler
from sterna.driver_files import decoder_record, write_driver
from sterna_sim.decoder.rtl_decoder import region_base
from sterna_sim.dram import DramConfig, Region
from sterna_sim.dram.build import MODEL, TOP, dram_sources, top_with_dram

from ..decoder_simulation import MEMORIES, opening_tokens
from ..regression.write import BUS_FILE

__all__ = ["write_decoder_regression"]

COPIED = ("run.py", "test_regression.py")
LARGE = 1 << 25
"""So many ternary weights make a token of the golden model slow: one must do."""

_PROMPT, _TOKENS = 6, 3


def write_decoder_regression(directory: Path) -> list[str]:
    """Writes the regression of a built decoder; gives the files' names, relative to the folder."""
    design = DecoderDesign(directory)
    folder = directory / "regression"
    folder.mkdir(exist_ok=True)
    here = resources.files("sterna_flows.decoder_regression")
    (directory / "Makefile").write_text((here / "regression.mk").read_text())
    simulation = resources.files("sterna_sim")
    files = {name: (here / name).read_text() for name in COPIED}
    files[BUS_FILE] = (simulation / BUS_FILE).read_text()
    files["vectors.json"] = json.dumps(_vectors(design), indent=1) + "\n"
    if design.hardware.memory == "external":
        files |= _memory_model(design)
        files["handle.py"] = (simulation / "dram" / "handle.py").read_text()
    for name, text in files.items():
        (folder / name).write_text(text)
    driver = write_driver(directory, decoder_record(design))
    return ["Makefile", *driver, *(f"regression/{name}" for name in files)]


def _memory_model(design: DecoderDesign) -> dict[str, str]:
    """The simulated memory, and a top that joins it with the design."""
    name, ports = design.record["name"], design.hardware.ports
    top = top_with_dram(
        name,
        (design.directory / f"{name}.v").read_text(),
        ports,
        clock="aclk",
        reset="aresetn",
        name=lambda port, signal: f"m_axi{port}_{signal}",
    )
    model = {path.name: path.read_text() for path in MODEL}
    return {**model, **dram_sources(ports), f"{TOP}.sv": top}


def _vectors(design: DecoderDesign) -> dict[str, Any]:
    record, layout, hardware = design.record, design.layout, design.hardware
    context = layout.shape.context
    prompt = opening_tokens(design, max(1, min(_PROMPT, context - 1)))
    count = 1 if layout.shape.ternary_count >= LARGE else min(_TOKENS, context - len(prompt))
    engine = GoldenEngine(design.model, hardware.best_count)
    answers = list(continue_text(engine, prompt, count, Sampler()))
    tokens = [token for token, _ in answers]
    core = hardware.core(layout.shape)
    told = DecoderEstimate(core, hardware.memory_timing).run(
        len(prompt), count, tokens=[*prompt, *tokens]
    )
    has_dram = hardware.memory == "external"
    ports = range(layout.ports) if has_dram else ()
    somewhere = (Region(0, size=4096),)
    return {
        "top": TOP if has_dram else record["name"],
        "prompt": prompt,
        "tokens": tokens,
        "best": [list(candidate) for candidate in answers[-1][1].candidates],
        "cycles": {"none": round(told.cycles)},
        # With random delays a token may take many times as long; more is a design that hangs.
        "patience_cycles": 50 * round(told.cycles) + 100_000,
        "memories": {
            name: DramConfig(somewhere, **MEMORIES[name]).settings if has_dram else {}
            for name in (("none", "random") if has_dram else ("none",))
        },
        "regions": [
            {"base": region_base(layout, port), "bytes": layout.memory_bytes} for port in ports
        ],
        "files": record["memory"]["files"],
    }
