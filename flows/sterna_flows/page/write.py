"""`sterna report`: one self-contained HTML page of a folder, and its plots as pictures.

The page reads nothing but itself: styles, drawings and the few lines of script that show what is
under the pointer are in it. It shows what the folder knows and names the command that would bring
what it does not know. Nothing is simulated or synthesised for it. The same folder gives the same
bytes.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

from sterna.decoder.design import DecoderDesign
from sterna.design import Design

from .accuracy import accuracy_section
from .content import Note, Page, Section
from .decoder_units import units_section
from .exploration import exploration_section
from .exploration_record import EXPLORATION_FILE
from .facts import Facts, read_facts
from .figures import style, to_svg, write_png
from .key_figures import key_figures
from .pipeline import pipeline_section
from .resources import resources_section
from .roofline_section import roofline_section
from .schedule import schedule_section, token_schedule
from .verification import verification_section

__all__ = ["PAGE_FILE", "make_page", "report"]

PAGE_FILE = "report.html"


def report(
    design: Design | DecoderDesign | str | Path,
    out: str | Path | None = None,
    *,
    png: str | Path | None = None,
) -> Path:
    """Writes the page of a folder.

    Parameters
    ----------
    design : :class:`Design`, :class:`DecoderDesign` or path
        A build, at any state, or an exploration's folder.
    out : path, optional
        The page; ``report.html`` in the folder without it.
    png : path, optional
        A folder that is made for the plots as PNG files, without it there are none.

    Returns
    -------
    path
        The page.

    Raises
    ------
    ValueError
        If the folder holds neither a build nor an exploration, one of its files cannot be read, or
        matplotlib or Jinja are not installed.
    """
    directory = design.directory if isinstance(design, Design | DecoderDesign) else Path(design)
    path = directory / PAGE_FILE if out is None else Path(out)
    with style():
        page = make_page(read_facts(directory))
        text = _render(page)
        if png is not None:
            folder = Path(png)
            folder.mkdir(parents=True, exist_ok=True)
            for plot in page.plots:
                write_png(plot, folder / f"{plot.name}.png")
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)
    return path


def make_page(facts: Facts) -> Page:
    """All sections of a folder, in order; within `figures.style`."""
    sections: list[Section] = []
    if facts.report:
        middle = [resources_section(facts), roofline_section(facts)]
        if facts.is_decoder:
            token = token_schedule(facts)
            sections += [units_section(facts, token), *middle, schedule_section(facts, token)]
        else:
            sections += [pipeline_section(facts), *middle]
    if facts.exploration is not None:
        sections.append(exploration_section(facts.exploration))
    else:
        sections.append(_not_explored(facts))
    if facts.report:
        sections.append(verification_section(facts))
    sections.append(accuracy_section(facts))
    kind = "decoder" if facts.is_decoder else "streaming accelerator"
    if not facts.report:
        kind = "exploration"
    synthetic = ", random weights" if facts.report.get("synthetic") else ""
    return Page(facts.model, f"{kind} for {facts.target}{synthetic}", key_figures(facts), sections)


def _not_explored(facts: Facts) -> Section:
    model = facts.model if facts.card is not None else "MODEL"
    command = f"sterna explore {model} --target {facts.target} -o DIR"
    note = Note(f"This folder holds no exploration ({EXPLORATION_FILE}).", command)
    return Section("exploration", "Exploration", "", [note])


def _render(page: Page) -> str:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise ValueError(
            "Report must have matplotlib and Jinja: pip install 'sterna[report]'"
        ) from None
    environment = Environment(
        loader=PackageLoader("sterna_flows.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    folder = Path(__file__).parent
    return environment.get_template("page.html.jinja").render(
        page=page,
        drawings={plot.name: to_svg(plot) for plot in page.plots},
        styles=(folder / "page.css").read_text(encoding="utf-8"),
        script=(folder / "page.js").read_text(encoding="utf-8"),
        version=version("sterna"),
    )
