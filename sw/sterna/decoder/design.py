"""A built decoder: the folder that `sterna build` makes of one, read back.

`building` says what lies in the folder. Nothing is kept here: model, layout and configuration are
made again from the checkpoint in the folder and the recorded choices.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sterna_hw.decoder.decoder_accelerator import DecoderAcceleratorConfig

from .hardware import DecoderHardware
from .image_files import ImageFile, check_files, check_headers
from .integers import DecoderIntegers
from .layout import DecoderLayout
from .lowering import lower_decoder
from .source import DecoderSource

__all__ = ["DECODER_FILE", "DECODER_VERSION", "DecoderDesign"]

DECODER_FILE = "decoder.json"
DECODER_VERSION = 2


@dataclass(frozen=True)
class DecoderDesign:
    """A decoder's design in its folder.

    Raises
    ------
    ValueError
        When something is read and the folder is no decoder of this version.
    """

    directory: Path

    @cached_property
    def record(self) -> dict[str, Any]:
        """The contents of ``decoder.json``."""
        path = self.directory / DECODER_FILE
        try:
            record = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ValueError(
                f"Decoder folder {self.directory} must hold a readable {DECODER_FILE}: make one "
                f"with 'sterna build' ({error.__class__.__name__})"
            ) from error
        if not isinstance(record, dict) or record.get("version") != DECODER_VERSION:
            raise ValueError(f"Version of {path} must be {DECODER_VERSION}: build it again")
        return record

    @cached_property
    def source(self) -> DecoderSource:
        """Where the weights come from: the folder's own copy."""
        return DecoderSource.restore(self.record["source"], self.directory / "model")

    @cached_property
    def model(self) -> DecoderIntegers:
        """The golden model's integers."""
        return lower_decoder(self.source.checkpoint)

    @cached_property
    def hardware(self) -> DecoderHardware:
        return DecoderHardware(**self.record["hardware"])

    @cached_property
    def layout(self) -> DecoderLayout:
        return self.hardware.layout(self.model.shape)

    @cached_property
    def config(self) -> DecoderAcceleratorConfig:
        """The hardware's configuration."""
        record = self.record
        return self.hardware.accelerator(
            self.model, record["name"], record["build_hash"], record["model_hash"]
        )

    @property
    def target(self) -> str:
        return self.record["target"]

    @property
    def image(self) -> Path:
        """Folder of the memory image."""
        return self.directory / "memory"

    def check_image(self) -> None:
        """That the files with contents of memory are those of this build, before they are used.

        Raises
        ------
        ValueError
            If one is missing, shorter or longer, changed, of another port or of another image; the
            message names the file.
        """
        record = self.record
        if self.hardware.memory == "external":
            layout = self.layout
            check_headers(self.image, layout.ports, record["model_hash"], layout.image_bytes)
        check_files(self.directory, map(ImageFile.restore, record["memory"]["files"]))

    def files(self) -> dict[str, str]:
        """Verilog and contents of on-chip memories by name, as they were emitted."""
        names = (self.directory / "sources.f").read_text().split()
        names += [path.name for path in sorted(self.directory.glob("*.hex"))]
        return {name: (self.directory / name).read_text() for name in names}
