"""Lint: clean on emitted designs, and the waivers hide no real fault."""

from __future__ import annotations

import pytest

from sterna_hw.verilog import emit
from sterna_sim.lint import lint

from .dummy_parts import AddOne
from .regroup_design import CONFIG


def test_emitted_designs_are_clean() -> None:
    assert lint(emit(AddOne(), "add_one"), "add_one") == []
    assert lint(emit(CONFIG.create(), "regroup"), "regroup") == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("LATCH", "module m(input c, d, output reg q); always @* if (c) q = d; endmodule\n"),
        ("UNOPTFLAT", "module m(input c, output x); assign x = !(x & c); endmodule\n"),
        ("WIDTHTRUNC", "module m(input [3:0] c, output [2:0] q); assign q = c; endmodule\n"),
        ("WIDTHEXPAND", "module m(input [3:0] c, output [4:0] q); assign q = c; endmodule\n"),
        ("UNDRIVEN", "module m(output q); wire u; assign q = u; endmodule\n"),
        ("MULTIDRIVEN", "module m(input c, output q); assign q = c; assign q = !c; endmodule\n"),
        ("", "module m(input c, output q); assign q = c endmodule\n"),
    ],
    ids=lambda value: value if " " not in value else "",
)
def test_faults_are_reported(kind: str, text: str) -> None:
    messages = lint({"m.v": text}, "m")
    assert kind in [message.kind for message in messages]
    assert str(messages[0]).startswith("m.v:1: ")
