"""What the commands print: the report as tables, in the same numbers as report.json.

Estimates, counts by synthesis and simulated figures stand in different columns and carry their
source; a figure that was not obtained is a dash, never a zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sterna_hw.base import find_device

__all__ = ["as_cell", "effort_line", "output_console", "print_report", "print_table"]

DASH = "-"


def output_console() -> Console:
    """The output; wide enough for the tables when it goes to a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


def print_table(
    console: Console, title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """A table whose columns of numbers are aligned to the right. Cells are text, not markup."""
    rows = [[as_cell(value) for value in row] for row in rows]
    table = Table(title=title, title_justify="left")
    for index, head in enumerate(heads):
        column = [row[index] for row in rows]
        numeric = all(cell == DASH or cell[:1].isdigit() for cell in column)
        table.add_column(head, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def as_cell(value: Any) -> str:
    """A value as people read it: thousands apart, no trailing zeros, a dash for what is missing."""
    if value is None:
        return DASH
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def effort_line(effort: Mapping[str, Any]) -> str:
    """What a build took, in words."""
    return (
        f"Built in {effort['seconds']:.1f} s ({effort['processor_seconds']:.1f} s of processor "
        f"time), with at most {effort['peak_bytes'] / 1e6:,.0f} MB of memory in one process"
    )


def print_report(console: Console, report: Mapping[str, Any]) -> None:
    """Layers (of a decoder, units), cycles, exactness, resources and clock of a build."""
    if report.get("kind") == "decoder":
        _print_units(console, report)
    else:
        _print_layers(console, report)
    _print_resources(console, report)
    if effort := report.get("build"):
        console.print(effort_line(effort))
    exact, clock = report.get("exact"), report.get("fmax_mhz")
    if exact is not None:
        console.print(f"Words compared: {exact['words']:,}; mismatches: {exact['mismatches']:,}")
    if clock is not None:
        placed = report["place_and_route"]
        console.print(
            f"Fmax: {clock:g} MHz (asked for {placed['target_mhz']:g}), {placed['source']}"
        )
        console.print(f"Critical path: {placed['path']}", markup=False)
        console.print(f"Bitstream: {placed['bitstream']}", markup=False)
    levels = report.get("logic_levels")
    if levels is not None:
        _print_levels(console, levels)


def _print_units(console: Console, report: Mapping[str, Any]) -> None:
    kinds = ("lut", "ff", "bram", "uram", "dsp")
    print_table(
        console,
        f"{report['model']} on {report['target']}: units (resources estimated)",
        ("unit", "LUT", "FF", "BRAM", "URAM", "DSP"),
        [(unit["name"], *(unit["estimated"][kind] for kind in kinds)) for unit in report["units"]],
    )


def _print_layers(console: Console, report: Mapping[str, Any]) -> None:
    print_table(
        console,
        f"{report['model']} on {report['target']}: layers (resources estimated)",
        ("layer", "engine", "folding", "cycles", "idle", "LUT", "FF", "BRAM", "DSP"),
        [
            (
                layer["name"],
                layer["engine"],
                ", ".join(f"{key} {value}" for key, value in layer["parallelism"].items()) or DASH,
                layer["cycles"] or None,
                f"{layer['idle']:.0%}" if layer.get("idle") is not None else None,
                *(layer["estimated"][kind] for kind in ("lut", "ff", "bram", "dsp")),
            )
            for layer in report["layers"]
        ],
    )
    if memory := report.get("memory"):
        console.print(_memory_line(memory), markup=False, highlight=False, soft_wrap=True)
    clock = report.get("fmax_mhz")
    print_table(
        console,
        "Cycles of a frame",
        ("", "predicted", "simulated", "difference", "at Fmax"),
        [
            (
                name,
                cycles["predicted"],
                cycles.get("simulated"),
                cycles["simulated"] - cycles["predicted"] if "simulated" in cycles else None,
                f"{cycles['predicted'] / clock:,.2f} us" if clock else None,
            )
            for name, cycles in report["cycles"].items()
        ],
    )


def _memory_line(memory: Mapping[str, Any]) -> str:
    """Which weights stream, why, and what that asks of memory."""
    names = ", ".join(port["layer"] for port in memory["ports"])
    longest = max(port["cycles"] for port in memory["ports"])
    return (
        f"Weights of {names} come from external memory ({memory['reason']}): "
        f"{memory['image']['name']} of {memory['image']['bytes']:,} bytes, "
        f"{memory['bytes_per_frame']:,} read for a frame, {memory['bytes_per_cycle']:g} a cycle; "
        f"by this at least {longest:,} cycles a frame"
    )


def _print_levels(console: Console, levels: Mapping[str, Any]) -> None:
    kinds = ("levels", "luts", "carries", "multipliers", "start", "end")
    print_table(
        console,
        f"Logic between registers, deepest paths ({levels['source']})",
        ("levels", "LUT", "carry cells", "multipliers", "from", "to"),
        [[path[kind] for kind in kinds] for path in levels["paths"]],
    )


def _print_resources(console: Console, report: Mapping[str, Any]) -> None:
    device = find_device(report["target"])
    kinds = ("lut", "ff", "bram", "uram", "dsp")
    rows = [("estimated", *(report["estimated"][kind] for kind in kinds), "the parts' formulas")]
    counted = report.get("resources")
    if counted is not None:
        rows.append(("counted", *(counted[kind] for kind in kinds), counted["source"]))
    units = (counted or {}).get("units", {})
    rows += [(name, *(unit[kind] for kind in kinds), "") for name, unit in units.items()]
    rows.append(("device", *(device.total(kind) for kind in kinds), device.name))
    if counted is not None:
        totals = [(counted[kind], device.total(kind)) for kind in kinds]
        shares = [f"{used / total:.0%}" if total else None for used, total in totals]
        rows.append(("used", *shares, "counted, of the device"))
    heads = ("resources", "LUT", "FF", "BRAM", "URAM", "DSP", "source")
    print_table(console, "Resources", heads, rows)
