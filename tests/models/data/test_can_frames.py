"""The synthetic CAN frames say that they are synthetic, and look as their description says."""

import numpy as np
import pytest

from sterna_models.data import load_can_frames
from sterna_models.data.can_frames import CAN_CLASS_NAMES


@pytest.fixture(scope="module")
def data():
    return load_can_frames(train_windows=8, test_windows=4)


def identifiers(codes):
    return codes[:, :11].astype(int) @ (1 << np.arange(10, -1, -1))


def test_is_labelled_synthetic(data):
    assert data.synthetic
    assert "SYNTHETIC" in data.source


def test_every_class_occurs_in_both_parts(data):
    for labels in (data.train_labels, data.test_labels):
        assert set(labels.tolist()) == set(range(len(CAN_CLASS_NAMES)))


def test_features_are_bits(data):
    assert data.input_shape == (111,)
    assert set(np.unique(data.train_codes).tolist()) == {0, 1}


def test_attacks_use_their_identifiers(data):
    found = identifiers(data.train_codes)
    assert set(found[data.train_labels == 1].tolist()) == {0}
    assert set(found[data.train_labels == 3].tolist()) == {0x316}
    assert set(found[data.train_labels == 4].tolist()) == {0x43F}
    assert len(set(found[data.train_labels == 2].tolist())) > 100


def test_attacked_identifiers_are_also_sent_normally(data):
    normal = set(identifiers(data.train_codes)[data.train_labels == 0].tolist())
    assert {0x316, 0x43F} <= normal


def test_intervals_are_thermometers(data):
    for first in (79, 95):
        steps = np.diff(data.train_codes[:, first : first + 16].astype(int), axis=1)
        assert steps.max() <= 0


def test_is_repeatable(data):
    again = load_can_frames(train_windows=8, test_windows=4)
    assert np.array_equal(again.train_codes, data.train_codes)
    assert np.array_equal(again.test_labels, data.test_labels)
