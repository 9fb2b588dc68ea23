"""Finds the first layer, channel and cycle in which a design differs from the golden model.

Repeats a failing run with the model that writes down every layer's stream, compares each with the
golden model's checkpoints, and takes the earliest wrong frame and, in it, the first layer in the
order of the network: what lies behind it is only its consequence. A second repetition dumps the
cycles around the wrong beat to a waveform file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .design_description import DesignDescription, WatchedStream
from .design_run import DesignSettings, run_design
from .payloads import frames_to_payloads, split_payload
from .simulation_result import Mismatch

__all__ = ["Checkpoints", "find_mismatch"]

Checkpoints = Mapping[str, np.ndarray] | Callable[[np.ndarray], Mapping[str, np.ndarray]]

CYCLES_BEFORE, CYCLES_AFTER = 200, 40
"""How much of the waveform is kept around the wrong beat."""


def find_mismatch(
    directory: Path,
    design: DesignDescription,
    frames: np.ndarray,
    expected: np.ndarray,
    setting: DesignSettings,
    checkpoints: Checkpoints | None,
    keep: Path,
    reload: Mapping[int, Sequence[int]] | None = None,
) -> Mismatch | None:
    """The first difference inside the design, or None if no compared layer differs.

    Parameters are those of `sterna_sim.design_bench.simulate_profiles`; the waveform goes into the
    folder ``keep`` as ``<profile>.vcd``.

    Raises
    ------
    ValueError
        If a checkpoint has another shape than the layer's stream.
    """
    golden = checkpoints(frames) if callable(checkpoints) else checkpoints
    if not golden or not any(stream.instance in golden for stream in design.streams):
        return None
    (run,), _ = run_design(directory, design, frames, [setting], watching=True, reload=reload)
    found: list[Mismatch] = []
    for stream, given in zip(design.streams, run.watched):
        if stream.instance not in golden:
            continue
        values = np.asarray(golden[stream.instance])
        difference = _first_difference(stream, values, given, len(frames))
        if difference is not None:
            found.append(difference)
    if not found:
        return None
    # min() keeps the first of equals, and streams are in the order of the network.
    first = min(found, key=lambda mismatch: mismatch.frame)
    if first.cycle is None:
        return first
    waveform = keep / f"{setting.profile}.vcd"
    dump = (waveform, max(0, first.cycle - CYCLES_BEFORE))
    short = replace(setting, max_cycles=first.cycle + CYCLES_AFTER)
    run_design(directory, design, frames, [short], watching=True, reload=reload, dump=dump)
    return replace(first, waveform=waveform)


def _first_difference(
    stream: WatchedStream, golden: np.ndarray, given: list[tuple[int, int]], samples: int
) -> Mismatch | None:
    shape = stream.shape
    golden = golden.reshape(len(golden), -1)
    if golden.shape[1] != shape.elements:
        raise ValueError(
            f"Checkpoint of {stream.instance} must have {shape.elements} elements, "
            f"not {golden.shape[1]}"
        )
    # A sample is one vector, or one for each pixel: its elements are counted through.
    vectors = len(golden) // samples
    wanted = frames_to_payloads(golden, shape.values, shape.count)
    for number, word in enumerate(wanted):
        cycle, got = given[number] if number < len(given) else (None, None)
        if got == word:
            continue
        vector, beat = divmod(number, shape.beats)
        want, _ = split_payload(word, shape.values, shape.count)
        came: list[int | None] = [None] * len(want)
        if got is not None:
            came = list(split_payload(got, shape.values, shape.count)[0])
        # Equal elements with another `last` or padding are put down to the beat's first element.
        places = range(len(want))
        place = next((place for place in places if came[place] != want[place]), 0)
        frame, pixel = divmod(vector, vectors)
        element = min(beat * shape.count + place, shape.elements - 1) + pixel * shape.elements
        layer = stream.layer or stream.instance
        return Mismatch(layer, stream.instance, frame, element, cycle, came[place], want[place])
    return None
