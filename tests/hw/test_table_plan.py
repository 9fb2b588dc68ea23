"""The walk that fills a table: complete, each step one addition, and folded where asked."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sterna_hw.base import ALPHABETS, BINARY, SHIFTS, TERNARY, TWO_BIT, Alphabet
from sterna_hw.table_plan import plan_table

THREES = Alphabet("threes", (-3, 0, 3))
HALVES = Alphabet("halves", (-3, -1, 1, 3))
UNSIGNED = Alphabet("unsigned", (0, 1, 2))
EVERY = [*ALPHABETS.values(), THREES, HALVES, UNSIGNED]
PLANS = [
    pytest.param(alphabet, group, fold, id=f"{alphabet.name}-{group}-{'fold' if fold else 'full'}")
    for alphabet, group, fold in itertools.product(EVERY, (1, 2, 3, 4), (False, True))
    if (alphabet.symmetric or not fold) and len(alphabet) ** group <= 2401
]


@pytest.mark.parametrize(
    ("alphabet", "group", "fold", "entries", "steps"),
    [
        (TERNARY, 3, True, 14, 14),
        (TERNARY, 3, False, 27, 28),
        (TERNARY, 2, True, 5, 5),
        (TERNARY, 4, True, 41, 41),
        (BINARY, 4, False, 16, 20),
        (BINARY, 4, True, 8, 12),
        (BINARY, 1, True, 1, 2),
        (TWO_BIT, 2, False, 16, 18),
        (SHIFTS, 2, True, 25, 25),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_sizes(alphabet, group, fold, entries, steps):
    plan = plan_table(alphabet, group, fold)
    assert (plan.entry_count, len(plan.steps)) == (entries, steps)


@pytest.mark.parametrize(("alphabet", "group", "fold"), PLANS)
def test_every_choice_has_one_entry(alphabet, group, fold):
    plan = plan_table(alphabet, group, fold)
    entries = set(plan.entries)
    assert len(entries) == len(plan.entries)
    for choice in itertools.product(alphabet.values, repeat=group):
        opposite = tuple(-letter for letter in choice)
        if not fold:
            assert choice in entries
        elif any(choice):
            assert (choice in entries) != (opposite in entries)
        else:
            assert choice in entries


@pytest.mark.parametrize(("alphabet", "group", "fold"), PLANS)
def test_steps_make_the_entries_in_order(alphabet, group, fold):
    plan = plan_table(alphabet, group, fold)
    x = np.random.default_rng(group).integers(-1000, 1000, group)
    total, written = None, []
    for step in plan.steps:
        if step.digit is None:
            total = 0
        else:
            assert total is not None
            added = int(x[step.digit]) << step.shift
            total += -added if step.negative else added
        if step.is_written:
            written.append(total)
    assert written == [int(np.dot(entry, x)) for entry in plan.entries]
    assert written == plan.tables(x).tolist()


@pytest.mark.parametrize(("alphabet", "group", "fold"), PLANS)
def test_index_finds_the_choice(alphabet, group, fold):
    plan = plan_table(alphabet, group, fold)
    indices = plan.indices()
    assert indices.max() < 1 << plan.index_width
    for choice in itertools.product(range(len(alphabet)), repeat=group):
        number = sum(code * len(alphabet) ** digit for digit, code in enumerate(choice))
        sign, address = divmod(int(indices[number]), 1 << plan.entry_width)
        entry = [(-letter if sign else letter) for letter in plan.entries[address]]
        assert entry == [alphabet.values[code] for code in choice]


@pytest.mark.parametrize("alphabet", [TERNARY, BINARY, TWO_BIT, SHIFTS], ids=lambda a: a.name)
def test_a_step_an_entry_apart_from_the_ends(alphabet):
    """No entry of the standing alphabets costs more than one step, but for clearing and warm-up."""
    plan = plan_table(alphabet, 3, False)
    silent = [step for step in plan.steps[plan.warm_up_steps :] if not step.is_written]
    assert all(step.digit is None for step in silent)
    assert len(silent) <= 1


@pytest.mark.parametrize(
    ("alphabet", "group", "fold", "text"),
    [
        (TERNARY, 0, False, "Group must be 1 to 7 with 3 letters, not 0"),
        (
            TWO_BIT,
            2,
            True,
            "Alphabet must hold the negative of each letter to fold signs, not (-2, -1, 0, 1)",
        ),
    ],
    ids=["group", "fold"],
)
def test_refusals(alphabet, group, fold, text):
    with pytest.raises(ValueError) as caught:
        plan_table(alphabet, group, fold)
    assert str(caught.value) == text
