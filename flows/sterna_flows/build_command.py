"""The command `sterna build`, for both kinds of model: streaming networks and decoders.

Each kind has options of its own; one that was given and belongs to the other kind is refused, since
a build that ignored it would not be what was asked for. An option that is not listed below as one
of decoders, or as one of both, is one of streaming networks.

The report gets what the command took, from the end of its imports on. A build from Python has no
such entry: its process has done other things too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .effort import Stopwatch
from .terminal import telling

__all__ = ["Approximate", "InputType", "build"]

Approximate = Annotated[
    bool,
    typer.Option(
        "--approximate", help="Accept layers that are not exact, and say how far they are from it."
    ),
]

InputType = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        help="What the input holds: uint8 pixels, uint8/255 where the network is given them "
        "divided, int8, uint16, int16; float for any real.",
    ),
]

BOTH = ("model", "target", "output", "memory", "wrapper", "board")
OF_DECODERS = ("lanes", "ports", "best", "layers")


def build(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(help="A QONNX file or a zoo network.")] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help="The device.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to make.")] = Path(
        "build/design"
    ),
    input_type: InputType = None,
    approximate: Approximate = False,
    folding: Annotated[Path | None, typer.Option(help="JSON file: each layer's folding.")] = None,
    queues: Annotated[Path | None, typer.Option(help="JSON file: rows of the queues.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second to reach.")] = None,
    interval: Annotated[int | None, typer.Option(help="Cycles between frames to reach.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Share of the LUTs that may be taken, 0 to 1.")
    ] = None,
    clock: Annotated[float | None, typer.Option(help="Clock in MHz for rates.")] = None,
    top: Annotated[int | None, typer.Option(help="Give only the best so many classes.")] = None,
    reloadable: Annotated[
        bool | None,
        typer.Option("--reloadable/--no-reloadable", help="Weights can be loaded at run time."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="Engine of all layers: table, select, mac or unrolled; or auto."),
    ] = None,
    start: Annotated[
        str, typer.Option("--from", help="Step to start at: import, plan or map.")
    ] = "import",
    wrapper: Annotated[
        str, typer.Option(help="A module around it for other tools: litex, or none.")
    ] = "none",
    board: Annotated[
        str | None, typer.Option(help="A board with an open flow: ulx3s-85f, icepi-zero, ...")
    ] = None,
    lanes: Annotated[int | None, typer.Option(help="Decoders: tokens of a pass.")] = None,
    ports: Annotated[int | None, typer.Option(help="Decoders: memory ports.")] = None,
    best: Annotated[int | None, typer.Option(help="Decoders: logits that a host can see.")] = None,
    layers: Annotated[int | None, typer.Option(help="Synthetic decoders: only so many.")] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Weights external or on-chip; decoders on ECP5: on-chip."),
    ] = None,
) -> None:
    """Make Verilog, memory images, constraints, the regression and a report."""
    from sterna.folding import read_foldings
    from sterna.planner import Budget
    from sterna.queues import read_queues

    from .build_flow import build_with_regression, start_from
    from .decoder_flow import find_model
    from .report_file import extend_report
    from .tables import output_console, print_report

    watch = Stopwatch()
    decoder = None if model is None else find_model(model, layers=layers)
    _refuse_others(context, model, decoder is not None)
    if board is not None and target is None:
        from .boards import find_board

        target = find_board(board).target
    if decoder is not None:
        choices = {"lanes": lanes, "ports": ports, "best_count": best, "memory": memory}
        _build_decoder(decoder, target, output, choices, wrapper, board, watch)
        return
    graph, known_target, options = start_from(start, model, output, input_type, approximate)
    options = dict(options)
    if target not in (None, known_target):
        # The clock that comes along is one of the earlier build's device.
        options.pop("clock_mhz", None)
    target = target or known_target
    if target is None:
        raise ValueError("Target must be given: --target ecp5-85k, for example")
    if folding is not None:
        options["foldings"] = read_foldings(folding)
    if queues is not None:
        options["queues"] = read_queues(queues)
    given = {"frames_per_second": fps, "interval": interval, "clock_mhz": clock, "top_k": top}
    given |= {"reloadable": reloadable, "engine": engine, "memory": memory}
    options |= {name: value for name, value in given.items() if value is not None}
    if budget is not None:
        options["budget"] = Budget(lut=budget)
    with telling(steps=False) as tell:
        tell(f"Building {graph.name} for {target}")
        build_with_regression(graph, target, output, wrapper=wrapper, board=board, **options)
    print_report(output_console(), extend_report(output, {"build": watch.effort().as_dict()}))


def _refuse_others(context: typer.Context, model: str | None, is_decoder: bool) -> None:
    """Refuses an option that was given and belongs to the other kind of model.

    Raises
    ------
    ValueError
        Naming the option, and the kind that it belongs to.
    """
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in BOTH:
            continue
        if is_decoder != (name in OF_DECODERS):
            option = parameter.opts[0]
            if is_decoder:
                kinds = f"a streaming network (an MLP or a CNN), not with the decoder {model!r}"
            elif model is None:
                kinds = "a decoder, not with a streaming network's earlier build"
            else:
                kinds = f"a decoder, not with the streaming network {model!r}"
            raise ValueError(f"Option {option} must go with {kinds}")


def _build_decoder(
    source: Any,
    target: str | None,
    output: Path,
    choices: Mapping[str, Any],
    wrapper: str,
    board: str | None,
    watch: Stopwatch,
) -> None:
    from .decoder_flow import build_with_choices
    from .report_file import extend_report
    from .tables import effort_line, output_console

    if target is None:
        raise ValueError("Target must be given: --target xck26, for example")
    with telling(steps=False) as tell:
        tell(f"Building {source.name} for {target}")
        lines = build_with_choices(source, target, output, choices, wrapper, board)
    report = extend_report(output, {"build": watch.effort().as_dict()})
    lines.append(effort_line(report["build"]))
    console = output_console()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
