"""Sum or difference: in simulation, and the cells for ECP5 proved equal to the plain form."""

from __future__ import annotations

import itertools

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from sterna_flows.tools import ToolError, run_tool
from sterna_flows.yosys import yosys_command
from sterna_hw.add_subtract import ADD_SUBTRACT_MODULE, add_or_subtract


@pytest.mark.parametrize(("left_width", "right_width"), [(3, 3), (2, 4), (4, 2)])
@pytest.mark.parametrize("right_signed", [False, True], ids=["unsigned", "signed"])
def test_every_value(left_width, right_width, right_signed):
    m = Module()
    left = Signal(signed(left_width))
    right = Signal(signed(right_width) if right_signed else right_width)
    subtract = Signal()
    result = add_or_subtract(m, None, left, right, subtract, 6)
    lefts = range(-(1 << left_width - 1), 1 << left_width - 1)
    low = -(1 << right_width - 1) if right_signed else 0
    rights = range(low, low + (1 << right_width))

    async def bench(ctx):
        for a, b, minus in itertools.product(lefts, rights, (0, 1)):
            ctx.set(left, a)
            ctx.set(right, b)
            ctx.set(subtract, minus)
            await ctx.delay(1e-6)
            assert ctx.get(result) == (a - b if minus else a + b)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


def prove(folder, width: int, text: str) -> str:
    """Yosys' proof that the cells for ECP5 equal the plain form; raises when they do not."""
    (folder / "part.v").write_text(text)
    script = [
        # Only the carry cell and what it is made of: the library's memories need not be parsed.
        "read_verilog -D NO_INCLUDES +/ecp5/cells_sim.v",
        "read_verilog -D STERNA_ECP5 part.v",
        f"chparam -set WIDTH {width} sterna_add_subtract",
        "hierarchy -top sterna_add_subtract",
        "proc; flatten; opt_clean; rename sterna_add_subtract cells",
        "design -stash cells",
        "read_verilog part.v",
        f"chparam -set WIDTH {width} sterna_add_subtract",
        "hierarchy -top sterna_add_subtract",
        "proc; flatten; opt_clean; rename sterna_add_subtract plain",
        "design -copy-from cells cells",
        "miter -equiv -flatten cells plain both",
        "sat -verify -prove trigger 0 both",
    ]
    (folder / "prove.ys").write_text("\n".join(script) + "\n")
    return run_tool(yosys_command("prove.ys"), folder, "prove.log")


@pytest.mark.parametrize("width", [2, 3, 8, 11])
def test_carry_cells_equal_the_plain_form(width, tmp_path):
    assert "SUCCESS" in prove(tmp_path, width, ADD_SUBTRACT_MODULE)


def test_the_proof_can_fail(tmp_path):
    wrong = ADD_SUBTRACT_MODULE.replace("carry[0] = subtract", "carry[0] = 1'b0")
    assert wrong != ADD_SUBTRACT_MODULE
    with pytest.raises(ToolError):
        prove(tmp_path, 4, wrong)
