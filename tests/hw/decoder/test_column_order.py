"""The order of columns: members of a group stand a row apart before, side by side after."""

from __future__ import annotations

import numpy as np

from sterna_hw.decoder.column_order import arrange_columns


def test_by_hand():
    # Two tables, groups of three: inputs 0, 2, 4 meet in table 0, and 1, 3, 5 in table 1.
    weights = np.arange(8)[np.newaxis]
    moved = arrange_columns(weights, tables=2, group=3)
    np.testing.assert_array_equal(moved, [[0, 2, 4, 1, 3, 5, 6, 0, 0, 7, 0, 0]])


def test_products_are_kept():
    generator = np.random.default_rng(1)
    weights, inputs = generator.integers(-1, 2, (5, 23)), generator.integers(-127, 128, 23)
    moved = arrange_columns(weights, 4, 3) @ arrange_columns(inputs[np.newaxis], 4, 3)[0]
    np.testing.assert_array_equal(moved, weights @ inputs)


def test_kind_of_number_stays():
    assert arrange_columns(np.zeros((2, 3), dtype=np.int8), 2, 2).dtype == np.int8
