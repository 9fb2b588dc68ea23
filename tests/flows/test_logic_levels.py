"""Depth of logic: netlists with known answers, made by hand and by Yosys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sterna_flows.logic_levels import logic_levels
from sterna_flows.tools import ToolError
from sterna_flows.yosys import synthesise
from sterna_hw.base import find_device


def _cell(kind: str, parameters: dict[str, str] | None = None, **ports: list) -> dict[str, Any]:
    outputs = {"O", "O5", "O6", "Q", "P", "CO", "DOA", "DOUTADOUT"}
    directions = {name: "output" if name in outputs else "input" for name in ports}
    return {
        "type": kind,
        "parameters": parameters or {},
        "port_directions": directions,
        "connections": ports,
    }


def _netlist(cells: dict[str, Any], names: dict[str, list[int]]) -> dict[str, Any]:
    nets = {name: {"bits": bits} for name, bits in names.items()}
    ports = {"a": {"direction": "input", "bits": [2]}}
    return {"modules": {"top": {"cells": cells, "netnames": nets, "ports": ports}}}


def _register(data: int, output: int) -> dict[str, Any]:
    return _cell("FDRE", C=[1], D=[data], Q=[output], CE=["1"], R=["0"])


def test_a_chain_of_tables_counts_itself():
    cells = {
        "first": _register(2, 10),
        "t1": _cell("LUT2", I0=[10], I1=[2], O=[11]),
        "t2": _cell("LUT1", I0=[11], O=[12]),
        "wide": _cell("MUXF7", I0=[12], I1=[11], S=[10], O=[13]),
        "$flatten\\unit.$x$second": _register(13, 14),
    }
    found = logic_levels(_netlist(cells, {"from": [10], "unit.to": [14]}), "top")
    assert found.deepest == 2
    (worst, *others) = found.paths
    assert (worst.start, worst.end) == ("from", "unit.to")
    assert (worst.luts, worst.carries, worst.multipliers) == (2, 0, 0)
    assert worst.line == "2 levels (2 LUT) from from to unit.to"
    assert [path.end for path in others] == ["from"]
    assert found.histogram == {0: 1, 2: 1}
    assert {unit: path.levels for unit, path in found.by_unit.items()} == {"top": 0, "unit": 2}


@pytest.mark.parametrize(("row_with_below", "levels"), [("8EE88EE8", 2), ("0EE88EE8", 4)])
def test_a_majority_does_not_wait_for_the_one_below(row_with_below, levels):
    """A chain of tables with two outputs, the second of which looks at the chain or does not."""
    contents = f"{int('96696996' + row_with_below, 16):064b}"
    ports = {"I0": [10], "I1": [10], "I2": [10], "I3": ["0"], "I5": ["1"]}
    cells = {"first": _register(2, 10), "last": _register(23, 30)}
    for bit in range(4):
        below = [11 + bit] if bit else ["0"]
        cells[f"bit{bit}"] = _cell(
            "LUT6_2", {"INIT": contents}, **ports, I4=below, O5=[12 + bit], O6=[20 + bit]
        )
    assert logic_levels(_netlist(cells, {}), "top").deepest == levels


@pytest.mark.parametrize(
    ("parameters", "levels"),
    [({"PREG": "1", "AREG": "1", "BREG": "1"}, 1), ({"PREG": "1"}, 6), ({}, 6)],
    ids=["registers", "result", "none"],
)
def test_a_multiplier_counts_unless_registers_surround_it(parameters, levels):
    cells = {
        "first": _register(2, 10),
        "table": _cell("LUT1", I0=[10], O=[11]),
        "block": _cell("DSP48E2", parameters, CLK=[1], A=[11], B=["0"], P=[12]),
        "last": _register(12, 13),
    }
    assert logic_levels(_netlist(cells, {}), "top").deepest == levels


@pytest.mark.parametrize(("parameters", "levels"), [({}, 3), ({"DOA_REG": "1", "DOB_REG": "1"}, 1)])
def test_memories_begin_paths(parameters, levels):
    cells = {
        "first": _register(2, 10),
        "memory": _cell("RAMB36E2", parameters, ADDRARDADDR=[10], DOUTADOUT=[11]),
        "table": _cell("LUT1", I0=[11], O=[12]),
        "last": _register(12, 13),
    }
    assert logic_levels(_netlist(cells, {}), "top").deepest == levels


def test_distributed_memory_is_read_through():
    cells = {
        "first": _register(2, 10),
        "memory": _cell("RAM32M", WCLK=[1], WE=[10], ADDRA=[10], DIA=[2], DOA=[11]),
        "last": _register(11, 12),
    }
    found = logic_levels(_netlist(cells, {"address": [10], "read": [12]}), "top")
    assert found.deepest == 1 and found.paths[0].luts == 1


def test_loops_and_strange_cells_are_errors():
    loop = {"x": _cell("LUT1", I0=[11], O=[12]), "y": _cell("LUT1", I0=[12], O=[11])}
    with pytest.raises(ToolError, match="free of loops"):
        logic_levels(_netlist(loop, {}), "top")
    with pytest.raises(ToolError, match="known, not WHAT"):
        logic_levels(_netlist({"x": _cell("WHAT")}, {}), "top")


DESIGN = """
module added(input clk, input [31:0] a, b, output reg [31:0] sum);
always @(posedge clk) sum <= a + b;
endmodule
module known(input clk, input [31:0] a, b, output [31:0] sum, output reg [44:0] product,
             output reg parity);
reg [31:0] left, right;
wire [31:0] both;
added adder(clk, left, right, sum);
always @(posedge clk) begin
    left <= a; right <= b;
    product <= $signed(left[26:0]) * $signed(right[17:0]);
    parity <= left[0] ^ right[0];
end
endmodule"""


def test_levels_of_what_yosys_maps(tmp_path: Path):
    """32 bits of carry behind one table: 1 + 4; a multiplier: 5; one table: 1."""
    (tmp_path / "known.v").write_text(DESIGN)
    synthesise(tmp_path, ["known.v"], "known", find_device("xck26"), netlist="known.json")
    found = logic_levels(json.loads((tmp_path / "known.json").read_text()), "known")
    by_end = {path.end: path for path in found.paths}
    (total,) = (path for end, path in by_end.items() if end in ("sum", "adder.sum"))
    assert (total.luts, total.carries, total.levels) == (1, 8, 5)
    assert by_end["product"].levels == 5 and found.deepest == 5
    assert by_end["product"].multipliers == 1 and by_end["parity"].levels == 1
