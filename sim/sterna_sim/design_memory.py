"""The external memory of a design in simulation: the image of its weights, and how it answers.

Runs without stalls have the memory that predictions assume: a fixed latency, and bandwidth enough
for all ports. Under every other stall profile memory is unsteady too: bursts come up to 60 cycles
late, ports rest between bursts, and in one cycle of five a channel is not ready or holds a beat
back. The image is checked against its record before it is put there, as a board's host must do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sterna.weight_image import check_image

from .dram.config import DramConfig, Region

if TYPE_CHECKING:
    from .design_run import DesignSettings

__all__ = ["IMAGE_BASE", "memory_job", "write_memory"]

IMAGE_BASE = 0x12_3456_7000
"""Where the image lies: an address of more than 32 bits."""

PORT_BYTES = 16
USUAL_BYTES = 64


def memory_job(memory: Mapping[str, Any] | None) -> dict[str, int] | None:
    """What the host in the simulation must know."""
    if memory is None:
        return None
    return {"base": IMAGE_BASE, "settling_cycles": memory["settling_cycles"]}


def write_memory(
    work: Path, directory: Path, memory: Mapping[str, Any], setting: DesignSettings
) -> None:
    """The settings of the memory for runs of a kind, in the folder where they run.

    Raises
    ------
    ValueError
        If the image is not what was built.
    """
    image = check_image(directory, memory)
    bytes_per_cycle = max(USUAL_BYTES, PORT_BYTES * len(memory["ports"]))
    manners: dict[str, int] = {}
    if setting.profile != "none":
        manners = {"random_latency": 60, "burst_gap": 3, "stall_percent": 20, "seed": setting.seed}
    config = DramConfig(
        (Region(IMAGE_BASE, image),), bytes_per_cycle, read_latency=memory["latency"], **manners
    )
    config.write(work)
