"""report.json: the one record that every command reads, extends and writes back.

A report is plain JSON whose shape is the table `SCHEMA` below (`DECODER_SCHEMA` for decoders), told
in words in `docs/report.md`. A command brings its own part; nested objects are merged, everything
else is replaced, so that a simulation adds its cycles beside the predicted ones. The result is
checked against the schema before it takes the old file's place in one step: a reader never sees
half a report, and a report that breaks the schema is a defect of the command that wrote it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "DECODER_SCHEMA",
    "REPORT_VERSION",
    "SCHEMA",
    "check_files",
    "extend_report",
    "problems",
    "read_report",
]

REPORT_VERSION = 1

NUMBER = (int, float)

_READ_BY_TOOLS = (".v", ".sv", ".hex", ".f", ".sterna")
"""Suffixes of a build's files that simulation and synthesis cannot do without."""

_RESOURCES = {"lut": NUMBER, "ff": NUMBER, "bram": NUMBER, "uram": NUMBER, "dsp": NUMBER}
_CYCLES = {"predicted": int, "simulated?": int}

_LAYER = {"name": str, "engine": str, "parallelism": dict, "cycles": int}

_ALL: dict[str, Any] = {
    "report_version": int,
    "model": str,
    "target": str,
    "top": str,
    "clock_mhz?": NUMBER,
    "estimated": _RESOURCES,
    "files": [str],
    "build?": {"seconds": NUMBER, "processor_seconds": NUMBER, "peak_bytes": int},
    "exact?": {"words": int, "mismatches": int},
    "resources?": {**_RESOURCES, "source": str, "units?": dict},
    "logic_levels?": {
        "deepest": NUMBER,
        "paths": [
            {
                "levels": NUMBER,
                "luts": int,
                "carries": int,
                "multipliers": int,
                "start": str,
                "end": str,
            }
        ],
        "histogram": dict,
        "by_unit": dict,
        "source": str,
    },
    "fmax_mhz?": NUMBER,
    "place_and_route?": {
        "target_mhz": NUMBER,
        "path": str,
        "critical_path": [{"kind": str, "name": str, "delay_ns": NUMBER}],
        "used": dict,
        "memory_registers?": int,
        "bitstream": (str, type(None)),
        "source": str,
    },
}

SCHEMA: dict[str, Any] = {
    **_ALL,
    "layers": [
        {
            **_LAYER,
            "idle?": NUMBER,
            "ideal?": NUMBER,
            "import?": {"form": str, "agreement": NUMBER, "error_bound?": NUMBER},
            "estimated": _RESOURCES,
        }
    ],
    "memory?": {
        "reason": str,
        "image": {"name": str, "bytes": int, "sha256": str},
        "hash": str,
        "latency": int,
        "settling_cycles": int,
        "bytes_per_frame": int,
        "bytes_per_cycle": NUMBER,
        "ports": [
            {
                "port": int,
                "layer": str,
                "offset": int,
                "bytes": int,
                "rows": int,
                "row_width": int,
                "passes": int,
                "bytes_per_frame": int,
                "cycles": int,
            }
        ],
    },
    "cycles": {"latency": _CYCLES, "interval": _CYCLES},
    "simulation?": [
        {
            "profile": str,
            "seed": int,
            "frames": int,
            "words": int,
            "mismatches": int,
            "cycles": int,
            "problems": [str],
        }
    ],
}
"""Types by key. A key that ends in ``?`` may be missing, a list holds any number of its one entry,
and keys that are not named here are allowed: a newer command may write more."""

DECODER_SCHEMA: dict[str, Any] = {
    **_ALL,
    "kind": str,
    "synthetic": bool,
    "layers": [_LAYER],
    "units": [{"name": str, "estimated": _RESOURCES}],
    "cycles": {
        "prompt": int,
        "tokens": int,
        "memory": str,
        "latency": _CYCLES,
        "interval?": _CYCLES,
    },
    "simulation?": [
        {
            "memory": str,
            "prompt": int,
            "tokens": int,
            "cycles": dict,
            "token_cycles": [int],
            "vectors": int,
            "logits": int,
            "problem": (str, type(None)),
        }
    ],
}
"""The same for a decoder's report, whose ``kind`` is ``decoder``."""


