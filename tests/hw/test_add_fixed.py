"""Three operands with fixed signs in one chain: in simulation, and the cells of Xilinx proved equal
to plain Verilog, as they are written and as Yosys leaves them."""

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
from sterna_hw.add_fixed import ADD_FIXED_MODULE, add_fixed
from sterna_hw.add_three import ADD_THREE_MODULE
from sterna_hw.verilog import emit
from sterna_sim.lint import lint

from .cell_proof import prove

TOP = "sterna_add_fixed"
SIGNS = [(False, False), (True, False), (False, True), (True, True)]


class Sum(wiring.Component):
    """Three operands of different widths, the second one without a sign of its own."""

    def __init__(self, negative: tuple[bool, bool], width: int) -> None:
        self.negative, self.width = negative, width
        super().__init__(
            {
                "first": In(signed(5)),
                "second": In(3),
                "third": In(signed(4)),
                "result": Out(signed(width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        operands = (self.first, self.second, self.third)
        m.d.comb += self.result.eq(add_fixed(m, platform, operands, self.negative, self.width))
        return m


@pytest.mark.parametrize("negative", SIGNS)
@pytest.mark.parametrize("width", [4, 7])
def test_sums_and_differences(width, negative):
    """Exact where it fits, modulo a power of two otherwise; random operands and extreme ones."""
    dut = Sum(negative, width)
    generator = random.Random(width)

    async def bench(ctx):
        for _ in range(100):
            first = generator.choice((-16, 15, generator.randrange(-16, 16)))
            second = generator.choice((7, generator.randrange(8)))
            third = generator.choice((-8, 7, generator.randrange(-8, 8)))
            ctx.set(dut.first, first)
            ctx.set(dut.second, second)
            ctx.set(dut.third, third)
            await ctx.delay(1e-6)
            total = first + second * (1 - 2 * negative[0]) + third * (1 - 2 * negative[1])
            half = 1 << width - 1
            assert ctx.get(dut.result) == (total + half) % (2 * half) - half

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


def test_lint_is_clean():
    assert [str(message) for message in lint(emit(Sum((True, False), 7), "top"), "top")] == []


def parameters(width: int, negative: tuple[bool, bool]) -> dict[str, int]:
    return {
        "WIDTH": width,
        "SECOND_NEGATIVE": int(negative[0]),
        "THIRD_NEGATIVE": int(negative[1]),
    }


@pytest.mark.parametrize("negative", SIGNS)
@pytest.mark.parametrize("width", [1, 4, 9])
def test_cells_equal_the_plain_form(width, negative, tmp_path):
    chosen = parameters(width, negative)
    assert "SUCCESS" in prove(tmp_path, ADD_FIXED_MODULE, TOP, chosen)


def test_netlist_equals_the_plain_form_and_has_a_table_a_bit(tmp_path):
    chosen = parameters(7, (False, True))
    assert "SUCCESS" in prove(tmp_path, ADD_FIXED_MODULE, TOP, chosen, map_first=True)
    counted = json.loads((tmp_path / "stat.json").read_text())["design"]["num_cells_by_type"]
    assert count_cells(counted, "xcup", "test").lut == 7


def test_both_kinds_of_sums_stand_in_one_design(tmp_path):
    """Both files declare the cells; whichever comes first."""
    for text in (ADD_THREE_MODULE + ADD_FIXED_MODULE, ADD_FIXED_MODULE + ADD_THREE_MODULE):
        assert "SUCCESS" in prove(tmp_path, text, TOP, parameters(5, (True, False)))


def test_the_proof_can_fail(tmp_path):
    wrong = ADD_FIXED_MODULE.replace("8'hB2", "8'hB3")
    assert wrong != ADD_FIXED_MODULE
    with pytest.raises(ToolError):
        prove(tmp_path, wrong, TOP, parameters(4, (True, False)))
