"""Grey images as text, two pixels to a character, for showing digits in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["draw_images"]

# Upper and lower half of a character cell, lit or not.
HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def draw_images(images: np.ndarray, captions: Sequence[str], columns: int = 100) -> str:
    """Images side by side with a caption under each, in as many rows as ``columns`` demand.

    ``images`` has shape ``(count, height, width)``; a pixel is lit from half of the largest value.

    Raises
    ------
    ValueError
        If the number of captions is another than that of the images.
    """
    if len(images) != len(captions):
        raise ValueError(f"Captions must be {len(images)}, one an image, not {len(captions)}")
    width = max([images.shape[2], *(len(caption) for caption in captions)])
    per_row = max(1, columns // (width + 1))
    lines = []
    for start in range(0, len(images), per_row):
        cells = [_draw(image) for image in images[start : start + per_row]]
        names = captions[start : start + per_row]
        for line in zip(*cells):
            lines.append(" ".join(part.ljust(width) for part in line).rstrip())
        lines.append(" ".join(name.center(width) for name in names).rstrip())
    return "\n".join(lines)


def _draw(image: np.ndarray) -> list[str]:
    lit = image >= max(1, int(image.max())) / 2
    if len(lit) % 2:
        lit = np.vstack([lit, np.zeros_like(lit[:1])])
    return [
        "".join(HALVES[bool(up), bool(down)] for up, down in zip(upper, lower))
        for upper, lower in zip(lit[::2], lit[1::2])
    ]
