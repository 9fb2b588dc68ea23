"""What stands behind the leaves of a matrix engine: loops, trees, accumulation, output queue.

An engine asks the tail what the beat of weights that is up next is and whether it may enter; a
beat that completes a result may do so only when a place in the output queue is free. A fixed number
of cycles after a beat was accepted the engine delivers the leaves that it became, with their signs.
Nothing behind that has an enable or can be held up: see `adder_tree`, `accumulate`, `credit`.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream

from .adder_tree import adder_tree, adder_tree_cost, signs_cost, tree_levels
from .base import Cost, Device, IntegerRange
from .base.cost_table import logic
from .credit import CreditQueueConfig, delay
from .loop import Loop, loops_cost
from .matmul import MatmulConfig

__all__ = ["Leaf", "MatmulTail", "tail_cost"]

Leaf = tuple[Value, IntegerRange]


def tail_cost(config: MatmulConfig, device: Device) -> Cost:
    """Estimate of what `MatmulTail` takes: trees, accumulation, output queue, counters."""
    accumulate, levels = config.accumulate, tree_levels(config.leaf_count)
    width, signs = accumulate.sum_range.width, config.queries * config.has_signs
    tree = adder_tree_cost(
        device,
        config.leaf_count,
        config.leaf_range,
        width,
        config.has_signs,
        config.plain_registers,
    )
    queue = CreditQueueConfig(
        config.output_layout, config.pipeline_latency, config.places_needed
    ).cost(device)
    return (
        tree * (config.lanes * config.queries)
        + accumulate.cost(device)
        + queue
        + loops_cost(device, config.planes, config.output_blocks, config.input_blocks)
        + signs_cost(device, config.leaf_count, signs, config.leaf_latency)
        + logic(device, "matmul_tail", ff=config.leaf_latency + levels, each=1)
    )


class MatmulTail:
    """Loops, trees, accumulation and output queue of an engine.

    First it says what the beat of weights that is up next is (``is_last_of_block``) and whether it
    may enter (``has_place``); then `sum_up` is given the leaves that the beat became.

    Attributes
    ----------
    accept : one-bit signal, to be driven
        A beat of weights is taken in this cycle; only while ``has_place``.
    has_place : one-bit signal
        If this beat completes results, there is a place for them. Made from registers.
    is_last_of_block : one-bit signal
        This beat is the last that needs the block of inputs.
    """

    def __init__(self, m: Module, config: MatmulConfig) -> None:
        self.config = config
        self.accept, self.has_place, self.is_last_of_block = Signal(), Signal(), Signal()
        m.submodules.queue = self.queue = CreditQueueConfig(
            config.output_layout, config.pipeline_latency, config.places_needed
        ).create()
        m.submodules.accumulate = self.accumulate = config.accumulate.create()
        plane = Loop(m, config.planes, self.accept, "plane")
        output = Loop(m, config.output_blocks, self.accept & plane.is_last, "output")
        block = Loop(m, config.input_blocks, self.accept & self.is_last_of_block, "block")
        gives_result = Signal()
        m.d.comb += [
            self.is_last_of_block.eq(plane.is_last & output.is_last),
            gives_result.eq(plane.is_last & block.is_last),
            self.has_place.eq(self.queue.available | ~gives_result),
            self.queue.take.eq(self.accept & gives_result),
        ]

    def sum_up(
        self,
        m: Module,
        platform: object,
        leaves: Sequence[Sequence[Leaf]],
        signs: Sequence[Value] | None,
    ) -> stream.Interface:
        """Sums the leaves of each output, ``leaves[lane*queries + query]``; returns the results.

        Leaves and signs belong to the beat accepted ``leaf_latency`` cycles before. ``signs`` has
        a value for each leaf, one bit a query, as from `adder_tree.relative_signs`.
        """
        config, accumulate, queue = self.config, self.accumulate, self.queue
        levels = tree_levels(config.leaf_count)
        width = config.accumulate.sum_range.width
        for number, place in enumerate(accumulate.sums):
            subtract = None
            if signs is not None:
                subtract = [sign[number % config.queries] for sign in signs]
            root, _ = adder_tree(m, platform, leaves[number], subtract, width)
            m.d.comb += place.eq(root)
        if signs is not None:
            m.d.comb += accumulate.negative.eq(delay(m, signs[0], levels))
        m.d.comb += [
            accumulate.valid.eq(
                delay(m, self.accept, config.leaf_latency + levels, reset_less=False)
            ),
            queue.push.eq(accumulate.result_valid),
            queue.result.eq(accumulate.result),
        ]
        return queue.o
