"""A small accelerator without weights, built into a folder: two gearboxes between AXI edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sterna.cycles import Network, simulate_network
from sterna_hw.accelerator import AcceleratorConfig
from sterna_hw.axi_stream import AxiStreamOutputConfig
from sterna_hw.axi_stream_input import AxiStreamInputConfig
from sterna_hw.base import IntegerRange
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.stage import Stage
from sterna_hw.verilog import emit
from sterna_sim.design_description import describe

VALUES = IntegerRange(-8, 7)
ELEMENTS = 10

CONFIG = AcceleratorConfig(
    "regroup",
    AxiStreamInputConfig(ELEMENTS, VALUES, 3),
    (
        Stage("first", GearboxConfig(ELEMENTS, VALUES, 3, 2)),
        Stage("second", GearboxConfig(ELEMENTS, VALUES, 2, 5)),
    ),
    AxiStreamOutputConfig(ELEMENTS, VALUES, 5),
    build_hash=0x1234ABCD,
)


def predicted_ends(frames: int) -> tuple[int, list[int]]:
    """The cycle of the first input beat, and of each frame's last output beat."""
    parts, links = CONFIG.network()
    beats = {("input_edge", "i"): CONFIG.input_edge.beats * frames}
    transfers = simulate_network(Network(parts, links), beats).transfers
    per_frame = CONFIG.output_edge.beats
    ends = transfers["output_edge", "o"][per_frame - 1 :: per_frame]
    return int(transfers["input_edge", "i"][0]), ends.tolist()


def build(folder: Path) -> Path:
    """Writes Verilog and description; gives the folder back."""
    for name, text in emit(CONFIG.create(), CONFIG.name).items():
        (folder / name).write_text(text)
    begin, ends = predicted_ends(4)
    describe(CONFIG, ends[0] - begin, ends[-1] - ends[-2]).write(folder)
    return folder


def random_frames(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-8, 8, (count, ELEMENTS))
