"""Place and route: the report read right, names told as in the source, small designs timed."""

from __future__ import annotations

import pytest

from sterna_flows.nextpnr import place_text, read_report, source_name
from sterna_flows.tools import ToolError
from sterna_hw.base import find_device


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("layer1.sum_TRELLIS_FF_Q_12", "layer1.sum"),
        ("layer1.sum_LUT4_Z_1_D_PFUMX_Z_BLUT_LUT4_Z", "layer1.sum"),
        ("top.total_CCU2C_S0_3", "top.total"),
        ("memory.0.0_DP16KD_DOA0", "memory.0.0"),
        ("table_2.0.3$DPRAM_COMB3", "table_2.0.3"),
        ("layer1.sum[3]", "layer1.sum[3]"),
        ("a_LUT4ever", "a_LUT4ever"),
    ],
)
def test_source_names(name: str, expected: str) -> None:
    assert source_name(name) == expected


def arc(kind: str, delay: float, cell: str, net: str = "") -> dict[str, object]:
    step = {"type": kind, "delay": delay, "from": {"cell": cell}, "to": {"cell": cell}}
    return {**step, "net": net} if net else step


def test_the_slowest_clock_and_its_path_are_read() -> None:
    path = [
        arc("clk-to-q", 0.5, "a_TRELLIS_FF_Q"),
        arc("routing", 1.0, "x", "a[0]"),
        arc("logic", 0.25, "b_LUT4_Z"),
        arc("routing", 1.25, "x", "b[1]"),
        arc("setup", 0.0, "c_TRELLIS_FF_Q_1"),
    ]
    other = [arc("source", 0.0, "pin")]
    report = {
        "fmax": {"k1": {"achieved": 300.0}, "k2": {"achieved": 123.456}},
        "critical_paths": [
            {"from": "posedge k1", "to": "posedge k1", "path": other},
            {"from": "<async>", "to": "posedge k2", "path": other},
            {"from": "posedge k2", "to": "posedge k2", "path": path},
        ],
        "utilization": {"TRELLIS_FF": {"used": 3}, "DP16KD": {"used": 0}},
    }
    placed = read_report(report, 200, "a.bit", "tool")
    assert placed.fmax_mhz == 123.46 and placed.used == {"TRELLIS_FF": 3}
    assert sum(step.delay_ns for step in placed.critical_path) == 3.0
    assert placed.path_text == "from a through b[1] to c"


def test_a_design_without_clock_is_refused() -> None:
    with pytest.raises(ToolError, match="must have a register"):
        read_report({"fmax": {}, "critical_paths": [], "utilization": {}}, 1, None, "t")


CHAIN = """module m(input clk, input [299:0] a, output reg o);
reg [299:0] r; reg [23:0] s, t;
always @(posedge clk) begin r <= a; s <= r[23:0] + r[47:24]; t <= t + s; o <= ^t ^ ^r; end
endmodule"""


def test_more_ports_than_pins_are_timed_out_of_context() -> None:
    device = find_device("ecp5-25k")
    resources, placed = place_text({"m.v": CHAIN}, "m", device)
    again = place_text({"m.v": CHAIN}, "m", device)
    assert again == (resources, placed)
    assert 50 < placed.fmax_mhz < 400 and placed.bitstream is None
    assert placed.used["TRELLIS_FF"] == resources.ff == 300 + 24 + 24 + 1
    assert "out of context" in placed.source


def test_only_ecp5_is_placed() -> None:
    with pytest.raises(ToolError, match="must be an ECP5, not xck26"):
        place_text({"m.v": CHAIN}, "m", find_device("xck26"))
