"""The regression of a built accelerator: frames in, every output word and every cycle compared.

`simulate` plays frames through the Verilog of a build folder under cocotb and Verilator, with a
stall profile, and compares each output element with what the golden model expects; latency and
interval are measured and set beside the predicted ones; identity, errors and counters are read over
AXI4-Lite. When something differs, the run is repeated with every layer's stream written down
(`sterna_sim.find_mismatch`), so that the result names the first differing layer, channel and cycle,
and a waveform of the cycles around it is kept. `simulate_profiles` does several runs in one
process.

It does not compute expected values: they come from the golden model. Speed is that of Verilator,
for no Python runs while frames move.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from sterna_hw.register_map import MAGIC, MAP_VERSION

from .axi_words import elements_of_word, expected_words
from .design_description import DesignDescription
from .design_run import DesignRun, DesignSettings, Progress, run_design
from .find_mismatch import Checkpoints, find_mismatch
from .simulation_result import Mismatch, SimulationResult
from .stalls import find_profile

__all__ = ["simulate", "simulate_profiles"]


def simulate(
    directory: Path,
    frames: np.ndarray,
    expected: np.ndarray,
    profile: str = "none",
    seed: int = 0,
    checkpoints: Checkpoints | None = None,
    progress: Progress | None = None,
    *,
    reset_at: int | None = None,
    reload: Mapping[int, Sequence[int]] | None = None,
) -> SimulationResult:
    """One run of frames through a design under one stall profile; see `simulate_profiles`."""
    return simulate_profiles(
        directory,
        frames,
        expected,
        [profile],
        seed,
        checkpoints,
        progress,
        reset_at=reset_at,
        reload=reload,
    )[0]


def simulate_profiles(
    directory: Path,
    frames: np.ndarray,
    expected: np.ndarray,
    profiles: Sequence[str],
    seed: int = 0,
    checkpoints: Checkpoints | None = None,
    progress: Progress | None = None,
    *,
    reset_at: int | None = None,
    reload: Mapping[int, Sequence[int]] | None = None,
) -> list[SimulationResult]:
    """A run of the same frames under each profile; the results are also written as JSON.

    Parameters
    ----------
    directory : :class:`pathlib.Path`
        A build folder: ``design.json``, Verilog, memory files. Results go into its folder ``sim``.
    frames : int64, shape ``(n, input elements)``
        Input codes.
    expected : int64, shape ``(n, output elements)``
        Output codes by the golden model.
    profiles, seed
        Names of stall profiles, and the seed of their rows.
    checkpoints : mapping or callable, optional
        Golden values of the stages, int64 of shape ``(n, elements)`` (with several vectors a
        frame, such as pixels, ``(n * vectors, elements)``), by the stage's name in
        ``design.json``; or a function that computes them from given frames (`Design.checkpoints`),
        called on a mismatch only.
    progress : callable, optional
        ``progress(done, total)`` in frames, from another thread.
    reset_at : :class:`int`, optional
        Resets the design in this cycle of each run and starts over: results must not differ.
    reload : mapping of :class:`int` to rows, optional
        Rows that are loaded over AXI4-Lite first, by the number of the memory.

    Raises
    ------
    ValueError
        If the folder is not a build, or frames and design do not fit.
    SimulatorError
        If compiling or simulating fails.
    """
    directory = Path(directory).resolve()
    design = DesignDescription.read(directory)
    frames, expected = np.asarray(frames), np.asarray(expected)
    if len(frames) == 0 or len(frames) != len(expected):
        raise ValueError(
            f"Frames and expected outputs must be equally many, at least one, not {len(frames)} "
            f"and {len(expected)}"
        )
    words = expected_words(expected, design.output)
    patience = _patience(design, len(frames))
    settings = [
        DesignSettings(find_profile(name).name, seed, reset_at, patience) for name in profiles
    ]
    runs, seconds = run_design(
        directory, design, frames, settings, reload=reload, progress=progress
    )
    results = []
    for setting, run in zip(settings, runs):
        result = _judge(design, run, expected, words, setting)
        result.seconds = seconds / len(runs)
        if result.mismatches:
            keep = directory / "sim"
            keep.mkdir(exist_ok=True)
            result.mismatch = find_mismatch(
                directory, design, frames, expected, setting, checkpoints, keep, reload
            ) or _first_wrong(design, run, expected, words)
        results.append(result)
        _write(directory / "sim", result)
    return results


def _patience(design: DesignDescription, frames: int) -> int:
    if design.latency is None or design.interval is None:
        return 4_000_000
    return 12 * (design.latency + frames * design.interval) + 20_000


def _judge(
    design: DesignDescription,
    run: DesignRun,
    expected: np.ndarray,
    words: Sequence[int],
    setting: DesignSettings,
) -> SimulationResult:
    beats = design.output.beats
    cycles = [cycle for cycle, _ in run.given]
    ends = cycles[beats - 1 :: beats]
    result = SimulationResult(
        profile=setting.profile,
        seed=setting.seed,
        frames=len(expected),
        words=expected.size,
        mismatches=sum(1 for _ in _wrong_elements(design, run, expected, words)),
        latency=ends[0] - run.taken[0] if ends and run.taken else None,
        interval=ends[-1] - ends[-2] if len(ends) > 1 else None,
        predicted_latency=design.latency,
        predicted_interval=design.interval,
        cycles=cycles[-1] + 1 if cycles else setting.max_cycles,
        frame_ends=ends,
        input_cycles=run.taken,
        problems=list(run.faults),
        registers=run.registers,
    )
    if len(run.given) < len(words):
        result.problems.append(
            f"{len(ends)} of {len(expected)} frames came out in {setting.max_cycles} cycles"
        )
    wanted = {"magic": MAGIC, "map_version": MAP_VERSION, "build_hash": design.build_hash}
    wanted |= {"error": 0}
    if len(run.given) == len(words):
        wanted |= {"frames_in": len(expected), "frames_out": len(expected)}
    for name, value in wanted.items():
        if run.registers[name] != value:
            result.problems.append(
                f"Register {name} must read {value:#x}, not {run.registers[name]:#x}"
            )
    return result


def _wrong_elements(
    design: DesignDescription, run: DesignRun, expected: np.ndarray, words: Sequence[int]
) -> Iterator[tuple[int, int, int | None, int | None]]:
    """Frame and element of each wrong word, with the beat's cycle and the value that came."""
    shape = design.output
    for number, word in enumerate(words):
        cycle, got = run.given[number] if number < len(run.given) else (None, None)
        if got == word:
            continue
        frame, beat = divmod(number, shape.beats)
        first = beat * shape.count
        values = None if got is None else elements_of_word(got, shape)
        wanted = expected[frame, first : first + shape.count].tolist()
        marks_differ = values is not None and values[: len(wanted)] == wanted
        for offset, value in enumerate(wanted):
            came = None if values is None else values[offset]
            if came != value or marks_differ:
                yield frame, first + offset, cycle, came


def _first_wrong(
    design: DesignDescription, run: DesignRun, expected: np.ndarray, words: Sequence[int]
) -> Mismatch:
    frame, element, cycle, came = next(_wrong_elements(design, run, expected, words))
    wanted = int(expected[frame, element])
    return Mismatch(None, "m_axis", frame, element, cycle, came, wanted)


def _write(folder: Path, result: SimulationResult) -> None:
    folder.mkdir(exist_ok=True)
    result.write(folder / f"{result.profile}.json")
