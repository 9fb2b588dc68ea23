"""Registers move into block memories exactly where that changes nothing."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from sterna_flows.memory_registers import absorb_output_registers
from sterna_flows.nextpnr import place_text
from sterna_hw.base import find_device

CLOCK, OTHER_CLOCK = 1, 2


def register(net: int, out: int, clock: int = CLOCK, **connections: list[Any]) -> dict[str, Any]:
    wires = {"CLK": [clock], "DI": [net], "Q": [out], "LSR": ["0"], **connections}
    return {
        "type": "TRELLIS_FF",
        "parameters": {"CEMUX": "1 ", "CLKMUX": "CLK", "LSRMUX": "LSR"},
        "port_directions": {name: "output" if name == "Q" else "input" for name in wires},
        "connections": wires,
    }


def netlist(width: int, **changes: Any) -> dict[str, Any]:
    """A memory read at A or, 36 wide, at both halves, with a register behind bits 0 and 1."""
    second = "DOB0" if width == 36 else "DOA1"
    reading = "B" if width == 36 else "A"
    memory = {
        "type": "DP16KD",
        "parameters": {
            "DATA_WIDTH_A": f"{width:032b}",
            "CLKAMUX": "CLKA",
            "CLKBMUX": "CLKB",
            "REGMODE_A": "NOREG",
            "REGMODE_B": "NOREG",
        },
        "port_directions": {"DOA0": "output", second: "output", f"CLK{reading}": "input"},
        "connections": {"DOA0": [10], second: [11], f"CLK{reading}": [CLOCK], "OCEA": ["0"]},
    }
    cells = {"memory": memory, "r0": register(10, 20), "r1": register(11, 21), **changes}
    ports = {"o": {"direction": "output", "bits": [20, 21]}}
    return {"modules": {"m": {"attributes": {"top": "1"}, "ports": ports, "cells": cells}}}


@pytest.mark.parametrize(("width", "letters"), [(18, "A"), (9, "A"), (36, "AB")])
def test_registers_are_absorbed(width: int, letters: str) -> None:
    design = netlist(width)
    assert absorb_output_registers(design) == 2
    cells = design["modules"]["m"]["cells"]
    assert set(cells) == {"memory"}
    memory = cells["memory"]
    assert memory["connections"]["DOA0"] == [20]
    assert memory["connections"]["DOB0" if width == 36 else "DOA1"] == [21]
    for letter in "AB":
        expected = "OUTREG" if letter in letters else "NOREG"
        assert memory["parameters"][f"REGMODE_{letter}"] == expected
    assert all(memory["connections"][f"OCE{letter}"] == ["1"] for letter in letters)


def with_parameter(name: str, value: str) -> dict[str, Any]:
    changed = register(11, 21)
    changed["parameters"][name] = value
    return changed


@pytest.mark.parametrize(
    "changes",
    [
        {"r1": register(11, 21, OTHER_CLOCK)},
        {"r1": register(11, 21, CE=[5]) | {"parameters": {"CEMUX": "CE", "CLKMUX": "CLK"}}},
        {"r1": register(11, 21, LSR=[6])},
        {"r1": with_parameter("CLKMUX", "INV")},
        {"r1": with_parameter("LSRMUX", "INV")},
        {"more": register(10, 22)},
        {"r1": register(11, 21) | {"type": "LUT4"}},
        {
            "lut": {
                "type": "LUT4",
                "parameters": {},
                "port_directions": {"A": "input"},
                "connections": {"A": [10]},
            }
        },
    ],
    ids=["clock", "enable", "reset", "edge", "inverted-reset", "two-readers", "kind", "logic"],
)
def test_what_differs_stays(changes: dict[str, Any]) -> None:
    design = netlist(18, **changes)
    before = copy.deepcopy(design)
    assert absorb_output_registers(design) == 0
    assert design == before


def test_a_net_that_leaves_the_module_stays() -> None:
    design = netlist(18)
    design["modules"]["m"]["ports"]["o"]["bits"].append(10)
    assert absorb_output_registers(design) == 0


MEMORY = """module m(input clk, input [8:0] a, output reg [17:0] q);
(* ram_style = "block", rom_style = "block" *) reg [17:0] rows [0:511];
initial $readmemh("m.hex", rows);
reg [17:0] r, o; reg [8:0] b;
always @(posedge clk) begin b <= a; r <= rows[b]; o <= r; q <= o; end
endmodule"""


def test_a_registered_memory_is_quick() -> None:
    draw = random.Random(0)
    contents = "".join(f"{draw.getrandbits(18):05x}\n" for _ in range(512))
    files = {"m.v": MEMORY, "m.hex": contents}
    resources, placed = place_text(files, "m", find_device("ecp5-25k"))
    assert resources.ff == 9 + 18 + 18 and placed.used["TRELLIS_FF"] == 9 + 18
    assert placed.fmax_mhz > 250
