"""Runs inside the simulator: clocks the bench of `test_dsp_sums` and reads what it counted."""

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles


@cocotb.test()
async def blocks_equal_plain_verilog(dut) -> None:
    dut.flip.value = 0
    Clock(dut.clk, 10, unit="ns").start()
    await ClockCycles(dut.clk, 3000)
    assert int(dut.checked.value) > 2900
    assert int(dut.mismatches.value) == 0
    # The bench can fail: one bit turned in what is compared shows in every cycle.
    dut.flip.value = 1
    await ClockCycles(dut.clk, 20)
    assert int(dut.mismatches.value) > 10
