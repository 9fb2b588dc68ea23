"""The committed, trained text models: files, cards, validation text. Needs no torch.

Each model NAME is a folder in `zoo`, `NAME/`, with `shape.json`, `weights.safetensors`,
`characters.json` (see `sterna.decoder.checkpoint`) and `validation.txt`, the text that it was not
trained on; its card is `NAME.json`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from sterna.decoder.checkpoint import SHAPE_FILE
from sterna.decoder.text import Characters

from .text_card import TextCard

__all__ = ["CHARACTERS_FILE", "VALIDATION_FILE", "card", "folder", "names", "validation_tokens"]

CHARACTERS_FILE = "characters.json"
VALIDATION_FILE = "validation.txt"

_HERE = Path(__file__).resolve().parent
# An installed wheel carries the files inside the package, since it has no room around it.
_FOLDER = _HERE / "zoo_files" if (_HERE / "zoo_files").is_dir() else _HERE.parent / "zoo"


def names() -> tuple[str, ...]:
    """Names of all text models, in alphabetical order."""
    return tuple(sorted(entry.parent.name for entry in _FOLDER.glob(f"*/{SHAPE_FILE}")))


def folder(name: str) -> Path:
    """The folder that `DecoderCheckpoint.read` reads.

    Raises
    ------
    ValueError
        If there is no such model; the message lists the names.
    """
    if name not in names():
        raise ValueError(f"Text model must be one of {', '.join(names())}, not {name!r}")
    return _FOLDER / name


@cache
def card(name: str) -> TextCard:
    """The model's card, checked.

    Raises
    ------
    ValueError
        If there is no such model or its card is not valid.
    """
    return TextCard.from_json(folder(name).with_suffix(".json").read_text(encoding="utf-8"))


def validation_tokens(name: str) -> np.ndarray:
    """The validation text as tokens (int64), in the model's vocabulary.

    Raises
    ------
    ValueError
        If there is no such model.
    """
    files = folder(name)
    characters = Characters.read(files / CHARACTERS_FILE)
    text = (files / VALIDATION_FILE).read_text(encoding="utf-8")
    return np.array(characters.encode(text), dtype=np.int64)
