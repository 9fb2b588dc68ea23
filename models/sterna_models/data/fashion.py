"""Fashion-MNIST: 70,000 real photographs of clothes, 28 by 28 grey pixels, from its own files.

The four files (IDX format, gzipped) are found in a folder ``fashion-mnist``: where the environment
variable ``STERNA_FASHION_MNIST`` says, or in ``datasets`` of the shared data folders of the system,
where Debian's package ``dataset-fashion-mnist`` puts it. Nothing is downloaded. The split into
60,000 images to train and 10,000 to test is the publishers' own. Pixels stay the integers that they
are: the real input is pixel / 256.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .data_set import DataSet

__all__ = ["find_fashion", "load_fashion", "read_idx"]

_VARIABLE = "STERNA_FASHION_MNIST"
# The default of the XDG base directory specification.
_SHARED_FOLDERS = "/usr/local/share:/usr/share"
_NAMES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def _candidates() -> Iterator[Path]:
    if _VARIABLE in os.environ:
        yield Path(os.environ[_VARIABLE])
    for folder in (os.environ.get("XDG_DATA_DIRS") or _SHARED_FOLDERS).split(":"):
        yield Path(folder) / "datasets" / "fashion-mnist"


def find_fashion() -> Path:
    """The folder with the files.

    Raises
    ------
    ValueError
        If there is none; the message says how to get them.
    """
    for folder in _candidates():
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    raise ValueError(
        "Files of Fashion-MNIST must be installed: apt-get install dataset-fashion-mnist, "
        f"or {_VARIABLE} must name a folder with its four .gz files"
    )


def read_idx(path: Path) -> np.ndarray:
    """The unsigned bytes of a gzipped IDX file, in its shape.

    Raises
    ------
    ValueError
        If the file is not there or not such a file.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise ValueError(f"Data file {path} must be a readable gzip file: {error}") from None
    axes = content[3] if len(content) > 3 else 0
    header = 4 + 4 * axes
    shape = np.frombuffer(content[4:header], ">u4").astype(np.int64)
    if content[:3] != b"\0\0\x08" or len(content) != header + shape.prod():
        raise ValueError(f"Data file {path} must hold bytes in IDX format, as many as it says")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def load_fashion() -> DataSet:
    """Fashion-MNIST; inputs of shape (1, 28, 28), scale 1/256, ten classes."""
    folder = find_fashion()
    parts = {}
    for part, stem in (("train", "train"), ("test", "t10k")):
        images = read_idx(folder / f"{stem}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{stem}-labels-idx1-ubyte.gz")
        parts[f"{part}_codes"] = images.reshape(-1, 1, 28, 28)
        parts[f"{part}_labels"] = labels.astype(np.int64)
    return DataSet(
        name="fashion-mnist",
        source="70,000 real images of articles of clothing, Zalando Research; Debian package "
        "dataset-fashion-mnist",
        licence="MIT, copyright 2017 Zalando SE",
        synthetic=False,
        class_names=_NAMES,
        scale=2.0**-8,
        split="the publishers' own training and test files",
        split_seed=0,
        **parts,
    )
