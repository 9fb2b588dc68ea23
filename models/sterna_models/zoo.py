"""The committed, trained networks: files, cards and test samples. Needs numpy only.

Each network NAME is three files in the folder `zoo` beside this package: `NAME.onnx` (QONNX, as
Sterna's own exporter wrote it), `NAME.json` (its card) and `NAME.npz` (its test samples as integer
codes, with labels). Nothing here imports torch, Brevitas or a data package. Text models lie in the
same folder and are the business of `text_zoo`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from .card import Card

__all__ = ["card", "names", "path", "test_set", "write_test_set"]

_HERE = Path(__file__).resolve().parent
# An installed wheel carries the files inside the package, since it has no room around it.
_FOLDER = _HERE / "zoo_files" if (_HERE / "zoo_files").is_dir() else _HERE.parent / "zoo"


def names() -> tuple[str, ...]:
    """Names of all networks, in alphabetical order."""
    return tuple(sorted(entry.stem for entry in _FOLDER.glob("*.onnx")))


def _file(name: str, suffix: str) -> Path:
    if name not in names():
        raise ValueError(f"Zoo network must be one of {', '.join(names())}, not {name!r}")
    return _FOLDER / f"{name}{suffix}"


def path(name: str) -> Path:
    """The network's QONNX file.

    Raises
    ------
    ValueError
        If there is no such network; the message lists the names.
    """
    return _file(name, ".onnx")


@cache
def card(name: str) -> Card:
    """The network's card, checked.

    Raises
    ------
    ValueError
        If there is no such network or its card is not valid.
    """
    return Card.from_json(_file(name, ".json").read_text(encoding="utf-8"))


def test_set(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Real test inputs (float32, shape ``(samples, *input_shape)``) and labels (int64).

    The inputs are exact multiples of the data set's scale: code times a power of two.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    with np.load(_file(name, ".npz"), allow_pickle=False) as archive:
        inputs = archive["codes"].astype(np.float32) * np.float32(archive["scale"])
        return inputs, archive["labels"].astype(np.int64)


def write_test_set(file: Path, codes: np.ndarray, labels: np.ndarray, scale: float) -> None:
    """Writes the file that `test_set` reads: uint8 or int8 ``codes``, uint8 labels, the scale."""
    np.savez_compressed(file, codes=codes, labels=labels.astype(np.uint8), scale=np.float64(scale))
