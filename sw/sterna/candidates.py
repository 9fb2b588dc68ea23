"""Which engines a layer may have, and the foldings of one that are worth comparing.

Among all counts of inputs with the same number of input blocks only the smallest is a candidate,
and likewise for outputs; and beside these, since a gearbox between layers may cost more than a few
unused inputs, the next block that is a multiple of what the layer before gives in a beat, or
divides it. An unrolled layer has one folding only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from sterna_hw.base import Device, IntegerRange

from .folding import (
    ENGINES,
    Folding,
    TableFolding,
    UnrolledFolding,
    engine_style,
    recommended_folding,
)
from .ir import MatMul

__all__ = ["ENGINE_CHOICES", "candidates", "engine_styles"]

ENGINE_CHOICES = ("recommended", "auto", *ENGINES)
"""What may be asked for as the engine of a network."""

UNROLLED_WEIGHTS = 4096
"""Weights that are not zero up to which a layer's adders are looked for unasked: some seconds."""


def _useful_counts(total: int) -> list[int]:
    """For each number of steps that covers ``total``, the smallest count a step."""
    steps = {-(-total // count) for count in range(1, total + 1)}
    return sorted({-(-total // step) for step in steps})


def _block_counts(inputs: int, group: int, given: int | None) -> list[int]:
    """Blocks worth trying, in groups: the useful ones and those that fit beats of ``given``."""
    groups = -(-inputs // group)
    useful = _useful_counts(groups)
    if given is None:
        return useful
    # Multiples of both a group and a beat, or groups that a beat holds a whole number of.
    step = math.lcm(group, given) // group
    fitting = {-(-count // step) * step for count in useful}
    fitting |= {count for count in range(1, given) if given % (count * group) == 0}
    return sorted({*useful, *(count for count in fitting if count <= groups)})


def candidates(
    layer: MatMul, recommended: Folding, largest: int | None = None, given: int | None = None
) -> Iterable[Folding]:
    """Foldings of a layer in the style of a recommended one (engine, group, folding, buffers).

    ``largest`` bounds the multiply-accumulates a cycle, but the smallest folding is always among
    them; ``given`` is how many elements a beat the layer before gives, if that is known.
    """
    if isinstance(recommended, UnrolledFolding):
        yield recommended
        return
    outputs, inputs = layer.weights.shape
    is_table = isinstance(recommended, TableFolding)
    group = min(recommended.group, inputs) if is_table else 1
    if largest is not None:
        largest = max(largest, group)
    for blocks in _block_counts(inputs, group, given):
        for queries in _useful_counts(outputs):
            if largest is not None and blocks * group * queries > largest:
                break
            if isinstance(recommended, TableFolding):
                sign_fold = recommended.sign_fold and layer.alphabet.symmetric
                yield TableFolding(group, blocks, queries, sign_fold, recommended.buffers)
            else:
                yield replace(recommended, block_inputs=blocks, queries=queries)


def engine_styles(
    engine: str, layer: MatMul, inputs: IntegerRange, device: Device, reloadable: bool
) -> list[Folding]:
    """The engines that a layer may have, each at the least parallelism: the named one, the one
    ``recommended`` for the device, or with ``auto`` all that suit the layer.

    An engine whose cost is known only when its adders have been found suits a layer if these are
    few enough to look for.
    """
    if engine == "recommended":
        return [recommended_folding(layer, device)]
    if engine != "auto":
        return [engine_style(engine, layer, device)]

    def suits(style: Folding) -> bool:
        if isinstance(style, UnrolledFolding):
            is_small = int(np.count_nonzero(layer.weights)) <= UNROLLED_WEIGHTS
            return is_small and not reloadable and find_spec("da4ml") is not None
        try:
            style.engine_config(layer, inputs, None)
        except ValueError:
            return False
        return True

    styles = (engine_style(name, layer, device) for name in ENGINES)
    return [style for style in styles if suits(style)]
