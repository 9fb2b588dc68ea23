"""Operands: the gateware and `compute` agree on the border of every rule, for every opcode."""

from __future__ import annotations

import random

import pytest
from amaranth.sim import Simulator

from sterna_hw.decoder.instruction import INSTRUCTIONS, SLOTS, Opcode
from sterna_hw.decoder.operand_check import OperandCheckConfig

CONFIG = OperandCheckConfig(
    ports=3,
    slots=20,
    record_words=5,
    largest_beats=30,
    largest_input_blocks=7,
    largest_output_blocks=41,
)
BORDERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 19, 20, 21, 30, 31, 40, 41, 42, 60, 61, 62)


@pytest.mark.parametrize("opcode", Opcode, ids=lambda opcode: opcode.name)
def test_borders_of_all_rules(opcode: Opcode) -> None:
    choose = random.Random(int(opcode))
    used = {operand.slot for operand in INSTRUCTIONS[opcode].operands}
    cases = []
    for _ in range(120):
        slots = dict.fromkeys(SLOTS, 0)
        for slot in used:
            largest = (1 << SLOTS[slot]) - 1
            slots[slot] = choose.choice((*BORDERS, largest) if choose.random() < 0.9 else (5,))
        if "words" in used and choose.random() < 0.8:
            slots["words"] = 5
        cases.append({**slots, "opcode": int(opcode)})
    part = CONFIG.create()
    seen = []

    async def play(ctx) -> None:
        for case in cases:
            ctx.set(part.i, {**case, "layer": 0, "place": 0})
            await ctx.tick().repeat(2)
            seen.append(bool(ctx.get(part.ok)))

    simulator = Simulator(part)
    simulator.add_clock(1e-6)
    simulator.add_testbench(play)
    simulator.run()
    expected = [
        CONFIG.compute(
            case["opcode"], case["words"], case["stride"], case["count"], case["extra"],
            case["address"],
        )
        for case in cases
    ]  # fmt: skip
    assert seen == expected
    if used - {"address", "words"} and opcode not in (Opcode.REPEAT, Opcode.FINISH):
        assert {True, False} == set(seen)
