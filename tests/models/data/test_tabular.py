"""The tabular sets hold the packages' own rows, in codes that fit their type."""

import numpy as np

from sterna_models.data import load_phishing, load_shuttle


def test_shuttle_is_whole_and_fixed():
    data = load_shuttle()
    assert data.input_shape == (9,)
    assert len(data.train_labels) + len(data.test_labels) == 49097
    assert int(data.train_labels.sum() + data.test_labels.sum()) == 3511
    assert data.train_codes.dtype == np.int8
    assert np.array_equal(data.test_codes, load_shuttle().test_codes)


def test_shuttle_codes_are_centred_on_training_samples():
    assert np.median(load_shuttle().train_codes, axis=0).tolist() == [0] * 9


def test_phishing_codes_are_halves():
    from river.datasets import Phishing

    data = load_phishing()
    reference = sorted(tuple(sample.values()) for sample, _ in Phishing())
    inputs = np.concatenate([data.train_inputs, data.test_inputs])
    assert sorted(map(tuple, inputs.tolist())) == reference
