"""The interfaces of an accelerator's top, found by the names of its ports.

Sterna's tops name their AXI signals by interface: ``s_axis_*`` and ``m_axis_*`` (AXI4-Stream),
``s_axil_*`` (AXI4-Lite), ``m_axi0_*`` and so on (AXI4 to memory), beside ``aclk``, ``aresetn`` and
``interrupt``. What is handed to other tools speaks of interfaces, so they are gathered once here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sterna_hw.verilog_ports import Port, module_ports

__all__ = ["Interface", "Top", "read_top"]


@dataclass(frozen=True)
class Interface:
    """A bus of the top.

    ``name`` as tools show it, ``kind`` (``axis``, ``axi4lite`` or ``axi4``), whether the top is its
    ``master``, and the ``signals``: port by the signal's name in AXI's lower case.
    """

    name: str
    kind: str
    master: bool
    prefix: str
    signals: Mapping[str, str]


@dataclass(frozen=True)
class Top:
    """The top module: its name, all its ports, and its interfaces."""

    name: str
    ports: Mapping[str, Port]
    interfaces: tuple[Interface, ...]

    def width(self, port: str) -> int:
        return self.ports[port].width

    @property
    def memory_ports(self) -> tuple[Interface, ...]:
        return tuple(found for found in self.interfaces if found.kind == "axi4")

    @property
    def has_streams(self) -> bool:
        return any(found.kind == "axis" for found in self.interfaces)


_FIXED = (
    ("S_AXIS", "axis", False, "s_axis_"),
    ("M_AXIS", "axis", True, "m_axis_"),
    ("S_AXI_LITE", "axi4lite", False, "s_axil_"),
)


def read_top(folder: Path, name: str) -> Top:
    """The top of a build folder.

    Raises
    ------
    ValueError
        If its Verilog is not there, or lacks registers, clock or reset.
    """
    path = folder / f"{name}.v"
    if not path.is_file():
        raise ValueError(f"Build folder {folder} must hold {path.name}: build it again")
    ports = module_ports(path.read_text(), name)
    numbers = sorted({int(found[1]) for port in ports if (found := re.match(r"m_axi(\d+)_", port))})
    memories = [(f"M_AXI{number}", "axi4", True, f"m_axi{number}_") for number in numbers]
    interfaces = []
    for shown, kind, master, prefix in (*_FIXED, *memories):
        signals = {p.removeprefix(prefix): p for p in ports if p.startswith(prefix)}
        if signals:
            interfaces.append(Interface(shown, kind, master, prefix, signals))
    for needed in ("aclk", "aresetn", "s_axil_awaddr"):
        if needed not in ports:
            raise ValueError(f"Ports of {name} must hold {needed}")
    return Top(name, ports, tuple(interfaces))
