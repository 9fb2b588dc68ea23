"""The vowels are the package's own series, in codes that fit their type and centred by training."""

import numpy as np
import pytest

from sterna_models.data import load_vowels
from sterna_models.data.packaged import packaged_file
from sterna_models.data.vowels import read_series


def original(part):
    return read_series(
        packaged_file("sktime", f"datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts")
    )


def test_split_is_the_publishers():
    data = load_vowels()
    assert data.input_shape == (12, 29)
    assert np.bincount(data.train_labels).tolist() == [30] * 9
    assert np.bincount(data.test_labels).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert data.train_codes.dtype == data.test_codes.dtype == np.int8


@pytest.mark.parametrize("part", ["train", "test"])
def test_codes_are_the_series_and_zeros_behind(part):
    series, _ = original(part.upper())
    codes = getattr(load_vowels(), f"{part}_codes")
    lengths = [values.shape[1] for values in series]
    assert min(lengths) == 7 and max(lengths) <= 29
    spoken = np.concatenate([sample[:, :size] for sample, size in zip(codes, lengths)], axis=1)
    assert not any(sample[:, size:].any() for sample, size in zip(codes, lengths))
    # A code is a linear function of the value, one for each coefficient, but at the ends.
    values = np.concatenate(series, axis=1)
    for channel, reals in zip(spoken, values):
        inside = np.abs(channel) < 127
        assert inside.mean() > 0.98
        slope, offset = np.polyfit(reals[inside], channel[inside], 1)
        assert np.abs(slope * reals[inside] + offset - channel[inside]).max() < 0.75
        assert np.log2(slope) == pytest.approx(round(np.log2(slope)), abs=0.02)


def test_centre_is_the_median_of_training_frames():
    lengths = [values.shape[1] for values in original("TRAIN")[0]]
    codes = load_vowels().train_codes
    spoken = np.concatenate([sample[:, :size] for sample, size in zip(codes, lengths)], axis=1)
    assert np.abs(np.median(spoken, axis=1)).max() <= 1


@pytest.mark.parametrize(
    ("line", "message"),
    [("1.0,x:2.0,3.0:1", "could not convert"), ("1.0,2.0:3.0:1", "inhomogeneous"), ("1.0:a", "")],
    ids=["no number", "ragged", "no class"],
)
def test_refuses_what_is_no_series(tmp_path, line, message):
    path = tmp_path / "some.ts"
    path.write_text(f"@problemName some\n@data\n1.0,2.0:3.0,4.0:1\n{line}\n")
    with pytest.raises(
        ValueError, match="^Series 2 of some.ts must be numbers and a class: "
    ) as at:
        read_series(path)
    assert message in str(at.value)
