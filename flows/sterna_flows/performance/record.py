"""`sterna bench`: measures what takes minutes, reads what took longer, writes the page.

The full setting builds, simulates and runs every network of the zoo; the small one, for tests, does
a part of everything with one network of each kind. Cost of engines and long runs come from stored
records in the folder ``docs`` (`engine_tables`, `stored_runs`). No formula is here: each campaign
is a function behind a command of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sterna_models import text_zoo, zoo

from ..decoder_large import published_shape, usual_hardware
from ..decoder_published import compare_with_published
from .builds import MOST_SECONDS, Build, measure_build
from .decoder_runs import DecoderPhase, DecoderRun, estimate_phases, run_decoder
from .engine_tables import read_engine_tables
from .network_runs import NetworkRun, run_network
from .origin import find_origin
from .page import Record, benchmarks_page
from .stored_runs import STORE, read_runs

__all__ = ["Setting", "full_setting", "measure_record", "measure_zoo", "shortcomings"]

Tell = Callable[[str], None]

TARGETS = ("ecp5-85k", "xck26")
LANES = 8


@dataclass(frozen=True)
class Setting:
    """How much is measured.

    Parameters
    ----------
    models : sequence of :class:`str`
        Networks of the zoo, of both kinds.
    targets : sequence of :class:`str`
        Devices that they are built for.
    simulated : sequence of :class:`str`
        Of these, devices whose streaming networks are simulated; decoders are for each device.
    cycles : :class:`int`
        About so many are simulated.
    golden_seconds : :class:`float`
        The golden model runs about so long.
    prompt, tokens : :class:`int`
        Of a simulated decoder; without tokens none is simulated.
    most_checked : :class:`int`, optional
        Rows of each table of engines whose Verilog is written anew; all if None.
    published : :class:`bool`
        Whether the 0.7B shape is estimated.
    """

    models: Sequence[str]
    targets: Sequence[str] = TARGETS
    simulated: Sequence[str] = TARGETS[:1]
    cycles: int = 300_000
    golden_seconds: float = 2.0
    prompt: int = 8
    tokens: int = 8
    most_checked: int | None = None
    published: bool = True

    def __post_init__(self) -> None:
        known = (*zoo.names(), *text_zoo.names())
        for model in self.models:
            if model not in known:
                raise ValueError(f"Model must be one of {', '.join(known)}, not {model!r}")


def full_setting() -> Setting:
    """All networks of the zoo."""
    return Setting((*zoo.names(), *text_zoo.names()))


SMALL = Setting(
    ("shuttle_anomaly_mlp", "shakespeare_tiny"),
    targets=TARGETS[:1],
    cycles=2000,
    golden_seconds=0.1,
    tokens=0,
    most_checked=1,
    published=False,
)
"""One network of each kind, and no simulated decoder: its model alone compiles for minutes."""


@dataclass(frozen=True)
class ZooFigures:
    """What was measured of networks of the zoo."""

    builds: list[Build]
    networks: list[NetworkRun]
    phases: list[DecoderPhase]
    decoders: list[DecoderRun]


def measure_zoo(setting: Setting, tell: Tell = lambda line: None) -> ZooFigures:
    """Builds for each device, simulates, runs the golden model.

    Raises
    ------
    ToolError, SimulatorError
        If building, compiling or simulating fails.
    """
    found = ZooFigures([], [], [], [])
    with tempfile.TemporaryDirectory(prefix="sterna-bench-") as temporary:
        for model in setting.models:
            for target in setting.targets:
                tell(f"{model}, {target}: building")
                build = measure_build(model, target, Path(temporary) / target / model)
                found.builds.append(build)
                if build.effort is not None:
                    _run(build, setting, found, tell)
    return found


def _run(build: Build, setting: Setting, found: ZooFigures, tell: Tell) -> None:
    what = f"{build.model}, {build.target}"
    if build.model in text_zoo.names():
        tell(f"{what}: estimating")
        found.phases.extend(estimate_phases(build.model, build.target))
        if setting.tokens:
            tell(f"{what}: simulating")
            found.decoders.append(run_decoder(build, setting.prompt, setting.tokens, tell))
    elif build.target in setting.simulated:
        tell(f"{what}: simulating")
        found.networks.append(run_network(build, setting.cycles, setting.golden_seconds))


def measure_record(
    setting: Setting, docs: Path, command: str, tell: Tell = lambda line: None
) -> tuple[Record, str]:
    """Everything, and the page; stored records are read from the folder ``docs``.

    Raises
    ------
    ValueError
        If a stored record is missing or unreadable.
    ToolError, SimulatorError
        If a tool is missing or fails.
    """
    record = Record(
        command,
        find_origin(),
        read_engine_tables(docs, setting.most_checked, tell),
        stored=read_runs(docs / STORE),
    )
    zoo_figures = measure_zoo(setting, tell)
    record.builds, record.networks = zoo_figures.builds, zoo_figures.networks
    record.phases, record.decoders = zoo_figures.phases, zoo_figures.decoders
    if setting.published:
        shape = published_shape("bitnet-0.7b")
        record.published = compare_with_published(shape, usual_hardware(shape, LANES), tell)
    return record, benchmarks_page(record)


def shortcomings(
    builds: Sequence[Build], networks: Sequence[NetworkRun], decoders: Sequence[DecoderRun]
) -> list[str]:
    """What is not as it must be, one line each: builds that take too long, what is not equal."""
    lines = [
        f"{build.command} must take at most {MOST_SECONDS:g} s of processor time,"
        f" not {build.effort.processor_seconds:.1f}"
        for build in builds
        if build.effort is not None and build.is_slow
    ]
    lines += [f"{run.model}, {run.target}: {text}" for run in networks for text in run.problems]
    lines += [f"{run.model}, {run.target}: {run.problem}" for run in decoders if run.problem]
    return lines
