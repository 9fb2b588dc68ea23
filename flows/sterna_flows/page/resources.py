"""Resources against the device: estimated by the parts' formulas, and counted by synthesis.

Estimates and counts are different things and stand side by side, each named. For placed designs the
clock follows, for Xilinx devices, which nothing here places, the depth of logic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .content import Note, Plot, Section, Table
from .facts import Facts
from .figures import COLORS, INK, LIGHT, new_figure, quiet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["resources_section"]

KINDS = {"lut": "LUT", "ff": "FF", "bram": "BRAM", "uram": "URAM", "dsp": "DSP"}


def resources_section(facts: Facts) -> Section:
    """The plot, the table, and what synthesis or placement say beyond that."""
    report, device = facts.report, facts.device
    estimated, counted = report["estimated"], report.get("resources")
    totals = {kind: device.total(kind) for kind in KINDS if device.total(kind)}
    fullest = max(totals, key=lambda kind: (counted or estimated)[kind] / totals[kind])
    share = (counted or estimated)[fullest] / totals[fullest]
    source = "counted by synthesis" if counted else "estimated"
    lead = (
        f"Of all resources of the {device.name}, {KINDS[fullest]} is the one that is used most:"
        f" {share:.1%} ({source})."
    )
    rows = []
    for kind, total in totals.items():
        row: list[Any] = [KINDS[kind], estimated[kind], f"{estimated[kind] / total:.1%}"]
        if counted is not None:
            row += [counted[kind], f"{counted[kind] / total:.1%}"]
        rows.append([*row, total])
    heads = ["resource", "estimated", "share"]
    heads += ["counted", "share"] if counted is not None else []
    caption = "Estimated by the parts' formulas"
    caption += f"; counted: {counted['source']}" if counted is not None else ""
    caption += ". " + _units(device.family)
    blocks: list[Plot | Table | Note] = [
        Plot(
            "resources",
            _draw(estimated, counted, totals),
            f"Share of the {device.name}, estimated by the parts' formulas"
            + (" and counted by synthesis." if counted else "."),
            lead,
            beside=Table(caption, [*heads, f"{device.name} has"], rows),
        )
    ]
    if counted is None:
        blocks.append(Note("Not synthesised yet.", f"sterna synth {facts.directory.name}"))
    blocks += _timing(facts) + _by_unit(report)
    return Section("resources", "Resources", lead, blocks)


def _units(family: str) -> str:
    if family == "ecp5":
        return "BRAM are EBR blocks of 18 Kbit."
    return "BRAM are blocks of 36 Kbit, halves counted as 0.5."


def _draw(
    estimated: Mapping[str, float], counted: Mapping[str, float] | None, totals: Mapping[str, float]
) -> Figure:
    rows = 2 if counted is not None else 1
    figure = new_figure(640, 62 + len(totals) * (22 + 18 * rows))
    axes = figure.subplots()
    quiet(axes)
    axes.grid(False, axis="y")
    height = 0.8 / rows
    most = 0.0
    sources = [("estimated", estimated, "#9cc3e0"), ("counted", counted, COLORS[0])]
    for place, (source, amounts, color) in enumerate(sources[:rows]):
        assert amounts is not None
        for row, (kind, total) in enumerate(totals.items()):
            share = 100 * amounts[kind] / total
            most = max(most, share)
            y = row - 0.4 + height * (place + 0.5)
            axes.barh(y, share, height * 0.86, color=color, label=source if not row else None)
            text = f"{share:.1f}% {source}"
            axes.annotate(text, (share, y), (5, 0), textcoords="offset points", va="center",
                          fontsize=8, color=INK if share else LIGHT)  # fmt: skip
    axes.axvline(100, color=COLORS[3], linewidth=1.2)
    axes.text(100, -0.56, "device full ", ha="right", va="bottom", fontsize=8, color=COLORS[3])
    axes.set_yticks(range(len(totals)), [KINDS[kind] for kind in totals])
    axes.set_ylim(len(totals) - 0.4, -0.6)
    axes.set_xlim(0, max(108, most * 1.25))
    axes.set_xlabel("% of the device")
    return figure


def _by_unit(report: Mapping[str, Any]) -> list[Table]:
    """Of a decoder: estimates of its units, and the counts of synthesis."""
    tables = []
    if report.get("kind") == "decoder":
        rows = [
            (unit["name"], *(unit["estimated"][kind] for kind in KINDS)) for unit in report["units"]
        ]
        heads = ("unit", *KINDS.values())
        tables.append(Table("Units, estimated by their formulas", heads, rows, folded=True))
    units = report.get("resources", {}).get("units")
    if units:
        rows = [(name, *(unit[kind] for kind in KINDS)) for name, unit in units.items()]
        tables.append(
            Table("Units, counted by synthesis", ("unit", *KINDS.values()), rows, folded=True)
        )
    return tables


def _timing(facts: Facts) -> list[Note | Table]:
    report = facts.report
    if "fmax_mhz" in report:
        placed = report["place_and_route"]
        return [
            Note(
                f"Fmax is {report['fmax_mhz']:g} MHz by static timing analysis"
                f" ({placed['source']}; asked for {placed['target_mhz']:g} MHz)."
                f" Critical path: {placed['path']}."
            )
        ]
    if "logic_levels" in report:
        levels = report["logic_levels"]
        heads = ("levels", "LUT", "carry cells", "multipliers", "from", "to")
        kinds = ("levels", "luts", "carries", "multipliers", "start", "end")
        rows = [[path[kind] for kind in kinds] for path in levels["paths"]]
        caption = f"Deepest logic between registers, counted in the netlist ({levels['source']})"
        return [Table(caption, heads, rows, folded=True)]
    if facts.device.nextpnr:
        return [Note("Not placed and routed yet.", f"sterna synth {facts.directory.name} --pnr")]
    return []
