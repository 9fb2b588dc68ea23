"""Three operands in one chain: in simulation, and the cells of Xilinx proved equal to plain
Verilog, as they are written and as Yosys leaves them."""

from __future__ import annotations

import json
import random

import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from sterna_flows.tools import ToolError
from sterna_flows.yosys import count_cells
from sterna_hw.add_three import ADD_THREE_MODULE, add_three, add_three_luts
from sterna_hw.verilog import emit
from sterna_sim.lint import lint

from .cell_proof import prove

TOP = "sterna_add_three"


class Sum(wiring.Component):
    """Three operands of different widths, the middle one without a sign of its own."""

    def __init__(self, with_signs: bool, width: int) -> None:
        self.with_signs, self.width = with_signs, width
        super().__init__(
            {
                "left": In(signed(5)),
                "middle": In(3),
                "right": In(signed(4)),
                "minus": In(2),
                "result": Out(signed(width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        signs = (self.minus[0], self.minus[1]) if self.with_signs else (None, None)
        value = add_three(m, platform, self.left, self.middle, self.right, *signs, self.width)
        m.d.comb += self.result.eq(value)
        return m


@pytest.mark.parametrize("with_signs", [False, True], ids=["plain", "signs"])
@pytest.mark.parametrize("width", [4, 7])
def test_sums_and_differences(width, with_signs):
    """Exact where it fits, modulo a power of two otherwise; random operands and extreme ones."""
    dut = Sum(with_signs, width)
    generator = random.Random(width)
    cases = [
        (
            generator.choice((-16, 15, generator.randrange(-16, 16))),
            generator.choice((7, generator.randrange(8))),
            generator.choice((-8, 7, generator.randrange(-8, 8))),
            generator.randrange(4),
        )
        for _ in range(400)
    ]

    async def bench(ctx):
        for left, middle, right, minus in cases:
            ctx.set(dut.left, left)
            ctx.set(dut.middle, middle)
            ctx.set(dut.right, right)
            ctx.set(dut.minus, minus)
            await ctx.delay(1e-6)
            minus *= with_signs
            total = left + middle * (1 - 2 * (minus & 1)) + right * (1 - 2 * (minus >> 1))
            half = 1 << width - 1
            assert ctx.get(dut.result) == (total + half) % (2 * half) - half

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


def test_lint_is_clean():
    assert [str(message) for message in lint(emit(Sum(True, 7), "top"), "top")] == []


def parameters(width: int, middle: int, sign: int) -> dict[str, int]:
    return {"WIDTH": width, "MIDDLE_WIDTH": middle, "MIDDLE_SIGN": sign}


@pytest.mark.parametrize(
    ("width", "middle", "sign"), [(1, 1, 1), (4, 4, 0), (5, 3, 1), (8, 8, 1), (11, 5, 1)]
)
def test_cells_equal_the_plain_form(width, middle, sign, tmp_path):
    assert "SUCCESS" in prove(tmp_path, ADD_THREE_MODULE, TOP, parameters(width, middle, sign))


def test_netlist_equals_the_plain_form_and_has_a_table_a_bit(tmp_path):
    chosen = parameters(7, 5, 1)
    assert "SUCCESS" in prove(tmp_path, ADD_THREE_MODULE, TOP, chosen, map_first=True)
    counted = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    assert count_cells(counted, "xcup", "test").lut == add_three_luts(7, 5) == 10


def test_the_proof_can_fail(tmp_path):
    wrong = ADD_THREE_MODULE.replace("8EE88EE8", "8EE88EE0")
    assert wrong != ADD_THREE_MODULE
    with pytest.raises(ToolError):
        prove(tmp_path, wrong, TOP, parameters(4, 4, 1))
