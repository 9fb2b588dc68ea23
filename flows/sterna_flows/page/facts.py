"""What is known of a folder, read once: its report, design or decoder, exploration and card.

A folder may hold a build, at any state (only built, simulated, synthesised, placed), an exploration
or both. Nothing is simulated or synthesised here; figures that were not obtained are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sterna.decoder.design import DecoderDesign
from sterna.design import Design
from sterna_hw.base import Device, find_device
from sterna_models import text_zoo, zoo

from ..report_file import read_report
from .exploration_record import EXPLORATION_FILE, ExplorationRecord, read_exploration

__all__ = ["Facts", "read_facts"]


@dataclass(frozen=True)
class Facts:
    """A folder; ``report`` is the contents of its report.json, empty without a build."""

    directory: Path
    report: Mapping[str, Any]
    exploration: ExplorationRecord | None

    @property
    def is_decoder(self) -> bool:
        return self.report.get("kind") == "decoder"

    @property
    def model(self) -> str:
        return self.report["model"] if self.report else self._explored.model

    @property
    def target(self) -> str:
        return self.report["target"] if self.report else self._explored.target

    @property
    def device(self) -> Device:
        return find_device(self.target)

    @property
    def clock_mhz(self) -> float:
        """The clock that rates are told at: what was placed and routed, or else the one that the
        build was asked for."""
        return float(
            self.report.get("fmax_mhz") or self.report.get("clock_mhz") or self.device.clock_mhz
        )

    @property
    def clock_source(self) -> str:
        return "Fmax, placed and routed" if "fmax_mhz" in self.report else "clock of the build"

    @cached_property
    def design(self) -> Design:
        return Design(self.directory)

    @cached_property
    def decoder(self) -> DecoderDesign:
        return DecoderDesign(self.directory)

    @property
    def card(self) -> Any:
        """The card of the zoo's network of that name, None if there is none."""
        for shelf in (zoo, text_zoo):
            if self.model in shelf.names():
                return shelf.card(self.model)
        return None

    @property
    def _explored(self) -> ExplorationRecord:
        assert self.exploration is not None
        return self.exploration


def read_facts(directory: Path) -> Facts:
    """Reads a folder.

    Raises
    ------
    ValueError
        If it holds neither a build nor an exploration, or one that cannot be read.
    """
    exploration = None
    if (directory / EXPLORATION_FILE).is_file():
        exploration = read_exploration(directory)
    if exploration is not None and not (directory / "report.json").is_file():
        return Facts(directory, {}, exploration)
    if not (directory / "report.json").is_file():
        raise ValueError(
            f"Folder {directory} must hold a report.json or an {EXPLORATION_FILE}; make it with "
            "`sterna build MODEL -o DIR` or `sterna explore MODEL -o DIR`"
        )
    return Facts(directory, read_report(directory), exploration)
