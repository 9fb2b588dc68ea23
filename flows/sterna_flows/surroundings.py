"""What stands around an accelerator when it is placed: the pin harness, or the top of a board.

Either is a module of its own with the accelerator as an instance, and constraints. Around a bare
accelerator the harness keeps all of its functions within the pins of a package (`pin_harness`); a
build for a board brings its top, with the sites of its pins, along (`boards`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sterna_hw.base import Device
from sterna_hw.pin_harness import PinHarnessConfig
from sterna_hw.verilog import emit

from .boards import BOARD_FILE

__all__ = ["Surroundings", "harness_around", "read_board"]


@dataclass(frozen=True)
class Surroundings:
    """The top module, its Verilog by file name, the text of its LPF file, and the device in the
    package that it is made for; the ``board`` if it is one."""

    top: str
    files: Mapping[str, str]
    constraints: str
    device: Device
    frequency_mhz: float
    board: str | None = None


def harness_around(
    top: str, harness: PinHarnessConfig, device: Device, frequency_mhz: float, pins: Path | None
) -> Surroundings:
    """The harness; ``pins`` is an LPF file with locations, without which they are placed freely."""
    constraints = f'FREQUENCY PORT "aclk" {frequency_mhz:g} MHZ;\n'
    constraints += pins.read_text() if pins is not None else ""
    own = f"{top}_pins"
    return Surroundings(own, emit(harness.create_top(top), own), constraints, device, frequency_mhz)


def read_board(directory: Path, device: Device) -> Surroundings | None:
    """The top of the board that a build was made for, if it was."""
    path = directory / BOARD_FILE
    if not path.is_file():
        return None
    facts = json.loads(path.read_text())
    files = {name: (path.parent / name).read_text() for name in facts["sources"]}
    constraints = (path.parent / facts["constraints"]).read_text()
    placed = replace(device, package=facts["package"])
    clock = facts["clock_mhz"]
    return Surroundings(facts["top"], files, constraints, placed, clock, facts["board"])
