"""The committed performance record: complete, and in step with the stored records."""

from __future__ import annotations

from pathlib import Path

from sterna_flows.performance.engine_tables import read_engine_tables
from sterna_flows.performance.record import TARGETS
from sterna_flows.performance.stored_runs import STORE, read_runs
from sterna_models import text_zoo, zoo

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def rows_of(page: str, first: str) -> list[list[str]]:
    """Cells of the rows that begin so."""
    lines = (line for line in page.splitlines() if line.startswith(f"| {first} |"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_committed_page_has_all_networks_and_the_stored_figures() -> None:
    """Where a stored record was measured anew, `sterna bench` must write the page anew."""
    page = (DOCS / "benchmarks.md").read_text()
    assert "Made by `sterna bench`;" in page
    for name in (*zoo.names(), *text_zoo.names()):
        assert rows_of(page, name), name
    for name in zoo.names():
        # Cycles between frames and speeds of one device, builds for both.
        commands = [row[-1] for row in rows_of(page, name)]
        assert commands.count(f"`sterna bench zoo {name} -t {TARGETS[0]}`") == 2
        assert all(f"`sterna build {name} -t {target}`" in commands for target in TARGETS)
    tables = read_engine_tables(DOCS, 0)
    for row in (*tables.streaming, *tables.decoder, *tables.unrolled):
        (cells,) = (cells for cells in rows_of(page, row.case) if cells[1] == row.engine)
        assert cells[2:5] == [f"{value:.2f}" for value in (row.cost, row.baseline_cost, row.ratio)]
    for stored in read_runs(DOCS / STORE):
        assert page.count(f"`{stored.command}`") == 2
