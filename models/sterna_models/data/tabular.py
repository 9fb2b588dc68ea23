"""Tabular data carried by the Python package `river`: Shuttle anomalies and Phishing pages.

Both are read from the files inside the installed package. Shuttle holds 49,097 readings of nine
sensors of a space shuttle (integers), 7 % of them anomalous; a feature is centred on the median of
the training part, divided by a power of two that covers 98 % of it, and rounded to a signed 8-bit
code: what a data-acquisition front end would do once. Phishing holds 1,250 web pages with nine
features that take the values 0, 1/2 and 1, so codes are 0, 1 and 2.
"""

from __future__ import annotations

import numpy as np

from .data_set import DataSet, stratified_split
from .packaged import read_packaged_table

__all__ = ["load_phishing", "load_shuttle"]

_SPLIT_SEED = 20241


def _read_table(file_name: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels; the label is the last column."""
    table = read_packaged_table("river", f"datasets/{file_name}", header_lines=1)
    return table[:, :-1], table[:, -1].astype(np.int64)


def load_shuttle() -> DataSet:
    """Shuttle anomaly detection, one fifth to test; inputs of shape (9,), scale 1/64, signed."""
    features, labels = _read_table("shuttle.csv.gz")
    train, test = stratified_split(labels, 0.2, _SPLIT_SEED)
    centre = np.median(features[train], axis=0)
    spread = np.quantile(np.abs(features[train] - centre), 0.98, axis=0)
    step = np.exp2(np.ceil(np.log2(np.maximum(spread, 1.0) / 64)))
    codes = np.clip(np.round((features - centre) / step), -128, 127).astype(np.int8)
    return DataSet(
        name="shuttle-anomaly",
        source="Statlog (Shuttle) of UCI, cast as anomaly detection, 49,097 real readings of nine "
        "sensors, carried by the Python package river",
        licence="UCI: CC BY 4.0; package: BSD-3-Clause",
        synthetic=False,
        class_names=("normal", "anomaly"),
        scale=2.0**-6,
        split="stratified by class, drawn at random",
        split_seed=_SPLIT_SEED,
        train_codes=codes[train],
        train_labels=labels[train],
        test_codes=codes[test],
        test_labels=labels[test],
    )


def load_phishing() -> DataSet:
    """Phishing pages, one fifth to test; inputs of shape (9,), codes 0, 1 and 2, scale 1/2."""
    features, labels = _read_table("phishing.csv.gz")
    train, test = stratified_split(labels, 0.2, _SPLIT_SEED)
    codes = np.round(features * 2).astype(np.uint8)
    return DataSet(
        name="phishing",
        source="1,250 real web pages with nine features (UCI website phishing), carried by the "
        "Python package river",
        licence="UCI: CC BY 4.0; package: BSD-3-Clause",
        synthetic=False,
        class_names=("legitimate", "phishing"),
        scale=0.5,
        split="stratified by class, drawn at random",
        split_seed=_SPLIT_SEED,
        train_codes=codes[train],
        train_labels=labels[train],
        test_codes=codes[test],
        test_labels=labels[test],
    )
