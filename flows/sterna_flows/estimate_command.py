"""The command `sterna estimate`: arguments in, the analytic model's figures as tables out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["estimate"]

_KINDS = {
    "MATMUL": "matrices",
    "ATTEND": "attention",
    "HEAD": "head",
    "VALUE": "value",
    "KEY": "key",
    "QUERY": "query",
    "ADD": "add",
    "GATE": "gate",
    "NORM": "norm",
    "FINAL_NORM": "final norm",
    "GAINS": "gains",
    "CONSTANTS": "constants",
    "EMBED": "embedding",
    "ROTATION": "rotations",
    "STREAM": "stream",
    "FINISH": "end of pass",
    "WAIT": "waiting for the pass",
}
_COLUMNS = {
    "matrices": ("MATMUL",),
    "attention": ("ATTEND",),
    "query, key, value": ("QUERY", "KEY", "VALUE"),
    "add": ("ADD",),
    "gate": ("GATE",),
    "norm": ("NORM", "FINAL_NORM"),
    "loads": ("GAINS", "CONSTANTS", "EMBED", "ROTATION"),
    "head": ("HEAD",),
}
"""Columns of the tables by layer: kinds of instruction under one head."""


def estimate(
    model: Annotated[
        str, typer.Argument(help="A decoder: a folder, a zoo name, synthetic:bitnet-0.7b.")
    ],
    target: Annotated[str | None, typer.Option("--target", "-t", help="The device.")] = None,
    lanes: Annotated[int | None, typer.Option(help="Tokens of a pass.")] = None,
    ports: Annotated[int | None, typer.Option(help="Memory ports.")] = None,
    best: Annotated[int | None, typer.Option(help="Logits that a host can see.")] = None,
    layers: Annotated[int | None, typer.Option(help="Synthetic decoders: only so many.")] = None,
    prompt: Annotated[int | None, typer.Option(help="Tokens of the prompt (128).")] = None,
    position: Annotated[
        int | None, typer.Option(help="Position of the token to decode (behind the prompt).")
    ] = None,
    clock: Annotated[float | None, typer.Option(help="MHz (the device's).")] = None,
    bandwidth: Annotated[
        float | None, typer.Option(help="GB/s of the memory (what the ports take).")
    ] = None,
    latency: Annotated[int | None, typer.Option(help="Cycles to a read's first data.")] = None,
    gap: Annotated[int | None, typer.Option(help="Cycles between a port's bursts.")] = None,
    report: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there too.")
    ] = None,
) -> None:
    """Tell cycles, rates and bytes of a decoder before it is built, by the analytic model."""
    from .decoder_flow import estimate as estimate_model
    from .terminal import telling

    if target is None:
        raise ValueError("Target must be given: --target xck26, for example")
    with telling(steps=False) as tell:
        tell(f"Estimating {model} on {target}")
        told = estimate_model(
            model,
            target,
            lanes=lanes,
            ports=ports,
            best=best,
            layers=layers,
            prompt=prompt,
            position=position,
            clock=clock,
            bandwidth=bandwidth,
            latency=latency,
            gap=gap,
        )
    if report is not None:
        report.write_text(json.dumps(told, indent=2) + "\n")
    _print(told)


def _print(told: Mapping[str, Any]) -> None:
    """The figures as tables: phases, kinds of instruction, layers."""
    from .tables import output_console, print_table

    console, hardware, memory = output_console(), told["hardware"], told["memory"]
    random_weights = " (random weights)" if told["synthetic"] else ""
    for line in (
        f"{told['model']}{random_weights} on {told['target']} at {told['clock_mhz']:g} MHz:"
        f" {hardware['lanes']} token lanes, {hardware['ports']} memory ports,"
        f" {hardware['tables']} tables by {hardware['queries']} queries",
        f"Memory: {memory['gigabytes_per_second']:.4g} GB/s, {memory['read_latency']} cycles to"
        f" the first data of a read, {memory['burst_gap']} between bursts",
        "Estimated by the analytic model, not simulated.",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    phases = told["phases"]
    print_table(
        console,
        "Phases (estimated)",
        ("phase", "tokens", "from position", "passes", "cycles", "ms", "tokens/s", "MB moved",
         "roofline ms", "share of roofline"),
        [
            (
                phase["name"],
                phase["tokens"],
                phase["position"],
                phase["passes"],
                phase["cycles"],
                phase["milliseconds"],
                phase["tokens_per_second"],
                phase["bytes"] / 1e6,
                phase["roofline_cycles"] / told["clock_mhz"] / 1e3,
                f"{phase['roofline_share']:.1%}",
            )
            for phase in phases
        ],
    )  # fmt: skip
    print_table(
        console,
        "Cycles by kind of instruction (estimated)",
        ("kind", *(column for phase in phases for column in (phase["name"], "share"))),
        [
            (
                label,
                *(
                    cell
                    for phase in phases
                    for cell in (
                        phase["kinds"].get(kind),
                        f"{phase['kinds'].get(kind, 0) / phase['cycles']:.1%}",
                    )
                ),
            )
            for kind, label in _KINDS.items()
            if any(phase["kinds"].get(kind) for phase in phases)
        ],
    )
    for phase in phases:
        print_table(
            console,
            f"Cycles of {phase['name']} by layer (estimated)",
            ("layer", "cycles", "MB read", *_COLUMNS),
            [_layer_row(layers) for layers in _alike(phase["layers"])],
        )


def _alike(layers: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Runs of layers with the same figures."""
    for _, run in groupby(layers, lambda layer: {**layer, "name": ""}):
        yield list(run)


def _layer_row(layers: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    first = layers[0]
    name = first["name"]
    if len(layers) > 1:
        name += f" to {layers[-1]['name'].removeprefix('layers.')}, each"
    kinds = first["kinds"]
    amounts = (sum(kinds.get(kind, 0) for kind in column) for column in _COLUMNS.values())
    columns = (amount or None for amount in amounts)
    return (name, first["cycles"], first["bytes_read"] / 1e6, *columns)