def problems(report: Any, schema: Any = SCHEMA, place: str = "report") -> list[str]:
    """What in ``report`` breaks the schema, one line each; empty if nothing does."""
    if isinstance(schema, dict):
        if not isinstance(report, dict):
            return [f"{place} must be an object, not {report!r}"]
        found = []
        for key, inner in schema.items():
            name = key.removesuffix("?")
            if name in report:
                found += problems(report[name], inner, f"{place}.{name}")
            elif name == key:
                found.append(f"{place}.{name} must be there")
        return found
    if isinstance(schema, list):
        if not isinstance(report, list):
            return [f"{place} must be a list, not {report!r}"]
        return [
            problem
            for index, entry in enumerate(report)
            for problem in problems(entry, schema[0], f"{place}[{index}]")
        ]
    # A truth value is an integer to Python but not to a reader of the report.
    if not isinstance(report, schema) or (isinstance(report, bool) and schema is not bool):
        return [f"{place} must be {_type_name(schema)}, not {report!r}"]
    return []


def _type_name(schema: Any) -> str:
    names = {int: "an integer", str: "a text", dict: "an object", NUMBER: "a number"}
    return names.get(schema, "a text or null")


def _schema_of(report: Mapping[str, Any]) -> dict[str, Any]:
    return DECODER_SCHEMA if report.get("kind") == "decoder" else SCHEMA


def read_report(directory: Path) -> dict[str, Any]:
    """The report of a build folder.

    Raises
    ------
    ValueError
        If there is none, or it is not JSON, of another version or against the schema; one line.
    """
    path = directory / "report.json"
    try:
        report = json.loads(path.read_text())
    except OSError:
        raise ValueError(
            f"Folder {directory} must hold a report.json; make it with `sterna build MODEL -o DIR`"
        ) from None
    except ValueError:
        raise ValueError(f"{path} must be JSON; build the folder anew") from None
    found = report.get("report_version") if isinstance(report, dict) else None
    if found != REPORT_VERSION:
        raise ValueError(
            f"Version of {path} must be {REPORT_VERSION}, not {found!r}; build the folder anew"
        )
    broken = problems(report, _schema_of(report))
    if broken:
        raise ValueError(f"{path} must obey its schema: {broken[0]}; build the folder anew")
    return report


def check_files(directory: Path, report: Mapping[str, Any]) -> None:
    """Refuses a build folder from which something is gone that simulators and synthesis read: a
    memory without its contents would simulate as zeros, or for ever.

    Raises
    ------
    ValueError
        If a file is missing; the message names all of them.
    """
    gone = [
        name
        for name in report["files"]
        if Path(name).suffix in _READ_BY_TOOLS
        and Path(name).parent == Path()
        and not (directory / name).is_file()
    ]
    if gone:
        raise ValueError(
            f"Folder {directory} must hold all of its build, but lacks {', '.join(gone)}; "
            "build the folder anew"
        )


def extend_report(
    directory: Path, parts: Mapping[str, Any], drop: Sequence[str] = ()
) -> dict[str, Any]:
    """Merge ``parts`` into the report of ``directory``, write it, and return all of it.

    Keys in ``drop`` are taken out of the old report first: results that the new ones make stale.

    Raises
    ------
    ValueError
        If the old report cannot be read or the new one breaks the schema.
    """
    old = read_report(directory)
    report = _merged({key: old[key] for key in old if key not in drop}, parts)
    broken = problems(report, _schema_of(report))
    if broken:
        raise ValueError(f"Report must obey its schema: {broken[0]}")
    path = directory / "report.json"
    fresh = path.with_suffix(".json.new")
    fresh.write_text(json.dumps(report, indent=2) + "\n")
    os.replace(fresh, path)
    return report


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        known = result.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            value = _merged(known, value)
        result[key] = value
    return result
