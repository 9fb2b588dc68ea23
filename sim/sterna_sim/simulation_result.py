"""What a simulation of a built accelerator found, as an object and as JSON.

Words are elements of output frames. A mismatch is an element with another value, or one that never
came; a beat with TLAST or TKEEP in the wrong place counts all its elements. Latency is from the
first accepted input beat to the last output beat of the first frame; the interval is between the
last two TLAST transfers. Both are differences of cycle numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Mismatch", "SimulationResult"]


@dataclass(frozen=True)
class Mismatch:
    """The first place where the hardware differs from the golden model.

    ``layer`` is the first layer, in the order of the network, whose values differ (None when no
    layer inside does, or none could be compared); ``element`` counts the elements (channels) of its
    frame; ``cycle`` is when the beat with it moved. ``got`` is None for a value that never came.
    """

    layer: str | None
    instance: str
    frame: int
    element: int
    cycle: int | None
    got: int | None
    expected: int
    waveform: Path | None = None

    def __str__(self) -> str:
        place = f"layer {self.layer}" if self.layer is not None else "the output"
        got = "nothing" if self.got is None else str(self.got)
        when = "" if self.cycle is None else f" in cycle {self.cycle}"
        kept = "" if self.waveform is None else f"; waveform in {self.waveform}"
        return (
            f"first difference in {place} ({self.instance}), frame {self.frame}, channel "
            f"{self.element}{when}: {got}, not {self.expected}{kept}"
        )


@dataclass
class SimulationResult:
    """One run of frames through a design.

    Parameters
    ----------
    profile, seed
        The stalls.
    frames, words, mismatches : :class:`int`
        Frames fed; output elements compared; how many of them differ or are missing.
    latency, interval : :class:`int`, optional
        Measured cycles; the interval needs two frames or more.
    predicted_latency, predicted_interval : :class:`int`, optional
        From ``design.json``.
    cycles : :class:`int`
        Clock cycles from the first without reset to the last output beat.
    frame_ends, input_cycles : list of :class:`int`
        The cycle of each frame's last output beat, and of every input beat.
    problems : list of :class:`str`
        Broken stream rules, error bits, wrong counters, missing frames: anything that is not a
        wrong value.
    registers : mapping of :class:`str` to :class:`int`
        What AXI4-Lite read after the run.
    mismatch : :class:`Mismatch`, optional
        The first difference.
    seconds : :class:`float`
        Wall time of the simulation (of all its runs, shared evenly), without compilation.
    """

    profile: str
    seed: int
    frames: int
    words: int = 0
    mismatches: int = 0
    latency: int | None = None
    interval: int | None = None
    predicted_latency: int | None = None
    predicted_interval: int | None = None
    cycles: int = 0
    frame_ends: list[int] = field(default_factory=list)
    input_cycles: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    registers: Mapping[str, int] = field(default_factory=dict)
    mismatch: Mismatch | None = None
    seconds: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether every word was right and nothing else was wrong."""
        return self.words > 0 and self.mismatches == 0 and not self.problems

    @property
    def cycle_difference(self) -> int | None:
        """Largest difference of measured and predicted cycles; None under stalls or unpredicted."""
        if self.profile != "none" or self.predicted_latency is None or self.latency is None:
            return None
        difference = abs(self.latency - self.predicted_latency)
        if self.interval is not None and self.predicted_interval is not None:
            difference = max(difference, abs(self.interval - self.predicted_interval))
        return difference

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and texts, without the long lists of cycles."""
        content = asdict(self)
        del content["input_cycles"], content["frame_ends"]
        content |= {"exact": self.exact, "cycle_difference": self.cycle_difference}
        if self.mismatch is not None:
            waveform = self.mismatch.waveform
            content["mismatch"]["waveform"] = str(waveform) if waveform is not None else None
            content["mismatch"]["text"] = str(self.mismatch)
        return content

    def write(self, path: Path) -> None:
        """Writes the result as JSON."""
        Path(path).write_text(json.dumps(self.to_json(), indent=1) + "\n")
