"""Where a decoder comes from: a checkpoint's folder, or a shape filled with random weights.

``synthetic:NAME`` names one of the published shapes (``synthetic:bitnet-0.7b``), ``tiny``, or a
shape's JSON file (``synthetic:my/shape.json``); its weights are random, made from a seed, and good
for cycles, memory and exactness only. Everything else is the folder of a checkpoint. A
`DecoderSource` is what a build folder keeps, so that the golden model of the hardware can be made
again from it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .checkpoint import SHAPE_FILE, DecoderCheckpoint
from .shape import BITNET_0B7, BITNET_2B4T, TINY, DecoderShape
from .synthetic import synthetic_checkpoint
from .text import Characters

__all__ = ["CHARACTERS_FILE", "PUBLISHED", "SYNTHETIC", "DecoderSource", "find_decoder"]

SYNTHETIC = "synthetic:"
PUBLISHED = {shape.name: shape for shape in (BITNET_0B7, BITNET_2B4T)}
NAMED = {**PUBLISHED, TINY.name: TINY}
CHARACTERS_FILE = "characters.json"


@dataclass(frozen=True)
class DecoderSource:
    """A decoder to build.

    Parameters
    ----------
    name : :class:`str`
        What reports call it.
    folder : :class:`pathlib.Path` or None
        Of a checkpoint.
    shape : :class:`DecoderShape` or None
        For random weights: the shape, before ``layers`` cuts it.
    seed : :class:`int`
        Of random weights.
    layers : :class:`int` or None
        Only so many of the first layers of random weights.
    """

    name: str
    folder: Path | None = None
    shape: DecoderShape | None = None
    seed: int = 0
    layers: int | None = None

    @cached_property
    def checkpoint(self) -> DecoderCheckpoint:
        """The weights.

        Raises
        ------
        ValueError
            If the folder is no checkpoint, or the shape has fewer layers.
        """
        if self.folder is not None:
            return DecoderCheckpoint.read(self.folder)
        assert self.shape is not None
        return synthetic_checkpoint(self.shape, self.seed, self.layers)

    @cached_property
    def characters(self) -> Characters | None:
        """The characters of a text model."""
        if self.folder is None or not (self.folder / CHARACTERS_FILE).is_file():
            return None
        return Characters.read(self.folder / CHARACTERS_FILE)

    def keep(self, folder: Path) -> dict[str, Any]:
        """Copies what is needed into ``folder``; gives what `restore` needs besides."""
        folder.mkdir()
        if self.folder is not None:
            for path in sorted(self.folder.iterdir()):
                if path.is_file():
                    shutil.copyfile(path, folder / path.name)
            return {"name": self.name}
        assert self.shape is not None
        (folder / SHAPE_FILE).write_text(self.shape.to_json())
        return {"name": self.name, "synthetic": {"seed": self.seed, "layers": self.layers}}

    @classmethod
    def restore(cls, record: dict[str, Any], folder: Path) -> DecoderSource:
        """The source that `keep` kept."""
        if "synthetic" not in record:
            return cls(record["name"], folder=folder)
        shape = DecoderShape.from_json((folder / SHAPE_FILE).read_text())
        return cls(record["name"], shape=shape, **record["synthetic"])


def find_decoder(model: str, *, seed: int = 0, layers: int | None = None) -> DecoderSource | None:
    """The decoder that a user names; None if it looks like something else.

    Raises
    ------
    ValueError
        If it is synthetic and there is no such shape, or ``layers`` is given for real weights.
    """
    if model.startswith(SYNTHETIC):
        return DecoderSource(model, shape=_shape(model[len(SYNTHETIC) :]), seed=seed, layers=layers)
    path = Path(model)
    if not (path / SHAPE_FILE).is_file():
        return None
    if layers is not None:
        raise ValueError("Layers must be left out for a trained decoder: it is built whole")
    return DecoderSource(path.name, folder=path)


def _shape(name: str) -> DecoderShape:
    if name in NAMED:
        return NAMED[name]
    path = Path(name)
    if not path.is_file():
        names = ", ".join(NAMED)
        raise ValueError(f"Shape must be one of {names}, or a JSON file, not {name!r}")
    try:
        return DecoderShape.from_json(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} must be a shape in JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
