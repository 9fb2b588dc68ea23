"""Writes what other tools take from a build folder.

    NAME.h              C header of the registers
    component.xml       the folder as an IP of Vivado's catalogue
    NAME_board.tcl      for Xilinx devices with a board in `block_design` that has as many memory
                        ports as the design: block design, bitstream
    NAME_litex.py       with the wrapper `litex`: a LiteX module

The driver for boards is written with the regression, which uses it. All texts are made from the
folder's own Verilog and register table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sterna_hw.base import find_device
from sterna_hw.register_header import register_header

from .block_design import block_design, has_ports
from .ipxact import ip_xact
from .litex_module import litex_module
from .ports import read_top

__all__ = ["WRAPPERS", "check_wrapper", "write_hand_over"]

WRAPPERS = ("none", "litex")


def check_wrapper(wrapper: str) -> None:
    """Refuses a wrapper that is not known.

    Raises
    ------
    ValueError
        The message lists them.
    """
    if wrapper not in WRAPPERS:
        raise ValueError(f"Wrapper must be one of {', '.join(WRAPPERS)}, not {wrapper!r}")


def write_hand_over(
    folder: Path,
    name: str,
    target: str,
    clock_mhz: float,
    table: Mapping[str, Any],
    title: str,
    wrapper: str = "none",
) -> list[str]:
    """Writes the files for a design with the top ``name`` and the register ``table``; gives their
    names.

    Raises
    ------
    ValueError
        If the wrapper is unknown, or the folder's Verilog is not there.
    """
    check_wrapper(wrapper)
    top = read_top(folder, name)
    # The window is there for designs with streams only.
    shown = {key: facts for key, facts in table.items() if "fields" in facts or top.has_streams}
    sources = (folder / "sources.f").read_text().split()
    contents = sorted(path.name for path in folder.glob("*.hex"))
    family = find_device(target).family
    files = {
        f"{name}.h": register_header(shown, name),
        "component.xml": ip_xact(top, shown, sources, contents, title, family),
    }
    if has_ports(top, target):
        files[f"{name}_board.tcl"] = block_design(top, target, clock_mhz)
    if wrapper == "litex":
        files[f"{name}_litex.py"] = litex_module(top, sources, contents)
    for file, text in files.items():
        (folder / file).write_text(text)
    return sorted(files)
