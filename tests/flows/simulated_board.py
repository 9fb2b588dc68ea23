"""A build's board in Verilator, at the other end of a pseudo terminal (`serial_bench`)."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sterna_sim.verilator import build_model, run_model

__all__ = ["simulated"]


@contextlib.contextmanager
def simulated(folder: Path, work: Path, damage: int = -1) -> Iterator[str]:
    """A terminal behind which the board is simulated; the byte number ``damage`` arrives wrong."""
    facts = json.loads((folder / "board" / "board.json").read_text())
    names = (folder / "sources.f").read_text().split()
    files = {name: (folder / name).read_text() for name in names}
    files |= {name: (folder / "board" / name).read_text() for name in facts["sources"]}
    model = build_model(files, facts["top"])
    work.mkdir()
    for contents in folder.glob("*.hex"):
        shutil.copyfile(contents, work / contents.name)
    environment = {
        "STERNA_DIVISOR": str(round(facts["clock_mhz"] * 1e6 / facts["baud"])),
        "STERNA_DAMAGE": str(damage),
    }
    failures: list[BaseException] = []

    def simulate() -> None:
        try:
            module = f"{__package__}.serial_bench"
            run_model(model, facts["top"], module, work, environment=environment)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=simulate)
    thread.start()
    try:
        while not (work / "terminal").exists() and thread.is_alive():
            time.sleep(0.05)
        yield (work / "terminal").read_text() if thread.is_alive() else ""
    finally:
        (work / "stop").touch()
        thread.join()
        if failures:
            raise failures[0]
