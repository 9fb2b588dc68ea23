"""The page ``costs.md``: how far estimates are from synthesis, written from the rows alone."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine_rows import EngineRow
from ..engines import EngineConfig, engine_key, variants
from .clock import leave_one_out
from .errors import FITTED, Errors, compare, inexact
from .fit import FLOOR, relative_error
from .rows import KINDS, MENDED, TARGETS, CostRow, DesignRow

__all__ = ["costs_page", "timed_engines"]

WORST = 0.25
"""What no held-out row should be off by more than."""

_NAMES = {"lut": "LUT", "ff": "FF"}


def timed_engines(rows: Sequence[EngineRow]) -> list[tuple[EngineRow, EngineConfig]]:
    """Those of the compared engines that were placed and routed, with their configurations."""
    configs = {
        engine_key("ecp5", bits, config): config
        for bits in sorted({row.bits for row in rows})
        for config in variants(bits, full=True)
    }
    return [(row, configs[row.key]) for row in rows if row.fmax_mhz is not None]


def costs_page(
    rows: Sequence[CostRow], designs: Sequence[DesignRow], engines: Sequence[EngineRow]
) -> str:
    """The page's text; ``engines`` are the rows of the comparison of engines."""
    held = [row for row in rows if row.is_held_out]
    found = compare(held)
    wrong = [row.key for row in rows if inexact(row)]
    exact = "of every configuration, fitted or held out" if not wrong else f"but for {wrong}"
    fitted = len(rows) - len(held)
    lines = [
        "# How good the cost estimates are",
        "",
        "Made by `sterna bench costs`; do not edit. A part's `cost(device)` counts what the part is"
        " made of; what a bit of",
        "each takes on a family stands in `hw/sterna_hw/base/cost_table.json`, fitted to synthesis"
        " of drawn configurations",
        "(`docs/costs.json`). The last configurations of each kind are held out: the errors"
        " below are of those alone, and the fit",
        f"never sees them. Fitted: {fitted}; held out: {len(held)}.",
        "",
        f"An error is the difference of estimate and count as a share of the count, or of {FLOOR}"
        f" where the count is below {FLOOR}:",
        f"in a part of 20 LUT, 3 LUT are told as {100 * 3 / FLOOR:.0f} %, since nobody's decision"
        " hangs on them. Block memories, UltraRAMs and",
        f"multipliers are exact {exact}.",
        "",
        *(f"- {source}" for source in sorted({row.source for row in rows})),
        "",
        "| held out, all kinds: median / worst | " + " | ".join(_NAMES.values()) + " |",
        "|---|---|---|",
    ]
    for family, target in TARGETS.items():
        cells = [
            str(
                Errors.of(
                    [e for (f, _, r), es in found.items() if (f, r) == (family, res) for e in es]
                )
            )
            for res in FITTED
        ]
        lines.append(f"| {target} | " + " | ".join(cells) + " |")
    heads = [f"{target} {_NAMES[res]}" for target in TARGETS.values() for res in FITTED]
    lines += [
        "",
        "| kind of part | held out | " + " | ".join(heads) + " |",
        "|---|---|" + "---|" * len(heads),
    ]
    for kind in KINDS:
        groups = [found.get((family, kind, res), []) for family in TARGETS for res in FITTED]
        if not any(groups):
            continue
        cells = [str(Errors.of(group)) if group else "" for group in groups]
        lines.append(
            f"| {kind.replace('_', ' ')} | {max(map(len, groups))} | " + " | ".join(cells) + " |"
        )
    beyond = [
        f"{TARGETS[family]} {kind.replace('_', ' ')} ({100 * max(map(abs, errors)):.0f} %)"
        for (family, kind, _), errors in found.items()
        if max(map(abs, errors)) > WORST
    ]
    lines += ["", f"Beyond {100 * WORST:.0f} %: {', '.join(beyond) or 'none'}."]
    renewed = [kind for kind in MENDED if any(row.kind == kind for row in rows)]
    for kind in renewed:
        lines += [
            f"The formula of {kind.replace('_', ' ')} was mended when the configurations held out"
            " before had been looked at: those joined the fit, and",
            "new ones are held out.",
        ]
    lines += [
        "Few rows of a kind are held out: of further ones that were counted once, some are farther"
        " off than all of these",
        "([decisions](decisions.md)).",
        "",
        "A part alone has its ports open; in a design Yosys optimises across them, and a part's"
        " neighbours may make some of",
        "its logic constant. The decoder's units, streamed weights, deformable windows and board"
        " tops keep formulas fitted by hand.",
    ]
    if designs:
        lines += [
            "",
            "## Whole designs",
            "",
            "`sterna build MODEL --target T --interval N`, then `sterna synth`: the sum of the"
            " parts' estimates against the count.",
            "",
            "| network | target | interval | LUT estimated | counted | | FF estimated | counted | |"
            " block memories, DSP estimated | counted |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {row.model} | {row.target} | {row.interval} | {row.estimated['lut']:,} |"
            f" {row.counted['lut']:,} | {_share(row, 'lut')} | {row.estimated['ff']:,} |"
            f" {row.counted['ff']:,} | {_share(row, 'ff')} | {row.estimated['bram']:g},"
            f" {row.estimated['dsp']:g} | {row.counted['bram']:g}, {row.counted['dsp']:g} |"
            for row in designs
        ]
    clock = Errors.of(leave_one_out(timed := timed_engines(engines)))
    lines += [
        "",
        "## Clock on ECP5",
        "",
        "`sterna_flows.calibrate.clock` estimates an engine's period from the bits of its"
        " accumulators, the depth of its tables and",
        f"the size of the design. Fitted to nextpnr's {len(timed)} runs of `docs/engines.json`;"
        " on a row that the others alone were fitted to",
        f"the period is off by {clock} (median / worst).",
    ]
    return "\n".join(lines) + "\n"


def _share(row: DesignRow, resource: str) -> str:
    return f"{100 * relative_error(row.estimated[resource], row.counted[resource]):+.1f} %"
