"""Plays runs of frames through a compiled design model and reads back what happened.

One process plays any number of runs (stall profile, seed, reset in mid-frame), each with the same
frames. What comes back is raw: cycles and payloads of every beat at the edges, the beats of watched
streams, broken rules, registers. Judging them is left to `sterna_sim.design_bench`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .axi_words import axi_words
from .design_description import DesignDescription
from .design_memory import memory_job, write_memory
from .design_model import TOP, build_design_model, memory_files
from .player_files import read_faults, read_given, read_taken, write_sink, write_source
from .stalls import find_profile
from .verilator import run_model

__all__ = ["DesignRun", "DesignSettings", "Progress", "run_design"]

LONG_RUN = 10_000_000
"""From so many predicted cycles on, optimisation pays for its compile time."""

Progress = Callable[[int, int], None]
"""Told how many output frames there are so far, and how many there will be."""


@dataclass(frozen=True)
class DesignSettings:
    """One run: stalls, seed, the cycle of a reset in mid-work, patience in cycles."""

    profile: str
    seed: int = 0
    reset_at: int | None = None
    max_cycles: int = 2_000_000


@dataclass
class DesignRun:
    """The beats of one run; ``watched`` has a list for each stream of the design's description."""

    taken: list[int]
    given: list[tuple[int, int]]
    faults: list[str]
    registers: Mapping[str, int]
    watched: list[list[tuple[int, int]]] = field(default_factory=list)


def run_design(
    directory: Path,
    design: DesignDescription,
    frames: np.ndarray,
    settings: Sequence[DesignSettings],
    *,
    watching: bool = False,
    dump: tuple[Path, int] | None = None,
    reload: Mapping[int, Sequence[int]] | None = None,
    progress: Progress | None = None,
) -> tuple[list[DesignRun], float]:
    """The runs, and the seconds that they took all together.

    Parameters
    ----------
    watching : :class:`bool`
        Write down the streams inside (a slower model, compiled at first need).
    dump : tuple, optional
        Waveform file and first cycle to dump; the dump ends with the run (watching only).
    reload : mapping of :class:`int` to rows, optional
        Rows to be loaded over AXI4-Lite before the frames, by number of the memory.

    Raises
    ------
    SimulatorError
        If compiling or simulating fails.
    """
    cycles = ((design.latency or 0) + len(frames) * (design.interval or 0)) * len(settings)
    fast = not watching and cycles > LONG_RUN
    model = build_design_model(directory, design, watching=watching, fast=fast)
    beats = axi_words(frames, design.input)
    expected = len(frames) * design.output.beats
    environment = {"STERNA_JOB": "job.json"}
    plusargs = [] if dump is None else [f"+dump={dump[0]}", f"+dump_from={dump[1]}"]
    with tempfile.TemporaryDirectory(prefix="sterna-simulation-") as temporary:
        work = Path(temporary)
        for file in memory_files(directory):
            shutil.copy(file, work / file.name)
        for number, setting in enumerate(settings):
            _write_run(work / f"run{number}", beats, expected, setting)
        job = {
            "reload": {k: [f"{int(row):x}" for row in rows] for k, rows in (reload or {}).items()},
            "memory": memory_job(design.memory),
        }
        begun = time.monotonic()
        with _Watch(work, len(settings), len(frames), design.output.beats, progress):
            for numbers in _processes(design, settings):
                runs = {number: _numbers(settings[number]) for number in numbers}
                (work / "job.json").write_text(json.dumps({"runs": runs, **job}))
                if design.memory is not None:
                    write_memory(work, directory, design.memory, settings[numbers[0]])
                run_model(
                    model,
                    TOP,
                    "sterna_sim.design_test",
                    work,
                    environment=environment,
                    plusargs=plusargs,
                )
        seconds = time.monotonic() - begun
        count = len(design.streams) if watching else 0
        return [_read_run(work / f"run{n}", count) for n in range(len(settings))], seconds


def _processes(design: DesignDescription, settings: Sequence[DesignSettings]) -> list[list[int]]:
    """Numbers of the runs that one process can play: all of them, or where there is a memory, whose
    manners are those of a process, first those without stalls, then the others."""
    numbers = list(range(len(settings)))
    if design.memory is None:
        return [numbers]
    steady = [number for number in numbers if settings[number].profile == "none"]
    return [group for group in (steady, [n for n in numbers if n not in steady]) if group]


def _write_run(folder: Path, beats: Sequence[int], expected: int, setting: DesignSettings) -> None:
    folder.mkdir()
    profile, seed, cycles = find_profile(setting.profile), setting.seed, setting.max_cycles
    write_source(folder, "s_axis", beats, profile.source(seed, "s_axis"), cycles)
    write_sink(folder, "m_axis", expected, profile.sink(seed, "m_axis"), cycles)


def _numbers(setting: DesignSettings) -> tuple[int, int, int]:
    reset_at = -1 if setting.reset_at is None else setting.reset_at
    return setting.max_cycles, reset_at, int(find_profile(setting.profile).sink_waits)


def _read_run(folder: Path, stream_count: int) -> DesignRun:
    return DesignRun(
        taken=read_taken(folder, "s_axis"),
        given=read_given(folder, "m_axis"),
        faults=read_faults(folder, "m_axis"),
        registers=json.loads((folder / "registers.json").read_text()),
        watched=[read_given(folder, f"stream{index}") for index in range(stream_count)],
    )


class _Watch:
    """Tells the progress while the simulation runs, by the length of what it has written."""

    def __init__(
        self, work: Path, runs: int, frames: int, beats: int, progress: Progress | None
    ) -> None:
        self.work, self.runs, self.frames, self.beats = work, runs, frames, beats
        self.progress = progress
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        if self.progress is not None:
            self.thread.start()

    def __exit__(self, *error: object) -> None:
        self.over.set()
        if self.progress is not None:
            self.thread.join()
            if error[0] is None:
                self.progress(self.frames * self.runs, self.frames * self.runs)

    def _watch(self) -> None:
        assert self.progress is not None
        while not self.over.wait(0.3):
            files = [self.work / f"run{number}" / "m_axis.given" for number in range(self.runs)]
            lines = sum(file.read_bytes().count(b"\n") for file in files if file.exists())
            self.progress(lines // self.beats, self.frames * self.runs)
