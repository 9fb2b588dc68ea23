"""`sterna sim`: the regression of a built design, from real or random inputs to the report.

Takes codes or real values, has the golden model say what must come out, runs the Verilog under the
stall profiles asked for (`sterna_sim.design_bench`), and extends the build's report: words compared
and mismatches over all runs, and measured cycles from the run without stalls. What the bench calls
a problem (a broken stream rule, an error bit, a wrong counter) fails a run as a wrong word does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sterna import golden
from sterna.design import Design
from sterna_sim.design_bench import simulate_profiles
from sterna_sim.simulation_result import SimulationResult
from sterna_sim.stalls import PROFILES

from .models import sample_inputs
from .report_file import check_files, extend_report, read_report

__all__ = ["failures", "input_codes_of", "profile_names", "read_inputs", "simulate"]

Progress = Callable[[int, int], None]


def simulate(
    design: Design | Path,
    inputs: np.ndarray | int = 32,
    *,
    profiles: Sequence[str] = ("none",),
    seed: int = 0,
    progress: Progress | None = None,
) -> list[SimulationResult]:
    """Simulate a design and compare every output word with the golden model.

    Parameters
    ----------
    design : :class:`Design` or path
        What `sterna.build` made.
    inputs : array or :class:`int`
        Integers are codes and reals are values as the network takes them, both with the sample on
        axis 0; a number stands for so many samples (`sterna_flows.models.sample_inputs`).
    profiles, seed
        Names of stall profiles, each one run, and the seed of stalls and of chosen samples.
    progress : callable, optional
        Told frames done and frames in all.

    Raises
    ------
    ValueError
        If the folder is not a build, the inputs do not fit it, or a profile is unknown.
    ToolError, SimulatorError
        If a tool is missing, or compiling or simulating fails.
    """
    design = design if isinstance(design, Design) else Design(Path(design))
    report = read_report(design.directory)
    check_files(design.directory, report)
    codes = input_codes_of(design, inputs, seed)
    results = simulate_profiles(
        design.directory,
        codes,
        design.expected(codes),
        [name for profile in profiles for name in profile_names(profile)],
        seed,
        checkpoints=design.checkpoints,
        progress=progress,
    )
    extend_report(design.directory, _parts(design, report, results), drop=("exact", "simulation"))
    return results


def profile_names(name: str) -> list[str]:
    """The profile of that name, or all of them for ``all``.

    Raises
    ------
    ValueError
        If there is none; the message lists the names.
    """
    if name == "all":
        return list(PROFILES)
    if name not in PROFILES:
        raise ValueError(f"Stall profile must be all or one of {', '.join(PROFILES)}, not {name!r}")
    return [name]


def read_inputs(text: str) -> np.ndarray | int:
    """What ``--inputs`` says: a number of samples, or a ``.npy`` file with samples on axis 0.

    Raises
    ------
    ValueError
        If it is neither, or the file does not hold an array of numbers.
    """
    if text.isdigit():
        return int(text)
    path = Path(text)
    if path.suffix != ".npy" or not path.is_file():
        raise ValueError(f"Inputs must be a number or an existing .npy file, not {text!r}")
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} must be a numpy array file: {error}") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{path} must hold integers or reals, not {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{path} must hold finite numbers only")
    return array


def failures(results: Sequence[SimulationResult]) -> list[str]:
    """What was not equal, one line for each: wrong words, problems, cycles unlike predicted."""
    lines = []
    for result in results:
        if result.mismatches or not result.words:
            lines.append(f"{result.profile}: {result.mismatches} of {result.words} words differ")
        if result.mismatch is not None:
            lines.append(f"{result.profile}: {result.mismatch}")
        lines += [f"{result.profile}: {problem}" for problem in result.problems]
        if result.cycle_difference:
            lines.append(
                f"{result.profile}: latency and interval must be {result.predicted_latency} and "
                f"{result.predicted_interval} cycles, not {result.latency} and {result.interval}"
            )
    return lines


def input_codes_of(design: Design, inputs: np.ndarray | int, seed: int) -> np.ndarray:
    """Codes, int64 ``(samples, elements)``, of what `simulate` takes as inputs.

    Raises
    ------
    ValueError
        If they do not fit the design.
    """
    graph = design.graph
    if isinstance(inputs, int):
        return sample_inputs(graph, inputs, seed, design.record["model"])[0]
    inputs = np.asarray(inputs)
    if inputs.dtype.kind == "f":
        inputs = golden.quantize_input(graph, inputs)
    size = graph.types[graph.input_name].size
    if inputs.ndim < 2 or not len(inputs) or inputs[0].size != size:
        raise ValueError(f"Inputs must have {size} elements a sample, not shape {inputs.shape}")
    return inputs.reshape(len(inputs), -1).astype(np.int64)


def _parts(
    design: Design, report: dict[str, Any], results: Sequence[SimulationResult]
) -> dict[str, Any]:
    """What a simulation adds to the report."""
    runs = [
        {
            "profile": result.profile,
            "seed": result.seed,
            "frames": result.frames,
            "words": result.words,
            "mismatches": result.mismatches,
            "cycles": result.cycles,
            "problems": list(result.problems),
        }
        for result in results
    ]
    made = sorted(f"sim/{path.name}" for path in (design.directory / "sim").glob("*.*"))
    others = [name for name in report["files"] if not name.startswith("sim/")]
    parts: dict[str, Any] = {
        "exact": {
            "words": sum(result.words for result in results),
            "mismatches": sum(result.mismatches for result in results),
        },
        "simulation": runs,
        "files": [*others, *made],
    }
    for result in results:
        if result.profile == "none":
            measured = {"latency": result.latency, "interval": result.interval}
            parts["cycles"] = {
                name: {"simulated": value} for name, value in measured.items() if value is not None
            }
    return parts
