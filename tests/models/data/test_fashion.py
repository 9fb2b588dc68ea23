"""Fashion-MNIST, read here from small files of its format: the real ones come by a package."""

import gzip

import numpy as np
import pytest

from sterna_models.data.fashion import find_fashion, load_fashion, read_idx


def write_idx(path, values):
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + values.tobytes()))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    generator = np.random.default_rng(1)
    for stem, count in (("train", 7), ("t10k", 3)):
        images = generator.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte.gz", images)
        labels = generator.integers(0, 10, count).astype(np.uint8)
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte.gz", labels)
    monkeypatch.setenv("STERNA_FASHION_MNIST", str(tmp_path))
    return tmp_path


def test_files_become_a_data_set(folder):
    data = load_fashion()
    assert data.input_shape == (1, 28, 28) and not data.synthetic
    assert (len(data.train_labels), len(data.test_labels)) == (7, 3)
    images = read_idx(folder / "t10k-images-idx3-ubyte.gz")
    assert np.array_equal(data.test_inputs, images[:, np.newaxis].astype(np.float32) / 256)
    assert len(data.class_names) == 10


def test_shared_folders_of_the_system_are_searched(folder, tmp_path_factory, monkeypatch):
    shared = tmp_path_factory.mktemp("share")
    (shared / "datasets").mkdir()
    (shared / "datasets" / "fashion-mnist").symlink_to(folder)
    monkeypatch.delenv("STERNA_FASHION_MNIST")
    monkeypatch.setenv("XDG_DATA_DIRS", f"{shared / 'none'}:{shared}")
    assert find_fashion() == shared / "datasets" / "fashion-mnist"


def test_missing_files_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path))
    monkeypatch.delenv("STERNA_FASHION_MNIST", raising=False)
    with pytest.raises(ValueError, match="must be installed: apt-get install dataset-fashion-mni"):
        load_fashion()


@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x01\0\0\0\x05abc", b"\0\0\x0d\x01\0\0\0\0"])
def test_refuses_other_files(tmp_path, content):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match=r"a.gz must hold bytes in IDX format, as many as it says"):
        read_idx(path)


def test_refuses_what_is_not_compressed(tmp_path):
    (tmp_path / "a.gz").write_bytes(b"abc")
    with pytest.raises(ValueError, match=r"a.gz must be a readable gzip file"):
        read_idx(tmp_path / "a.gz")
