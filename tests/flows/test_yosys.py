"""Counting cells: the table, what is not in it, and small designs with known answers."""

from __future__ import annotations

import pytest

from sterna_flows.tools import ToolError
from sterna_flows.yosys import Resources, count_cells, synthesise_modules, synthesise_text
from sterna_hw.base import find_device


def test_cells_are_weighed() -> None:
    ecp5 = {"LUT4": 5, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 9, "DP16KD": 2}
    ecp5 |= {"MULT18X18D": 4, "PFUMX": 7}
    assert count_cells(ecp5, "ecp5", "s") == Resources(5 + 6 + 12, 9, 2, 0, 4, "s")
    xilinx = {"LUT2": 1, "LUT6": 2, "RAM32M": 3, "FDRE": 4, "RAMB18E2": 3, "URAM288": 1}
    xilinx |= {"DSP48E2": 2, "CARRY4": 9, "MUXF7": 1}
    assert count_cells(xilinx, "xcup", "s") == Resources(3 + 12, 4, 1.5, 1, 2, "s")


@pytest.mark.parametrize("family", ["ecp5", "xcup", "xc7"])
def test_unknown_cells_are_an_error(family: str) -> None:
    with pytest.raises(ToolError, match="not LATCH, WHAT$"):
        count_cells({"WHAT": 1, "LATCH": 2}, family, "s")


MULTIPLY = """module m(input clk, input [8:0] a, b, output reg [17:0] o);
always @(posedge clk) o <= a * b; endmodule"""
MEMORY = """module m(input clk, we, input [8:0] wa, ra, input [35:0] d, output reg [35:0] q);
reg [35:0] memory [0:511];
always @(posedge clk) begin q <= memory[ra]; if (we) memory[wa] <= d; end endmodule"""


@pytest.mark.parametrize(
    ("target", "source", "expected"),
    [
        ("ecp5-85k", MULTIPLY, {"dsp": 1, "lut": 0, "bram": 0}),
        ("ecp5-25k", MEMORY, {"dsp": 0, "bram": 1}),
        ("xc7z020", MEMORY, {"dsp": 0, "bram": 0.5}),
    ],
)
def test_known_designs(target: str, source: str, expected: dict[str, float]) -> None:
    counted = synthesise_text({"m.v": source}, "m", find_device(target)).as_dict()
    assert {key: counted[key] for key in expected} == expected
    assert str(counted["source"]).startswith("Yosys ")


SIDE_BY_SIDE = """
module both(input clk, input [8:0] a, b, output [17:0] o, output reg q);
m product(.clk(clk), .a(a), .b(b), .o(o)); n other(.clk(clk), .d(a[0]), .q(q)); endmodule
module n(input clk, d, output reg q); inner i(.clk(clk), .d(d), .q(q)); endmodule
module inner(input clk, d, output reg q); always @(posedge clk) q <= d; endmodule"""


def test_modules_are_counted_each_by_itself_in_one_run() -> None:
    files = {"m.v": MULTIPLY, "both.v": SIDE_BY_SIDE}
    found = synthesise_modules(files, "both", ["m", "n"], find_device("xc7z020"))
    assert (found["m"].dsp, found["n"].dsp) == (1, 0)
    assert (found["n"].ff, found["n"].lut) == (1, 0)


LATCH = "module m(input e, d, output reg q); always_latch if (e) q = d; endmodule"
ABSENT = "module m(output q); other x(q); endmodule"
UNDRIVEN = "module m(output b); wire c; assign b = c; endmodule"
LOOP = "module m(input a, output b); wire c = a ^ b; assign b = ~(c & a); endmodule"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (LATCH, "Latch inferred for signal"),
        (ABSENT, "other' referenced"),
        (UNDRIVEN, "is used but has no driver"),
        (LOOP, "found logic loop"),
    ],
    ids=["latch", "absent", "undriven", "loop"],
)
def test_bad_designs_are_refused_in_one_line(source: str, text: str) -> None:
    with pytest.raises(ToolError, match=text) as caught:
        synthesise_text({"m.v": source}, "m", find_device("ecp5-25k"))
    assert "\n" not in str(caught.value)
