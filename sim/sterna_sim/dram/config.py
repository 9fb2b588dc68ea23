"""The settings of the simulated DRAM, and what lies in it.

`DramConfig` names every effect that the model in ``dram_state.h`` has, with its unit. It is
written to a file that the simulation reads when it starts, so one compiled model serves every
setting. Contents are regions of one address space that all ports share: memory images as a board
would get them, or zeros. Files are mapped, not copied, and never written to.

The defaults stand for four 128-bit ports at 250 MHz on a 64-bit DDR4-2133: 64 bytes a cycle are
16 GB/s. Latencies are typical orders of magnitude, not measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from sterna.decoder.memory_timing import MemoryTiming

__all__ = ["SETTINGS_FILE", "DramConfig", "Region"]

SETTINGS_FILE = "dram.txt"
"""Looked for in the folder of the simulation."""

PAGE = 4096


@dataclass(frozen=True)
class Region:
    """Memory that exists: ``size`` bytes from address ``base``, a file's contents or zeros.

    Parameters
    ----------
    base : :class:`int`
        Address of the first byte, a multiple of 4096.
    image : path, optional
        File of the first bytes; the rest is zero.
    size : :class:`int`, optional
        Bytes; that of the file if left out.

    Raises
    ------
    ValueError
        If there is neither size nor file, the base is no multiple of 4096, or the file is missing
        or larger than the region.
    """

    base: int
    image: Path | None = None
    size: int = 0

    def __post_init__(self) -> None:
        if self.base < 0 or self.base % PAGE:
            raise ValueError(f"Base of a region must be a multiple of {PAGE}, not {self.base}")
        found = 0
        if self.image is not None:
            if not Path(self.image).is_file():
                raise ValueError(f"Image of a region must be a file, not {self.image}")
            found = Path(self.image).stat().st_size
        if not self.size:
            object.__setattr__(self, "size", found)
        if self.size < max(found, 1):
            raise ValueError(f"Size of a region must be at least {max(found, 1)}, not {self.size}")


@dataclass(frozen=True)
class DramConfig:
    """The DRAM of one simulation.

    Parameters
    ----------
    regions : tuple of :class:`Region`
        What exists, without overlaps; other addresses are answered by an error.
    bytes_per_cycle : number
        All ports together, reads and writes: an integer or a `Fraction` (``Fraction("53.2")``).
    read_latency : :class:`int`
        Cycles from a read's address to its first beat, 1 or more.
    burst_gap : :class:`int`
        Cycles that a port rests between two read bursts.
    write_turnaround : :class:`int`
        Cycles in which no port moves anything, before and after writing.
    write_latency : :class:`int`
        Cycles from a burst's last word in the memory to its response.
    random_latency : :class:`int`
        Up to so many cycles more for each read burst.
    stall_percent : :class:`int`
        Share of cycles in which a channel is not ready, or a beat is held back; 0 to 90.
    seed : :class:`int`
        Of the two above.
    queue_depth : :class:`int`
        Bursts of each kind that a port takes before it answers.

    Raises
    ------
    ValueError
        If a field breaks one of these rules.
    """

    regions: tuple[Region, ...]
    bytes_per_cycle: Fraction | int = 64
    read_latency: int = 40
    burst_gap: int = 0
    write_turnaround: int = 16
    write_latency: int = 10
    random_latency: int = 0
    stall_percent: int = 0
    seed: int = 0
    queue_depth: int = 16

    def __post_init__(self) -> None:
        if self.bytes_per_cycle <= 0:
            raise ValueError(f"Bytes per cycle must be positive, not {self.bytes_per_cycle}")
        for name, low in (
            ("read_latency", 1),
            ("burst_gap", 0),
            ("write_turnaround", 0),
            ("write_latency", 0),
            ("random_latency", 0),
            ("seed", 0),
            ("queue_depth", 1),
        ):
            if getattr(self, name) < low:
                subject = name.capitalize().replace("_", " ")
                raise ValueError(f"{subject} must be {low} or more, not {getattr(self, name)}")
        if not 0 <= self.stall_percent <= 90:
            raise ValueError(f"Stall percent must be within 0 to 90, not {self.stall_percent}")
        ends = sorted((region.base, region.base + region.size) for region in self.regions)
        for (_, end), (base, _) in zip(ends, ends[1:]):
            if base < end:
                raise ValueError(f"Regions must not overlap, as they do at {base:#x}")

    @property
    def timing(self) -> MemoryTiming:
        """The same memory for estimates.

        Raises
        ------
        ValueError
            If it is unsteady: latencies or stalls are random.
        """
        if self.random_latency or self.stall_percent:
            raise ValueError("Memory of an estimate must be steady, not random")
        return MemoryTiming(
            self.bytes_per_cycle,
            self.read_latency,
            self.burst_gap,
            self.write_latency,
            self.write_turnaround,
        )

    @property
    def settings(self) -> dict[str, int]:
        """What the file of settings says besides the regions."""
        rate = Fraction(self.bytes_per_cycle)
        return {
            "bandwidth_numerator": rate.numerator,
            "bandwidth_denominator": rate.denominator,
            "read_latency": self.read_latency,
            "burst_gap": self.burst_gap,
            "write_turnaround": self.write_turnaround,
            "write_latency": self.write_latency,
            "random_latency": self.random_latency,
            "stall_percent": self.stall_percent,
            "seed": self.seed,
            "queue_depth": self.queue_depth,
        }

    def write(self, folder: Path) -> Path:
        """Writes the file of settings into the folder of a simulation; gives its path."""
        lines = [f"{name} {value}" for name, value in self.settings.items()]
        for region in self.regions:
            image = "" if region.image is None else Path(region.image).resolve()
            count = 0 if region.image is None else Path(region.image).stat().st_size
            lines.append(f"region {region.base} {region.size} {count} {image}".rstrip())
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / SETTINGS_FILE
        path.write_text("\n".join(lines) + "\n")
        return path
