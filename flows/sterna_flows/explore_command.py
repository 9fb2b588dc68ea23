"""The command `sterna explore`: arguments in, a bar of progress, the frontier as a table out.

Estimated and measured figures stand in columns of different names; a figure that was not obtained
is a dash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .terminal import fail_unless_equal, telling

if TYPE_CHECKING:
    from rich.console import Console

    from .exploration.result import Exploration

__all__ = ["explore"]


OF_BITS = ("budgets", "interval")
OF_BOTH = ("model", "target", "output", "clock", "bits")


def explore(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A QONNX file, a zoo network, or a decoder.")],
    target: Annotated[str | None, typer.Option("--target", "-t", help="The device.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder; one that is there is continued.")
    ] = Path("build/explored"),
    trials: Annotated[int, typer.Option(help="Points in all.")] = 200,
    objectives: Annotated[
        str, typer.Option(help="What the frontier is about, with commas between.")
    ] = "throughput,lut,bram,dsp",
    workers: Annotated[
        int | None, typer.Option(help="Local processes (as many as processors).")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler that runs, instead.")
    ] = None,
    verify: Annotated[
        int, typer.Option(metavar="K", help="Build, synthesise and simulate the best K.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the sampler.")] = 0,
    clock: Annotated[float | None, typer.Option(help="Clock in MHz for rates.")] = None,
    top: Annotated[int | None, typer.Option(help="Give only the best so many classes.")] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Weights of streaming networks: auto, on-chip or external (or both)."),
    ] = None,
    layers: Annotated[int | None, typer.Option(help="Synthetic decoders: only so many.")] = None,
    bits: Annotated[
        bool, typer.Option("--bits", help="How many planes each layer's weights need, instead.")
    ] = False,
    budgets: Annotated[int, typer.Option(help="With --bits: budgets of ternary digits.")] = 8,
    interval: Annotated[
        int | None, typer.Option(help="With --bits: cycles between frames of all designs.")
    ] = None,
) -> None:
    """Explore the designs of a model: those that no other one dominates."""
    from .exploration.search import explore as explore_model
    from .tables import output_console

    if target is None:
        raise ValueError("Target must be given: --target xck26, for example")
    _refuse_others(context, bits)
    if bits:
        _explore_bits(model, target, output, budgets, interval, clock)
        return
    with _counting() as tell:
        found = explore_model(
            model,
            target,
            output,
            trials=trials,
            objectives=[name.strip() for name in objectives.split(",") if name.strip()],
            workers=workers,
            scheduler=scheduler,
            verify=verify,
            seed=seed,
            clock_mhz=clock,
            top_k=top,
            memory=memory,
            layers=layers,
            progress=tell,
        )
    _print(output_console(), found)
    fail_unless_equal(
        [
            *(
                f"Point {number}: {item.mismatches} of {item.words} words differ"
                for number, item in found.measured.items()
                if item.mismatches or not item.words
            ),
            *(f"Point {number}: {text}" for number, text in found.failed.items()),
        ]
    )


def _refuse_others(context: typer.Context, bits: bool) -> None:
    """Refuses an option that was given and that what is explored does not know.

    Raises
    ------
    ValueError
        Naming the option.
    """
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in OF_BOTH:
            continue
        if bits != (name in OF_BITS):
            rule = "not be given with --bits" if bits else "go with --bits"
            raise ValueError(f"Option {parameter.opts[0]} must {rule}")


def _explore_bits(
    model: str, target: str, output: Path, budgets: int, interval: int | None, clock: float | None
) -> None:
    from .exploration.bits import explore_bits
    from .tables import output_console, print_table

    with telling(steps=False) as tell:
        found = explore_bits(
            model,
            target,
            output,
            budgets=budgets,
            interval=interval,
            clock_mhz=clock,
            progress=tell,
        )
    print_table(
        output_console(),
        f"{found.model} on {found.target}: planes of ternary digits by layer (accuracy by the "
        f"golden model on {found.samples:,} test samples; cycles predicted, resources estimated)",
        ("point", "by", *found.sensitivities, "trits", "accuracy", "interval", "LUT", "FF", "BRAM",
         "DSP", "frontier"),
        [
            (
                number,
                point.method,
                *point.planes.values(),
                point.trits,
                f"{point.accuracy:.2%}",
                *(getattr(point.figures, k) for k in ("interval", "lut", "ff", "bram", "dsp")),
                "yes" if number in found.frontier else "no",
            )
            for number, point in enumerate(found.points)
        ],
    )  # fmt: skip


@contextmanager
def _counting() -> Iterator[Callable[[int, int, str], None]]:
    """A bar of progress on the error stream; without a terminal nothing is shown."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Preparing", total=None)
        yield lambda done, total, text: bar.update(
            task, completed=done, total=total, description=text
        )


def _print(console: Console, found: Exploration) -> None:
    from .tables import print_table

    points = found.points
    fitting = sum(point.is_feasible for point in points)
    console.print(
        f"{found.model} on {found.target} at {found.clock_mhz:g} MHz: {len(points)} points, "
        f"{fitting} fit, {len(found.frontier)} are on the frontier of "
        f"{', '.join(found.objectives)}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    print_table(
        console,
        "Frontier (cycles predicted; resources and energy estimated)",
        ("point", "design", "interval", "latency", "per second", "LUT", "FF", "BRAM", "URAM",
         "DSP", "energy nJ"),
        [_estimated(point) for point in found.frontier],
    )  # fmt: skip
    if found.measured:
        best = found.measured_frontier
        print_table(
            console,
            "Built: cycles by Verilator, resources by Yosys (in brackets predicted, estimated)",
            ("point", "interval", "latency", "LUT", "FF", "BRAM", "URAM", "DSP", "words",
             "mismatches", "measured frontier"),
            [
                _measured(found, number, "yes" if number in best else "no")
                for number in found.measured
            ],
        )  # fmt: skip
    console.print(f"Files: {found.folder}", markup=False, highlight=False, soft_wrap=True)


def _estimated(point: Any) -> tuple[Any, ...]:
    figures = point.outcome.figures
    names = ("interval", "latency", "throughput", "lut", "ff", "bram", "uram", "dsp", "energy")
    return (point.number, _engines(point.outcome.design), *(getattr(figures, n) for n in names))


def _measured(found: Exploration, number: int, is_best: str) -> tuple[Any, ...]:
    item, figures = found.measured[number], found.points[number].outcome.figures
    assert figures is not None
    from .tables import as_cell

    kinds = ("interval", "latency", "lut", "ff", "bram", "uram", "dsp")
    pairs = [
        f"{as_cell(getattr(item, kind))} ({as_cell(getattr(figures, kind))})" for kind in kinds
    ]
    return (number, *pairs, item.words, item.mismatches, is_best)


def _engines(design: Any) -> str:
    """The engines of a design, layer by layer, or a decoder's choices."""
    if "foldings" in design:
        return ", ".join(
            folding["engine"] + (" (external)" if folding.get("external") else "")
            for folding in design["foldings"].values()
        )
    hardware = design["hardware"]
    lanes, ports, adders = hardware["lanes"], hardware["ports"], hardware["adders"]
    size = f"{hardware['tables']}x{hardware['queries']}"
    return f"lanes {lanes}, {size}, {adders}, ports {ports}, {hardware['memory']}"
