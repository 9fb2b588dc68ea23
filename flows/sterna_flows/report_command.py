"""The command `sterna report`: a folder's page, and its plots as pictures for papers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder made by `sterna build` or `explore`.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page (DIR/report.html).")
    ] = None,
    png: Annotated[
        bool, typer.Option("--png", help="Also write each plot as a PNG, into plots/ beside it.")
    ] = False,
) -> None:
    """Write one self-contained HTML page of what a folder knows (needs sterna[report])."""
    from .page.write import report as write_page
    from .terminal import telling

    if output is not None and output.suffix not in (".html", ".htm"):
        raise ValueError(f"Output must be an .html file, not {str(output)!r}")
    beside = (directory if output is None else output.parent) / "plots"
    with telling(steps=False) as tell:
        tell(f"Writing the page of {directory}")
        page = write_page(directory, output, png=beside if png else None)
    print(f"Page: {page}")
    if png:
        print(f"Plots: {beside}")
