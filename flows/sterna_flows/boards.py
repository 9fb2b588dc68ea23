"""Boards with an open flow, and what a build gets for one: a top with real pins, and constraints.

Pins, packages and oscillators come from `amaranth-boards`; the table here only says which of its
platforms are meant and which device of Sterna's each carries. The top (`sterna_hw.board`) speaks
over the board's UART with the host; the host finds what it needs in ``driver.json``, entry
``serial``. The files lie in the build's folder ``board``, since they are no part of the design:

    NAME_board.v ...    the top and its parts
    NAME_board.lpf      pins and the clock, for nextpnr
    board.json          what `sterna synth --pnr` must know
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from sterna.driver.edges import Edge
from sterna.driver.record import RECORD_FILE, read_record
from sterna_hw.board import BoardTopConfig, RequestBridgeConfig, UartConfig
from sterna_hw.board.protocol import ANSWER, ERRORS, KINDS, REFUSED, SYNC
from sterna_hw.pin_harness import PinHarnessConfig
from sterna_hw.verilog import emit

from .hand_over.ports import read_top

__all__ = ["BAUD", "BOARDS", "BOARD_FILE", "Board", "board_for", "find_board", "write_board"]

BAUD = 1_000_000
BOARD_FILE = "board/board.json"
PACKAGES = {"BG256": "CABGA256", "BG381": "CABGA381"}
"""Packages by amaranth-boards' names, as nextpnr calls them."""

_KNOWN = {
    "ulx3s-85f": ("ulx3s", "ULX3S_85F_Platform", "ecp5-85k"),
    "ulx3s-25f": ("ulx3s", "ULX3S_25F_Platform", "ecp5-25k"),
    "icepi-zero": ("icepi_zero", "IcepiZero1_3Platform", "ecp5-25k"),
}
BOARDS = tuple(_KNOWN)


@dataclass(frozen=True)
class Pin:
    """A port of the top on the board: its site, and attributes of its buffer."""

    site: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Board:
    """A board: Sterna's name of its device, nextpnr's of its package, its oscillator, its pins."""

    name: str
    target: str
    package: str
    clock_mhz: float
    pins: dict[str, Pin]

    @property
    def constraints(self) -> str:
        """The LPF file."""
        lines = []
        for port, pin in self.pins.items():
            buffer = " ".join(f"{name}={value}" for name, value in pin.attributes)
            lines += [f'LOCATE COMP "{port}" SITE "{pin.site}";', f'IOBUF PORT "{port}" {buffer};']
        lines.append(f'FREQUENCY PORT "clock" {self.clock_mhz:g} MHZ;')
        return "\n".join(lines) + "\n"


def find_board(name: str) -> Board:
    """A board by its name.

    Raises
    ------
    ValueError
        If there is none, or amaranth-boards is not installed.
    """
    if name not in _KNOWN:
        raise ValueError(f"Board must be one of {', '.join(_KNOWN)}, not {name!r}")
    module, platform_name, target = _KNOWN[name]
    try:
        platform: Any = getattr(import_module(f"amaranth_boards.{module}"), platform_name)
    except ImportError:
        raise ValueError(
            "Boards must be installed: pip install amaranth-boards pyserial (or 'sterna[boards]')"
        ) from None
    resources = {(found.name, found.number): found for found in platform.resources}
    clock, uart = resources[platform.default_clk, 0], resources["uart", 0]
    lines = {line.name: line.ios[0] for line in uart.ios if hasattr(line, "name")}
    pins = {
        "clock": _pin(clock.ios[0], clock.attrs),
        "rx": _pin(lines["rx"], uart.attrs),
        "tx": _pin(lines["tx"], uart.attrs),
    }
    return Board(name, target, PACKAGES[platform.package], clock.clock.frequency / 1e6, pins)


def board_for(name: str, target: str) -> Board:
    """A board by its name, which must carry the target.

    Raises
    ------
    ValueError
        If there is none, or it carries another device.
    """
    board = find_board(name)
    if board.target != target:
        raise ValueError(f"Target on {name} must be {board.target}, not {target}")
    return board


def _pin(pins: Any, attributes: Any) -> Pin:
    (site,) = pins.names
    return Pin(site, tuple((name, str(value)) for name, value in attributes.items()))


def write_board(folder: Path, name: str, board: Board, baud: int = BAUD) -> list[str]:
    """Writes the top of a board around the accelerator ``name`` into a build folder that has its
    driver already; gives the files' names.

    Raises
    ------
    ValueError
        If the design has memory ports, which a board of the table cannot serve, or the clock does
        not give the rate.
    """
    top = read_top(folder, name)
    if top.memory_ports:
        raise ValueError(
            f"Memory of a design on {board.name} must be on the chip: --memory on-chip"
        )
    record = read_record(folder)
    frame, result, given, taken = 0, 0, 0, 0
    if top.has_streams:
        frame, result = (Edge.of(record[side]).frame_bytes for side in ("input", "output"))
        given, taken = (top.width(port) // 8 for port in ("s_axis_tdata", "m_axis_tdata"))
    address_width = top.width("s_axil_awaddr")
    config = BoardTopConfig(
        UartConfig.of_rate(board.clock_mhz * 1e6, baud),
        RequestBridgeConfig(frame, result, address_width),
        PinHarnessConfig(given, taken, address_width),
    )
    own = f"{name}_board"
    files = emit(config.create(name), own)
    files[f"{own}.lpf"] = board.constraints
    facts = {
        "board": board.name,
        "top": own,
        "package": board.package,
        "clock_mhz": board.clock_mhz,
        "baud": baud,
        "sources": sorted(file for file in files if file.endswith(".v")),
        "constraints": f"{own}.lpf",
    }
    files[Path(BOARD_FILE).name] = json.dumps(facts, indent=1) + "\n"
    place = folder / Path(BOARD_FILE).parent
    place.mkdir()
    for file, text in files.items():
        (place / file).write_text(text)
    record["serial"] = {
        "baud": baud,
        "sync": SYNC,
        "kinds": KINDS,
        "answer": ANSWER,
        "refused": REFUSED,
        "errors": ERRORS,
    }
    (folder / RECORD_FILE).write_text(json.dumps(record, indent=1) + "\n")
    return sorted(f"{place.name}/{file}" for file in files)
