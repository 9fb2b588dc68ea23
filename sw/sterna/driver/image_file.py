"""Files of a memory image: checked against the build's record, then written into memory.

An accelerator looks at the header of its image only, so a host must see that the rest is what was
built.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .bus import DriverError, Steps, WriteMemory

__all__ = ["check_file", "write_file"]

CHUNK = 1 << 20


def check_file(path: Path, wanted: Mapping[str, Any]) -> None:
    """That a file is what the record's ``bytes`` and ``sha256`` say.

    Raises
    ------
    DriverError
        If not; the message names it.
    """
    if not path.is_file():
        raise DriverError(f"Memory image {path} must be there, and is missing")
    if path.stat().st_size != wanted["bytes"]:
        size = path.stat().st_size
        raise DriverError(f"Memory image {path} must have {wanted['bytes']} bytes, not {size}")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != wanted["sha256"]:
        raise DriverError(f"Memory image {path} must be as it was built: its sha256 differs")


def write_file(path: Path, base: int) -> Steps[None]:
    """Writes a file into memory, from an address on."""
    with path.open("rb") as file:
        while content := file.read(CHUNK):
            yield WriteMemory(base, content)
            base += len(content)
