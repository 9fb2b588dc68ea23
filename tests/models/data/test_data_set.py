"""Splits are disjoint, complete, stratified and fixed; data sets refuse what does not fit."""

import numpy as np
import pytest

from sterna_models.data import DataSet, stratified_split


def small_data_set(**changes):
    fields = {
        "name": "small",
        "source": "made up",
        "licence": "none",
        "synthetic": True,
        "class_names": ("a", "b"),
        "scale": 0.25,
        "split": "by hand",
        "split_seed": 0,
        "train_codes": np.arange(12, dtype=np.uint8).reshape(4, 3),
        "train_labels": np.array([0, 1, 0, 1]),
        "test_codes": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "test_labels": np.array([1, 0]),
    }
    return DataSet(**{**fields, **changes})


@pytest.mark.parametrize("seed", range(8), ids=lambda s: f"seed{s}")
def test_split_is_a_stratified_partition(seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 4, 400)
    fraction = float(generator.uniform(0.1, 0.5))
    train, test = stratified_split(labels, fraction, seed)
    assert sorted([*train, *test]) == list(range(400))
    for label in range(4):
        size = int((labels == label).sum())
        assert int((labels[test] == label).sum()) == max(1, round(fraction * size))


def test_split_depends_on_the_seed_only():
    labels = np.repeat(np.arange(5), 20)
    again = [stratified_split(labels, 0.2, seed) for seed in (3, 3, 4)]
    assert np.array_equal(again[0][1], again[1][1])
    assert not np.array_equal(again[0][1], again[2][1])


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 2])
def test_split_refuses_fraction(fraction):
    with pytest.raises(ValueError, match=f"^Test fraction must be between 0 and 1, not {fraction}"):
        stratified_split(np.zeros(4), fraction, 0)


def test_inputs_are_codes_times_scale():
    data = small_data_set()
    assert data.input_shape == (3,)
    assert data.train_inputs.dtype == np.float32
    assert data.train_inputs.tolist() == (np.arange(12).reshape(4, 3) / 4).tolist()
    assert data.limited(3, 1).test_labels.tolist() == [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_codes": np.zeros((4, 3))}, "Codes of train must be uint8 or int8, not float64"),
        ({"test_labels": np.array([0])}, "Labels of test must be as many as its 2 samples, not 1"),
        ({"test_labels": np.array([0, 2])}, "Labels of test must be below 2, not 2"),
    ],
    ids=["codes", "count", "label"],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        small_data_set(**changes)
