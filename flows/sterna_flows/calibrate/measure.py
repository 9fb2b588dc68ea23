"""Synthesises configurations of the grid, several in one run of Yosys, and counts each of them.

Reading a family's cells takes Yosys longer than most parts do, so a run holds a batch of parts side
by side. Each stays a module of its own, flat inside, whose ports are the batch's ports: nothing is
optimised across them and nothing is tied off, so a part is counted as it would be alone. Whoever
asks is given the rows after every batch, and a row whose Verilog and tools are unchanged is not
measured again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import metadata

from sterna_hw.add_subtract import FAMILY_FILES
from sterna_hw.base import find_device
from sterna_hw.verilog import emit

from ..yosys import synthesise_modules
from .rows import TARGETS, CostRow, configuration

__all__ = ["measure", "measure_batch", "prepared"]

Key = tuple[str, str, int]
NAME = "calibrated_part"
BATCH_BYTES = 1_500_000
"""Verilog of a batch at most, unless one part alone has more."""

BATCH_PARTS = 14


def measure(
    known: Iterable[CostRow],
    keys: Iterable[Key],
    *,
    keep: Callable[[list[CostRow]], None] = lambda rows: None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[CostRow]:
    """The rows of the configurations ``(family, kind, number)``: known ones where neither Verilog
    nor tool changed, others measured. ``keep`` is given all rows after every batch.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    keys = list(keys)
    rows = {row.key: row for row in known if row.key in set(keys)}
    for batch in _batches(keys, rows):
        for row in measure_batch(batch):
            rows[row.key] = row
            progress(f"{row.family} {row.kind} {row.number}: {row.lut} LUT, {row.ff} FF")
        keep(list(rows.values()))
    return list(rows.values())


def measure_batch(batch: Sequence[tuple[Key, dict[str, str], str]]) -> list[CostRow]:
    """The rows of configurations of one family, given with their files and digests."""
    family = batch[0][0][0]
    device = find_device(TARGETS[family])
    files, modules = {}, []
    for place, (_, own, _) in enumerate(batch):
        modules.append(f"part{place}")
        files |= _renamed(own, modules[-1])
    files["batch.v"] = _side_by_side({name: files[f"{name}.v"] for name in modules})
    if family in FAMILY_FILES:
        # First by name and by place: it holds a macro for the files that follow.
        files = {"a_family.v": FAMILY_FILES[family], **files}
    found = synthesise_modules(files, "batch", modules, device)
    rows = []
    for name, (key, _, digest) in zip(modules, batch):
        each = found[name]
        counts = (each.lut, each.ff, each.bram, each.uram, each.dsp)
        text = str(configuration(*key))
        rows.append(CostRow(*key, *counts, digest, each.source, text))
    return rows


def prepared(key: Key) -> tuple[Key, dict[str, str], str]:
    """A configuration with its files and their digest."""
    part = configuration(*key)
    files = emit(part.create(), NAME)
    tools = [f"{item.name} {item.version}" for item in metadata.distributions(name="pyosys")]
    digest = hashlib.sha256(json.dumps([files, tools]).encode()).hexdigest()[:16]
    return key, files, digest


def _batches(
    keys: Sequence[Key], known: dict[Key, CostRow]
) -> Iterator[list[tuple[Key, dict[str, str], str]]]:
    batch: list[tuple[Key, dict[str, str], str]] = []
    size = 0
    for key in keys:
        item = prepared(key)
        if key in known and known[key].digest == item[2]:
            continue
        bytes_of_item = sum(map(len, item[1].values()))
        full = size + bytes_of_item > BATCH_BYTES or len(batch) == BATCH_PARTS
        if batch and (full or batch[0][0][0] != key[0]):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += bytes_of_item
    if batch:
        yield batch


def _renamed(files: dict[str, str], name: str) -> dict[str, str]:
    """The same files with modules and memories named after ``name``."""
    contents = [file for file in files if file.endswith(".hex")]
    renamed = {}
    for file, text in files.items():
        if file in contents:
            renamed[f"{name}_{file}"] = text
            continue
        for memory in contents:
            text = text.replace(f'"{memory}"', f'"{name}_{memory}"')
        renamed[file.replace(NAME, name)] = text.replace(NAME, name)
    return renamed


def _side_by_side(modules: dict[str, str]) -> str:
    """A module whose ports are those of all modules, given by name with their text."""
    ports, bodies = [], []
    for name, text in modules.items():
        found = re.findall(r"^  (input|output) (?:wire |reg )?(\[\d+:0\] )?(\w+)\s*;", text, re.M)
        ports += [f"  {way} {width}{name}_{port}" for way, width, port in found]
        links = ", ".join(f".{port}({name}_{port})" for _, _, port in found)
        bodies.append(f"  {name} {name}_place ({links});")
    return "module batch (\n" + ",\n".join(ports) + "\n);\n" + "\n".join(bodies) + "\nendmodule\n"
