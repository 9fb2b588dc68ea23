"""The adders of a plan, with their registers: inputs in, outputs a fixed number of cycles later.

The inputs have a register of their own, since each is read by many adders; then come the plan's
stages with a register behind each. A value that is read later waits in a chain of registers, as
long as its last reader needs it. There is no enable and no reset: whoever uses it knows when a
result belongs to something.

Latency ``stages + 1``, a set of inputs every cycle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .add_fixed import add_fixed
from .adder_plan import Adder, AdderPlan, Operand
from .base import Cost, Device, IntegerRange
from .base.cost_table import logic
from .beat import shape_of
from .credit import delay_cost
from .shared_sums import SharedSums

__all__ = ["AdderPipeline", "AdderPipelineConfig"]


@dataclass(frozen=True)
class AdderPipelineConfig:
    """Sums and the adders that make them.

    Parameters
    ----------
    sums : :class:`SharedSums`
        What is computed.
    plan : :class:`AdderPlan`
        How; made from ``sums`` by `plan_adders`.
    result_range : :class:`IntegerRange`
        Of the outputs.
    """

    sums: SharedSums
    plan: AdderPlan
    result_range: IntegerRange

    @property
    def latency(self) -> int:
        """Cycles from inputs to their outputs."""
        return self.plan.stages + 1

    def compute(self, values: np.ndarray) -> np.ndarray:
        """The outputs for int64 inputs [..., inputs]."""
        return self.sums.compute(values)

    def adder_luts(self, device: Device) -> int:
        """Tables of all carry chains: one a bit, but for the bits at the bottom that are wire.
        Where no chain adds three, two more a bit bring three operands to two."""
        luts = 0
        for adder in self.plan.adders:
            bits = adder.values.width - _split(adder.operands)[1]
            luts += 3 * bits if len(adder.operands) == 3 and device.family == "ecp5" else bits
        return luts

    def cost(self, device: Device) -> Cost:
        """Estimate: the adders' tables, and the registers that the plan has."""
        plan = self.plan
        # Of operands of a bit or two synthesis makes tables, not a carry chain, unless the cells of
        # one chain for three operands are named; on ECP5 a cell of a chain has two bits.
        chain = few = single = three = 0
        for adder in plan.adders:
            bits = adder.values.width - _split(adder.operands)[1]
            widths = [
                plan.range_of(operand.value).width
                for operand in adder.operands
                if operand.value is not None
            ]
            if len(adder.operands) == 3 and device.family != "ecp5":
                three += bits
            elif max(widths) == 1:
                single += bits
            elif max(widths) == 2:
                few += bits
            elif device.family == "ecp5":
                chain += 2 * -(-bits // 2) * (3 if len(adder.operands) == 3 else 1)
            else:
                chain += bits
        cost = logic(
            device,
            "adder_pipeline",
            chain_bits=chain,
            few_bits=few,
            single_bits=single,
            three_bits=three,
        )
        # An input that nothing reads is not there.
        read = {operand.value for adder in plan.adders for operand in adder.operands}
        read |= {output.value for output in plan.outputs if output is not None}
        for value, last in enumerate(plan.last_stages()):
            if value not in read:
                continue
            cycles = last - plan.stage_of(value) + (value < plan.inputs)
            cost += delay_cost(device, plan.range_of(value).width, cycles)
        return cost

    def create(self) -> AdderPipeline:
        return AdderPipeline(self)


def _split(operands: tuple[Operand, ...]) -> tuple[Operand, int]:
    """The operand that reaches lowest, and how many bits it lies below all others if it is not
    negative: so many need no adder."""
    lowest = min(operands, key=lambda item: (item.value is None, item.shift))
    others = [item.shift for item in operands if item is not lowest and item.value is not None]
    free = min(others, default=lowest.shift) - lowest.shift
    return lowest, 0 if lowest.negative else free


class AdderPipeline(wiring.Component):
    """The adders.

    Attributes
    ----------
    i : in, array of inputs
    o : out, array of outputs
    """

    def __init__(self, config: AdderPipelineConfig) -> None:
        self.config = config
        plan = config.plan
        results = data.ArrayLayout(shape_of(config.result_range), len(plan.outputs))
        super().__init__(
            {
                "i": In(data.ArrayLayout(shape_of(plan.input_range), plan.inputs)),
                "o": Out(results),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        plan = self.config.plan
        last = plan.last_stages()
        # For each value what it is in the stage that makes it, and in each one after.
        copies: list[list[Value]] = []

        def keep(value: int, made: Value) -> None:
            found = [made]
            for later in range(last[value] - plan.stage_of(value)):
                copy = Signal(shape_of(plan.range_of(value)), reset_less=True)
                copy.name = f"value_{value}_{later + 1}"
                m.d.sync += copy.eq(found[-1])
                found.append(copy)
            copies.append(found)

        def read(operand: Operand, stage: int) -> Value:
            if operand.value is None:
                return Const(0, 1)
            found = copies[operand.value][stage - plan.stage_of(operand.value)]
            return found << operand.shift if operand.shift else found

        for place in range(plan.inputs):
            held = Signal(shape_of(plan.input_range), reset_less=True, name=f"input_{place}")
            m.d.sync += held.eq(self.i[place])
            keep(place, held)
        for number, adder in enumerate(plan.adders):
            total = Signal(shape_of(adder.values), name=f"value_{plan.inputs + number}")
            m.d.comb += total.eq(self._sum(m, platform, adder, read))
            keep(plan.inputs + number, total)
        for place, output in zip(self.o, plan.outputs):
            m.d.comb += place.eq(0 if output is None else read(output, plan.stages))
        return m

    def _sum(
        self, m: Module, platform: object, adder: Adder, read: Callable[[Operand, int], Value]
    ) -> Value:
        """The sum in one carry chain, behind the bits that need none; a positive operand first."""
        width = adder.values.width
        lowest, free = _split(adder.operands)
        ordered = sorted(adder.operands, key=lambda item: (item.negative, item is not lowest))
        values = [
            read(replace(item, shift=max(item.shift - free, 0)), adder.stage) for item in ordered
        ]
        low: list[Value] = []
        if free:
            whole = Signal(signed(max(width, free + 1)))
            m.d.comb += whole.eq(values[0])
            low, values[0] = [whole[:free]], whole >> free
        negative = [item.negative for item in ordered[1:]]
        if len(values) == 2:
            first, second = values
            return Cat(*low, first - second if negative[0] else first + second)
        first, second, third = values
        signs = (negative[0], negative[1])
        total = add_fixed(m, platform, (first, second, third), signs, max(width - free, 1))
        return Cat(*low, total)
