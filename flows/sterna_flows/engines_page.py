"""The page ``engines.md``: the comparison of engines as tables, with what its figures mean.

Written from the rows alone (`sterna_flows.engine_rows`), so that its words can change without a new
measurement.
"""

from __future__ import annotations

from collections.abc import Sequence

from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.table_matmul import TableMatmulConfig

from .engine_rows import TARGETS, EngineRow, best_buffers, defaults

__all__ = ["engines_page"]

EngineConfig = SelectMatmulConfig | TableMatmulConfig


def engines_page(rows: Sequence[EngineRow], config: EngineConfig, full: bool) -> str:
    """The page's text; ``config`` is any of the engines, for the layer they were all built for."""
    command = f"sterna bench engines{' --full' if full else ''}"
    lines = [
        "# The engines compared",
        "",
        f"Made by `{command}`; do not edit. Ternary weights, signed activations, a layer of",
        f"{config.inputs} inputs and {config.outputs} outputs, {config.block_inputs} inputs by"
        f" {config.queries} outputs at once.",
        "LUTs are Yosys' count: compare them within this page only.",
        "",
        "All engines have the same inputs and outputs at once, but not the same speed: while a",
        "table is filled, an engine with one buffer looks nothing up, and one with two waits",
        "where a fill takes longer than the look-ups of a block. So LUT and FF of the whole",
        "engine are divided by the multiply-accumulates that it sustains a cycle: those of the",
        "layer over the cycles from frame to frame, by the exact cycle model (the column MAC per",
        "cycle). Rows then say what equal throughput costs, as if a slower engine could be built",
        "larger at the same cost for each; lowest LUT first.",
        "",
        "MHz is nextpnr's figure and stands beside the costs, not in them. Of the two bufferings",
        "of a table only the one with fewer LUT per MAC is placed and routed, and nothing here",
        "places Xilinx devices: other rows have none. A buffering is left out where the parts'",
        "own estimates say that it takes over a tenth more LUT per MAC than the other.",
        "",
    ]
    missing = sorted({4, 8, 16} - {row.bits for row in rows}) if full else []
    if missing:
        widths = " and ".join(f"{bits}-bit" for bits in missing)
        lines += [
            f"**Of an unfinished run:** {widths} activations are missing.",
            "",
        ]
    untimed = [
        row
        for bits in sorted({row.bits for row in rows})
        for row in best_buffers(rows, bits)
        if full and row.fmax_mhz is None
    ]
    if untimed:
        lines += [f"**Of an unfinished run:** {len(untimed)} clocks are missing.", ""]
    sources = sorted({row.source for row in rows} | {row.timing_source or "" for row in rows})
    lines += [f"- {source}" for source in sources if source]
    for family in TARGETS:
        for bits in sorted({row.bits for row in rows}):
            lines += ["", f"## {TARGETS[family]}, {bits}-bit activations", ""]
            lines += [
                "| engine | MAC per cycle | LUT | FF | LUT per MAC | FF per MAC | MHz |",
                "|---|---|---|---|---|---|---|",
            ]
            group = [row for row in rows if (row.family, row.bits) == (family, bits)]
            lines += [
                f"| {row.name} | {row.macs:.1f} | {row.lut} | {row.ff} | {row.lut_per_mac:.2f}"
                f" | {row.ff_per_mac:.2f} | {'' if row.fmax_mhz is None else round(row.fmax_mhz)} |"
                for row in sorted(group, key=lambda row: row.lut_per_mac)
            ]
    lines += ["", "## What the planner takes from it", ""]
    for family, best in defaults(rows).items():
        style = best["table"]
        fold = "folded" if style["sign_fold"] else "not folded"
        lines.append(
            f"- {family}: fewest LUTs: {best['engine']}; best table: G={style['group']}, {fold},"
            f" buffers {style['buffers']}"
        )
    return "\n".join(lines) + "\n"
