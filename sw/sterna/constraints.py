"""Constraints that a build folder carries: the clock, in the forms that tools read.

XDC for Vivado, SDC for Quartus and others, LPF for nextpnr where it knows the device. They hold
nothing but the clock: pins depend on the board.
"""

from __future__ import annotations

from pathlib import Path

from sterna_hw.base import Device

__all__ = ["write_constraints"]


def write_constraints(folder: Path, name: str, device: Device, clock_mhz: float) -> list[str]:
    """Writes what constrains a top module with the clock port ``aclk``; gives the files' names."""
    clock = f"create_clock -name aclk -period {1000 / clock_mhz:.3f} [get_ports aclk]\n"
    files = {f"{name}.xdc": clock, f"{name}.sdc": clock}
    if device.nextpnr is not None:
        files[f"{name}.lpf"] = f'FREQUENCY PORT "aclk" {clock_mhz:g} MHZ;\n'
    for file, text in files.items():
        (folder / file).write_text(text)
    return list(files)
