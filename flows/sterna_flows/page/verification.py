"""What was compared with the golden model, under which conditions, and what differed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .content import Cell, Note, Section, Table, as_time
from .facts import Facts

__all__ = ["verdict", "verification_section"]


def verdict(report: Mapping[str, Any]) -> str:
    """In one line: equal, different, or not compared yet."""
    exact = report.get("exact")
    if exact is None:
        return "not simulated"
    if exact["mismatches"] or _problems(report):
        return "differences found"
    return f"{exact['words']:,} words equal"


def verification_section(facts: Facts) -> Section:
    """Cycles predicted and simulated, and the runs."""
    report = facts.report
    exact = report.get("exact")
    cycles = _cycles(facts)
    if exact is None:
        note = Note("Not simulated yet.", f"sterna sim {facts.directory.name}")
        return Section(
            "verification",
            "Verification",
            "Cycles are predicted by the cycle model; nothing has been compared with the golden"
            " model in this folder yet.",
            [cycles, note],
        )
    runs = report.get("simulation", [])
    problems = _problems(report)
    lead = (
        f"{exact['words']:,} words compared with the golden model in {len(runs)}"
        f" {'run' if len(runs) == 1 else 'runs'} in Verilator, {exact['mismatches']:,} mismatches."
    )
    notes = [Note(problem, is_bad=True) for problem in problems]
    table = _decoder_runs(runs) if facts.is_decoder else _runs(runs)
    return Section("verification", "Verification", lead, [cycles, table, *notes])


def _problems(report: Mapping[str, Any]) -> list[str]:
    found = []
    for run in report.get("simulation", []):
        where = run.get("profile") or f"memory {run.get('memory')}"
        texts = run.get("problems", [run["problem"]] if run.get("problem") else [])
        found += [f"{where}: {text}" for text in texts]
    for name, cycles in report["cycles"].items():
        if isinstance(cycles, dict) and not report.get("kind") and _difference(cycles):
            found.append(f"{name}: simulated cycles are not the predicted ones")
    return found


def _difference(cycles: Mapping[str, int]) -> int | None:
    return cycles["simulated"] - cycles["predicted"] if "simulated" in cycles else None


def _cycles(facts: Facts) -> Table:
    rows = []
    report, clock = facts.report, facts.clock_mhz
    for name, cycles in report["cycles"].items():
        if not isinstance(cycles, dict):
            continue
        difference = _difference(cycles)
        text = (
            None
            if difference is None
            else f"{difference:+,} ({difference / cycles['predicted']:+.2%})"
        )
        exact = Cell("0", "good") if difference == 0 else text
        time = as_time(cycles["predicted"], clock)
        rows.append((name, cycles["predicted"], cycles.get("simulated"), exact, time))
    caption = f"Cycles; times at {clock:g} MHz ({facts.clock_source})"
    if facts.is_decoder:
        run = report["cycles"]
        caption += (
            f". Latency: a prompt of {run['prompt']} tokens to the first token; interval: mean from"
            f" token to token, of {run['tokens']} tokens; memory profile {run['memory']}. Predicted"
            " by the analytic model, which is within 1% of simulation"
        )
    heads = ("", "predicted", "simulated", "difference", "time by prediction")
    return Table(caption, heads, rows)


def _equal(count: int) -> Cell:
    return Cell(f"{count:,}", "bad") if count else Cell("0", "good")


def _runs(runs: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            run["profile"],
            run["seed"],
            run["frames"],
            run["words"],
            _equal(run["mismatches"]),
            _equal(len(run["problems"])),
            run["cycles"],
        )
        for run in runs
    ]
    heads = ("stall profile", "seed", "frames", "words", "mismatches", "problems", "cycles")
    caption = (
        "Runs in Verilator. Problems are broken stream rules, error bits and wrong counters;"
        " cycle difference 0 is asked of the profile none"
    )
    return Table(caption, heads, rows)


def _decoder_runs(runs: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            run["memory"],
            run["prompt"],
            run["tokens"],
            run["vectors"],
            run["logits"],
            Cell("yes", "bad") if run["problem"] else Cell("none", "good"),
            run["cycles"].get("busy_cycles"),
        )
        for run in runs
    ]
    heads = ("memory profile", "prompt", "tokens", "vectors of codes", "logits", "difference",
             "busy cycles")  # fmt: skip
    return Table("Runs in Verilator, every code and every logit compared", heads, rows)
