"""Planes under a budget: the integer program is optimal, the closed form has equal losses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sterna_flows.exploration.bit_budget import by_closed_form, by_integer_program, trits_of


def case(seed: int) -> tuple[dict[str, dict[int, float]], dict[str, int]]:
    """Layers whose loss falls with every plane, but not as any formula says."""
    draw = np.random.default_rng(seed)
    sensitivities, weights = {}, {}
    for number in range(4):
        most = int(draw.integers(2, 6))
        losses = np.sort(draw.uniform(0, 1, most - 1))[::-1].tolist()
        name = f"layer{number}"
        sensitivities[name] = dict(enumerate([*losses, 0.0], start=1))
        weights[name] = int(draw.integers(10, 200))
    return sensitivities, weights


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_choices_keep_the_budget_and_the_program_is_optimal(seed: int, share: float) -> None:
    sensitivities, weights = case(seed)
    least = sum(weights.values())
    full = {name: max(known) for name, known in sensitivities.items()}
    budget = int(least + share * (trits_of(full, weights) - least))

    def loss(planes: dict[str, int]) -> float:
        return sum(sensitivities[name][count] for name, count in planes.items())

    program = by_integer_program(sensitivities, weights, budget)
    formula = by_closed_form(sensitivities, weights, budget)
    for planes in (program, formula):
        assert list(planes) == list(weights)
        assert all(planes[name] in sensitivities[name] for name in planes)
        assert trits_of(planes, weights) <= budget
    combinations = itertools.product(*(list(known) for known in sensitivities.values()))
    every = (dict(zip(weights, counts)) for counts in combinations)
    best = min(loss(planes) for planes in every if trits_of(planes, weights) <= budget)
    assert loss(program) == pytest.approx(best)
    assert loss(formula) >= best - 1e-12
    if share == 1.0:
        assert program == formula == full


def test_closed_form_gives_equal_losses() -> None:
    """Losses that fall to a ninth with every plane, layers of one size, and a budget in which the
    formula's planes are whole: all losses come out equal, as in the paper, and the integer program
    finds the same."""
    factors = {"a": 9.0, "b": 81.0, "c": 729.0}
    sensitivities = {
        name: {count: factor * 9.0**-count for count in range(1, 7)}
        for name, factor in factors.items()
    }
    weights = dict.fromkeys(factors, 100)
    planes = by_closed_form(sensitivities, weights, 900)
    assert planes == {"a": 2, "b": 3, "c": 4}
    assert by_integer_program(sensitivities, weights, 900) == planes
    losses = [sensitivities[name][count] for name, count in planes.items()]
    assert losses == pytest.approx([1 / 9] * 3)


@pytest.mark.parametrize("choose", [by_closed_form, by_integer_program])
def test_a_budget_below_one_plane_each_is_refused(choose) -> None:
    sensitivities, weights = case(0)
    least = sum(weights.values())
    with pytest.raises(ValueError, match=f"Budget must be {least} trits or more"):
        choose(sensitivities, weights, least - 1)
