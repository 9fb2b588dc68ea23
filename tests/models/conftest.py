"""Fashion-MNIST comes by a package of the system, which a machine that runs these tests need not
have: here its files hold the samples that lie in the zoo, both to train and to test. What needs the
real ones is a command, ``python -m sterna_models.check_zoo fashion_ternary_cnn``."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sterna_models import zoo


def write_idx(path: Path, values: np.ndarray) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + values.tobytes(), compresslevel=1))


@pytest.fixture(scope="session", autouse=True)
def committed_fashion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("fashion-mnist")
    inputs, labels = zoo.test_set("fashion_ternary_cnn")
    images = (inputs[:, 0] * 256).astype(np.uint8)
    for stem in ("train", "t10k"):
        write_idx(folder / f"{stem}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{stem}-labels-idx1-ubyte.gz", labels.astype(np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STERNA_FASHION_MNIST", str(folder))
        yield
