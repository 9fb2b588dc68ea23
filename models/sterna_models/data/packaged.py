"""Finds files in an installed package, and reads tables of numbers, without importing the package.

The data packages are large and slow to import, and all that is needed of them is one file each.
"""

from __future__ import annotations

import gzip
from importlib import util
from pathlib import Path

import numpy as np

__all__ = ["packaged_file", "read_packaged_table"]


def packaged_file(package: str, file: str) -> Path:
    """Where ``file``, a path inside ``package``, lies.

    Raises
    ------
    ValueError
        If the package is not installed or does not hold the file.
    """
    spec = util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"Package {package} must be installed: pip install 'sterna[train]'")
    path = Path(spec.submodule_search_locations[0]) / file
    if not path.is_file():
        raise ValueError(f"Package {package} must hold {file}, which this release of it does not")
    return path


def read_packaged_table(package: str, file: str, header_lines: int = 0) -> np.ndarray:
    """The numbers (float64, one row a line) of a gzipped, comma-separated ``file`` of ``package``.

    ``file`` is the path inside the package; the first ``header_lines`` lines are skipped.

    Raises
    ------
    ValueError
        If the package is not installed or does not hold the file.
    """
    with gzip.open(packaged_file(package, file), "rt") as text:
        return np.loadtxt(text, delimiter=",", skiprows=header_lines, dtype=np.float64)
