"""Japanese vowels: 640 real utterances of nine speakers, carried by the Python package `sktime`.

Each speaker said the vowels /ae/ many times; every utterance is a series of 7 to 29 frames of
twelve coefficients of linear prediction. The task is to tell who speaks. The split is the
publishers' own: 270 utterances to train, 30 of each speaker, and 370 to test, recorded later.

A coefficient is centred on the median of the training frames, divided by a power of two that covers
98 % of them, and rounded to a signed 8-bit code; what a front end would do once. A series begins at
frame 0 and is followed by zeros up to frame 29. The files (the text format ``.ts``: a header that
ends with ``@data``, then a line for each series, channels separated by colons, the class last) are
read from the installed package; nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .data_set import DataSet
from .packaged import packaged_file

__all__ = ["load_vowels", "read_series"]

_CHANNELS = 12
_LENGTH = 29
_SPEAKERS = 9
_SCALE = 2.0**-6


def read_series(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Series (float64, shape ``(channels, frames)`` each) and classes (int64, as in the file).

    Raises
    ------
    ValueError
        If a line of the file is not a series with a class.
    """
    _, _, body = path.read_text(encoding="utf-8").partition("@data\n")
    series, classes = [], []
    for number, line in enumerate(body.splitlines(), start=1):
        *channels, name = line.split(":")
        try:
            series.append(np.array([channel.split(",") for channel in channels], dtype=np.float64))
            classes.append(int(name))
        except ValueError as error:
            raise ValueError(
                f"Series {number} of {path.name} must be numbers and a class: {error}"
            ) from None
    return series, np.array(classes, dtype=np.int64)


def _codes(series: list[np.ndarray], centre: np.ndarray, step: np.ndarray) -> np.ndarray:
    codes = np.zeros((len(series), _CHANNELS, _LENGTH), dtype=np.int8)
    for sample, values in zip(codes, series):
        scaled = np.round((values - centre[:, np.newaxis]) / step[:, np.newaxis])
        sample[:, : values.shape[1]] = np.clip(scaled, -128, 127)
    return codes


def load_vowels() -> DataSet:
    """Who says a vowel; inputs of shape (12, 29), channels first, scale 1/64, signed; nine
    classes."""
    folder = "datasets/data/JapaneseVowels"
    (train, train_classes), (test, test_classes) = (
        read_series(packaged_file("sktime", f"{folder}/JapaneseVowels_{part}.ts"))
        for part in ("TRAIN", "TEST")
    )
    frames = np.concatenate(train, axis=1)
    centre = np.median(frames, axis=1)
    spread = np.quantile(np.abs(frames - centre[:, np.newaxis]), 0.98, axis=1)
    step = np.exp2(np.ceil(np.log2(spread / 64)))
    return DataSet(
        name="japanese-vowels",
        source="640 real utterances of two vowels by nine speakers, as twelve coefficients of "
        "linear prediction (UCI Japanese Vowels), carried by the Python package sktime",
        licence="UCI: CC BY 4.0; package: BSD-3-Clause",
        synthetic=False,
        class_names=tuple(f"speaker {number}" for number in range(1, _SPEAKERS + 1)),
        scale=_SCALE,
        split="the publishers' own training and test files",
        split_seed=0,
        train_codes=_codes(train, centre, step),
        train_labels=train_classes - 1,
        test_codes=_codes(test, centre, step),
        test_labels=test_classes - 1,
    )
