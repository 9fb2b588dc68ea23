"""The decoder's sums by carry chains; see `leaf_sums` for when totals come and go.

A tree of adders whose signs cost nothing (`adder_tree`) ends in an accumulating adder. For Xilinx
devices there is a tree of adders of three operands (`three_tree`), half as many, whose signs cost a
little; its accumulating adder takes two operands besides the total. Signs are packed for the first
tree; what makes them those of the second is shared by all lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from ..add_subtract import add_or_subtract
from ..adder_tree import adder_tree, tree_levels
from ..base import Cost, Device, IntegerRange
from ..credit import delay
from ..table_copies import table_copy
from ..three_tree import (
    accumulated,
    three_tree,
    three_tree_cost,
    three_tree_levels,
    three_tree_signs,
)
from .column_fill import ColumnFill
from .leaf_sums import SumShape

__all__ = ["LogicSums"]

LOOK_UP_LATENCY = 2
"""Cycles from a code to what it looks up: the registers of the index and of the value."""


@dataclass(frozen=True)
class LogicSums:
    """Sums by carry chains of two operands, or of three."""

    shape: SumShape
    operands: int = 2

    @property
    def _levels(self) -> int:
        levels = three_tree_levels if self.operands == 3 else tree_levels
        return levels(self.shape.tables)

    @property
    def read_offset(self) -> int:
        return max(1, self._levels)

    def cost(self, device: Device) -> Cost:
        """Estimate: the trees, the accumulating adders, their registers, and the signs."""
        shape = self.shape
        total, signs = shape.total_range.width, shape.queries * shape.tables * shape.has_signs
        if self.operands == 3:
            each = three_tree_cost(shape.tables, shape.leaf_range, total, shape.has_signs)
            lut, ff, shared = each.lut, each.ff, Cost(lut=signs, ff=4 * signs)
        else:
            nodes, width = shape.tables, shape.leaf_range.width
            lut, ff, shared = total, total, Cost(ff=3 * signs)
            while nodes > 1:
                pairs, nodes, width = nodes // 2, -(-nodes // 2), width + 1
                lut += pairs * (width + 1)
                ff += nodes * width
        # Looked-up values and the previous total have registers too.
        ff += shape.tables * shape.leaf_range.width + total
        return Cost(lut=lut, ff=ff) * (shape.lanes * shape.queries) + shared

    def build(
        self,
        m: Module,
        platform: object,
        fill: ColumnFill,
        codes: Sequence[Value],
        previous: Sequence[Value],
        clear: Value,
    ) -> list[Value]:
        """See `DspSums.build`."""
        shape = self.shape
        leaves = self._leaves(m, fill, codes)
        signs = self._signs(m, codes)
        width = shape.total_range.width
        totals: list[Value] = []
        for number, kept in enumerate(previous):
            base = Signal.like(kept, reset_less=True, name=f"base_{number}")
            m.d.sync += base.eq(Mux(clear, 0, kept))
            total = Signal.like(kept, reset_less=True, name=f"total_{number}")
            add = self._add_three if self.operands == 3 else self._add_two
            own = signs[number % shape.queries] if shape.has_signs else None
            m.d.sync += total.eq(add(m, platform, base, leaves[number], own, width))
            totals.append(total)
        return totals

    def _leaves(
        self, m: Module, fill: ColumnFill, codes: Sequence[Value]
    ) -> list[list[tuple[Value, IntegerRange]]]:
        """For each total what is looked up for it, `LOOK_UP_LATENCY` cycles after its codes."""
        shape = self.shape
        leaves: list[list] = [[] for _ in range(shape.lanes * shape.queries)]
        for table, entry in enumerate(fill.entries):
            for query in range(shape.queries):
                code = codes[query * shape.tables + table]
                name = f"{query}_{table}"
                index = Cat(code[: shape.entry_width], fill.read_half)
                looked_up = Signal(len(entry), reset_less=True, name=f"looked_up_{name}")
                m.d.sync += looked_up.eq(table_copy(m, name, fill.writes[table], entry, index))
                for lane, value in enumerate(shape.values(looked_up)):
                    leaves[lane * shape.queries + query].append((value, shape.leaf_range))
        return leaves

    def _signs(self, m: Module, codes: Sequence[Value]) -> list[list[Value]]:
        """For each query the sign of each leaf, in the cycle in which its tree wants it."""
        shape = self.shape
        wait = self.read_offset - self._levels
        signs = []
        for query in range(shape.queries):
            own = [code[-1] for code in codes[query * shape.tables :][: shape.tables]]
            if self.operands == 3:
                own = three_tree_signs(m, own, LOOK_UP_LATENCY)
                # Only a tree without levels waits: then all signs are its accumulating adder's.
                signs.append([delay(m, sign, wait) for sign in own])
            else:
                first = delay(m, own[0], LOOK_UP_LATENCY + self.read_offset)
                signs.append([first, *(delay(m, sign, LOOK_UP_LATENCY) for sign in own[1:])])
        return signs

    def _add_two(
        self,
        m: Module,
        platform: object,
        base: Value,
        leaves: Sequence[tuple[Value, IntegerRange]],
        signs: Sequence[Value] | None,
        width: int,
    ) -> Value:
        root, _ = adder_tree(m, platform, leaves, signs, width)
        root = delay(m, root, self.read_offset - self._levels)
        if signs is None:
            return base + root
        return add_or_subtract(m, platform, base, root, signs[0], width)

    def _add_three(
        self,
        m: Module,
        platform: object,
        base: Value,
        leaves: Sequence[tuple[Value, IntegerRange]],
        signs: Sequence[Value] | None,
        width: int,
    ) -> Value:
        nodes = three_tree(m, platform, leaves, signs, width)
        wait = self.read_offset - self._levels
        nodes = [replace(node, value=delay(m, node.value, wait)) for node in nodes]
        return accumulated(m, platform, base, nodes, signs, width)
