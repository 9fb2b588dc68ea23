"""The command `sterna generate`: text as it comes on the output, figures on the error stream."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .terminal import CheckFailed, fail_unless_equal, telling

__all__ = ["generate"]


def generate(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder made by `sterna build`.")
    ],
    prompt: Annotated[str, typer.Option(help="Text, or token numbers with commas.")],
    tokens: Annotated[int, typer.Option(help="Tokens to generate at most.")] = 64,
    engine: Annotated[
        str | None, typer.Option(help="golden, rtl: the Verilog, or board (with --port).")
    ] = None,
    port: Annotated[
        str | None, typer.Option(help="Serial port of the board: /dev/ttyUSB0.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 is greedy, and usual; with --top-k, 1 is usual.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(help="Candidates that are drawn from (all that the build shows).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    stop: Annotated[
        str | None, typer.Option(help="A token that ends the text (the model's end of text).")
    ] = None,
) -> None:
    """Continue a text by a built decoder: its golden model, its Verilog, or a board."""
    from sterna.decoder.sampling import Sampler
    from sterna.driver import DriverError

    from .decoder_flow import summary
    from .generation import generate as run_generation

    if temperature is None:
        # Who names candidates wants to draw from them.
        temperature = 0.0 if top_k is None else 1.0

    def say(text: str) -> None:
        print(text, end="", flush=True)

    try:
        with telling() as tell:
            made = run_generation(
                directory,
                prompt,
                tokens,
                engine=engine or ("golden" if port is None else "board"),
                port=port,
                sampler=Sampler(temperature, top_k, seed),
                stop=stop,
                say=say,
                tell=tell,
            )
    except DriverError as error:
        raise CheckFailed(str(error)) from None
    print()
    for line in summary(made):
        print(line, file=sys.stderr)
    fail_unless_equal(made.differences)
