"""Folders that appear whole or not at all.

A command that makes files works in a temporary folder beside the one that was asked for and
renames it at the end, so whatever stops it halfway leaves nothing half-written. The parent is
checked first: a place that cannot be written is refused before any work is done.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["fresh_folder"]


@contextmanager
def fresh_folder(target: Path, *, mark: str) -> Iterator[Path]:
    """A temporary folder that takes the place of ``target`` when the block ends without an error.

    An existing ``target`` is replaced if it is empty or holds the file ``mark``, by which an
    earlier run of the same command is known.

    Raises
    ------
    ValueError
        If ``target`` is something else, or its parent cannot be written.
    """
    if target.exists() and not target.is_dir():
        raise ValueError(f"Output folder {target} must be a folder, not a file")
    if target.is_dir() and any(target.iterdir()) and not (target / mark).is_file():
        raise ValueError(
            f"Output folder {target} must be new, empty or from an earlier run (with {mark} in it)"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise ValueError(
            f"Output folder {target} must be writable, not refused: {error.strerror}"
        ) from None
    try:
        yield work
        # A folder of mkdtemp is closed to others; what replaces `target` should not be.
        work.chmod(0o777 & ~_umask())
        if target.is_dir():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            os.replace(target, old)
            os.replace(work, target)
            shutil.rmtree(old)
        else:
            os.replace(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
