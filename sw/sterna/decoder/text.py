"""Text and tokens of a character model: one token for each character it knows.

The characters stand in ``characters.json`` of a checkpoint, in the order of their tokens. What the
model does not know cannot be said to it; the error names the character.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Characters"]


@dataclass(frozen=True)
class Characters:
    """The characters of a model.

    Raises
    ------
    ValueError
        If one is not a single character, or occurs twice.
    """

    characters: tuple[str, ...]

    def __post_init__(self) -> None:
        for character in self.characters:
            if not isinstance(character, str) or len(character) != 1:
                raise ValueError(f"Character of a model must be a single one, not {character!r}")
        if len(set(self.characters)) != len(self.characters):
            raise ValueError("Characters of a model must be different from each other")

    @classmethod
    def read(cls, path: Path) -> Characters:
        """From a JSON list.

        Raises
        ------
        ValueError
            If the file cannot be read as such a list; the message names it.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} must be a JSON list of characters: {error}") from None
        if not isinstance(content, list):
            raise ValueError(f"{path} must be a JSON list of characters, not {content!r:.40}")
        return cls(tuple(content))

    def encode(self, text: str) -> list[int]:
        """Tokens of a text.

        Raises
        ------
        ValueError
            If the text has a character that the model does not know.
        """
        numbers = {character: number for number, character in enumerate(self.characters)}
        for character in text:
            if character not in numbers:
                known = "".join(sorted(self.characters)).strip()
                raise ValueError(f"Text must consist of {known!r} and blanks, not {character!r}")
        return [numbers[character] for character in text]

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens."""
        return "".join(self.characters[token] for token in tokens)
