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
        "connections": {"DOA0": [10], second: [11], f"CLK{reading}": [CLOCK]},
    }
    if width == 36:
        # As Yosys ties it, the side that reads nothing of its own.
        memory["connections"]["OCEA"] = ["0"]
        memory["port_directions"]["OCEA"] = "input"
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


def with_parameter(name: str, value: str, net: int = 11) -> dict[str, Any]:
    changed = register(net, net + 10)
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
        {"r1": with_parameter("REGSET", "SET")},
        {"r1": with_parameter("GSR", "ENABLED")},
        {"r1": with_parameter("CEMUX", "0 ")},
        {"r1": register(11, 21) | {"attributes": {"keep": "1"}}},
        {"r1": register(11, 21) | {"type": "LUT4"}},
        {"more": register(10, 22)},
        {
            "lut": {
                "type": "LUT4",
                "parameters": {},
                "port_directions": {"A": "input"},
                "connections": {"A": [10]},
            }
        },
    ],
    ids=[
        "clock",
        "enable",
        "reset",
        "edge",
        "inverted-reset",
        "starts-at-one",
        "global-reset",
        "never-enabled",
        "kept",
        "kind",
        "two-readers",
        "logic",
    ],
)
def test_what_differs_stays(changes: dict[str, Any]) -> None:
    design = netlist(18, **changes)
    before = copy.deepcopy(design)
    assert absorb_output_registers(design) == 0
    assert design == before


@pytest.mark.parametrize(
    ("pin", "value"),
    [
        ("CEA", [5]),
        ("CEA", ["0"]),
        ("OCEA", [5]),
        ("OCEA", ["0"]),
        ("WEA", [5]),
        ("RSTA", [5]),
        ("CSA1", [5]),
        ("CEAMUX", "INV"),
        ("RSTAMUX", "INV"),
        ("CSDECODE_A", "0b001"),
        ("REGMODE_A", "OUTREG"),
    ],
)
def test_a_port_that_does_not_only_read_stays(pin: str, value: Any) -> None:
    design = netlist(18)
    memory = design["modules"]["m"]["cells"]["memory"]
    if isinstance(value, list):
        memory["connections"][pin] = value
        memory["port_directions"][pin] = "input"
    else:
        memory["parameters"][pin] = value
    before = copy.deepcopy(design)
    assert absorb_output_registers(design) == 0
    assert design == before


def test_both_at_the_falling_edge_is_the_same_edge() -> None:
    design = netlist(18, r0=with_parameter("CLKMUX", "INV", 10), r1=with_parameter("CLKMUX", "INV"))
    design["modules"]["m"]["cells"]["memory"]["parameters"]["CLKAMUX"] = "INV"
    assert absorb_output_registers(design) == 2


def test_nothing_keeps_the_name_of_a_net_that_is_gone() -> None:
    design = netlist(18)
    module = design["modules"]["m"]
    module["netnames"] = {"row": {"bits": [10, 11, 12]}, "data": {"bits": [20, 21]}}
    assert absorb_output_registers(design) == 2
    assert module["netnames"] == {"row": {"bits": ["x", "x", 12]}, "data": {"bits": [20, 21]}}


def test_models_of_cells_are_not_the_design() -> None:
    design = netlist(18)
    design["modules"]["m"]["attributes"] = {"whitebox": "1"}
    assert absorb_output_registers(design) == 0


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
    assert placed.memory_registers == 18 and placed.fmax_mhz > 250
