"""Images as text."""

from __future__ import annotations

import numpy as np
import pytest

from sterna_flows.picture import draw_images


def test_two_pixels_make_a_character() -> None:
    image = np.array([[9, 0, 9], [9, 9, 0], [0, 9, 0]])
    assert draw_images(image[np.newaxis], ["x"]) == "█▄▀\n ▀\n x"


def test_images_wrap_at_the_width() -> None:
    text = draw_images(np.full((3, 2, 4), 5), ["a", "b", "c"], columns=10)
    assert text.splitlines() == ["████ ████", " a    b", "████", " c"]


def test_captions_must_match() -> None:
    with pytest.raises(ValueError, match="Captions must be 1, one an image, not 2"):
        draw_images(np.zeros((1, 2, 2)), ["a", "b"])
