"""Runs that take too long to be made again for every page: kept as JSON by the command that made
them.

``docs/measured.json`` has an entry for each command line; a new run of the same command replaces
it. An entry has what came out, what it took, and where it comes from (`origin`), so that a page can
say how old a figure is. Nothing else writes to the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..effort import Effort
from .origin import Origin, find_origin

__all__ = ["STORE", "StoredRun", "keep_run", "read_runs"]

STORE = "measured.json"

VERSION = 1


@dataclass(frozen=True)
class StoredRun:
    """A run.

    Parameters
    ----------
    command : :class:`str`
        The command line that makes it again.
    kind : :class:`str`
        What was run; it says which ``figures`` there are.
    figures : mapping
        What came out: numbers and texts by name.
    effort : :class:`Effort`
        What the run took.
    origin : :class:`Origin`
        When, on what and with what.
    """

    command: str
    kind: str
    figures: Mapping[str, Any]
    effort: Effort
    origin: Origin


def keep_run(
    store: Path, command: str, kind: str, figures: Mapping[str, Any], effort: Effort
) -> StoredRun:
    """Keeps a run of this moment in a file, which is made if there is none.

    Raises
    ------
    ValueError
        If the file holds something else.
    """
    run = StoredRun(command, kind, figures, effort, find_origin())
    known = [old for old in read_runs(store) if old.command != command] if store.exists() else []
    runs = sorted([*known, run], key=lambda item: (item.kind, item.command))
    store.parent.mkdir(parents=True, exist_ok=True)
    record = {"version": VERSION, "runs": [asdict(item) for item in runs]}
    store.write_text(json.dumps(record, indent=1) + "\n")
    return run


def read_runs(store: Path) -> list[StoredRun]:
    """All runs of a file; none if there is no file.

    Raises
    ------
    ValueError
        If the file is not one of stored runs of this version.
    """
    if not store.is_file():
        return []
    try:
        record = json.loads(store.read_text())
        if record["version"] != VERSION:
            raise ValueError(f"version {record['version']!r}")
        return [
            StoredRun(
                **{
                    **entry,
                    "effort": Effort(**entry["effort"]),
                    "origin": Origin(**entry["origin"]),
                }
            )
            for entry in record["runs"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{store} must hold stored runs of version {VERSION}: {error}; "
            "name another file or remove it"
        ) from None
