"""``driver.json``: what a driver must know of one design. The build writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["RECORD_FILE", "RECORD_VERSION", "read_record"]

RECORD_FILE = "driver.json"
RECORD_VERSION = 1


def read_record(path: str | Path) -> dict[str, Any]:
    """The record in a file, or in a build folder.

    Raises
    ------
    ValueError
        If it is missing, damaged, or of another version.
    """
    path = Path(path)
    if path.is_dir():
        path = path / RECORD_FILE
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"Driver record {path} must be readable: make one with 'sterna build' "
            f"({error.__class__.__name__})"
        ) from error
    if not isinstance(record, dict) or record.get("version") != RECORD_VERSION:
        raise ValueError(f"Version of {path} must be {RECORD_VERSION}: build it again")
    return record
