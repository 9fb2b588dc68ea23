"""Which layer gets how many planes under a budget: an integer program, and a closed form.

Both are given what it costs in quality to write a layer alone in fewer planes (its sensitivities)
and how many trits that takes, and keep the sum of trits within a budget.

`by_integer_program` is the choice of HAWQ-V3 (Yao and others, *HAWQ-V3: Dyadic Neural Network
Quantization*, ICML 2021): one precision for each layer, least sum of sensitivities, solved exactly
by HiGHS through scipy. There sensitivities come from the Hessian; here they are measured.

`by_closed_form` is the choice of BAQ (Zhang and others, *BAQ: Efficient Bit Allocation Quantization
for Large Language Models*, arXiv 2506.05664, 2025), which assumes that a layer's loss falls by a
fixed factor with every step of precision: with a plane of ternary digits the error falls to a
third, the loss ``c 9**-p`` to a ninth. The least sum under a budget then has equal loss for every
weight, which gives ``p = const + log9(c / weights)``. It is rounded down and what is left of the
budget goes to the layers that lost most by rounding.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

__all__ = ["by_closed_form", "by_integer_program", "trits_of"]

Sensitivities = Mapping[str, Mapping[int, float]]
"""By layer and number of planes: what writing it alone so costs; 0 for all that it has."""


def trits_of(planes: Mapping[str, int], weights: Mapping[str, int]) -> int:
    """Ternary digits of all weights of the layers."""
    return sum(weights[name] * count for name, count in planes.items())


def by_integer_program(
    sensitivities: Sensitivities, weights: Mapping[str, int], budget: int
) -> dict[str, int]:
    """Planes of each layer with the least sum of sensitivities.

    Raises
    ------
    ValueError
        If one plane each is more than the budget.
    """
    _check(weights, budget)
    choices = [(name, count) for name, known in sensitivities.items() for count in known]
    costs = np.array([sensitivities[name][count] for name, count in choices])
    trits = np.array([weights[name] * count for name, count in choices], dtype=float)
    once = np.array([[name == other for name, _ in choices] for other in sensitivities], float)
    found = milp(
        costs,
        constraints=[
            LinearConstraint(trits[np.newaxis], ub=budget),
            LinearConstraint(once, lb=1, ub=1),
        ],
        integrality=np.ones(len(choices)),
        bounds=Bounds(0, 1),
    )
    assert found.x is not None, found.message
    return {name: count for (name, count), taken in zip(choices, found.x) if taken > 0.5}


def by_closed_form(
    sensitivities: Sensitivities, weights: Mapping[str, int], budget: int
) -> dict[str, int]:
    """Planes of each layer by equal loss.

    Raises
    ------
    ValueError
        If one plane each is more than the budget.
    """
    _check(weights, budget)
    names = list(sensitivities)
    sizes = np.array([weights[name] for name in names], dtype=float)
    most = np.array([max(sensitivities[name]) for name in names])
    # The factor of each layer, from the coarsest precision, where the assumption matters most.
    factors = np.array([max(sensitivities[name][1], 1e-12) * 9 for name in names])
    wanted = np.log(factors / sizes) / np.log(9)
    planes = np.ones(len(names))
    free = np.ones(len(names), dtype=bool)
    while free.any():
        # What is at a bound is taken out, the others share what is left.
        left = budget - float((sizes * planes)[~free].sum())
        level = (left - float((sizes * wanted)[free].sum())) / float(sizes[free].sum())
        planes[free] = (wanted + level)[free]
        beyond = free & ((planes < 1) | (planes > most))
        planes = np.clip(planes, 1, most)
        if not beyond.any():
            break
        free &= ~beyond
    whole = np.floor(planes + 1e-9).astype(int)
    while True:
        rest = budget - float((sizes * whole).sum())
        lost = np.where((whole < most) & (sizes <= rest), planes - whole, -np.inf)
        if not np.isfinite(lost).any():
            break
        whole[int(lost.argmax())] += 1
    # Clipped up to one plane each, a sum may be beyond the budget: the least wanted give back.
    while float((sizes * whole).sum()) > budget:
        spare = np.where(whole > 1, wanted, np.inf)
        whole[int(spare.argmin())] -= 1
    return dict(zip(names, whole.tolist()))


def _check(weights: Mapping[str, int], budget: int) -> None:
    least = sum(weights.values())
    if budget < least:
        raise ValueError(f"Budget must be {least} trits or more, one for each weight, not {budget}")
