"""Random small distortions of a batch of images: move, turn, stretch and bend.

One affine map for each image (up to 12 degrees, 10 % of size, 2 pixels) plus a smooth random
displacement field, coarse noise of 5 by 5 points enlarged to the image, as in the elastic
distortions long used for handwriting. Everything is drawn from torch's random state, so a seed
fixes it. Sampling is bilinear with black outside.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["distort"]

_TURN = math.radians(12)
_STRETCH = 0.10
_SHEAR = 0.15
_SHIFT = 2 / 14
_BEND = 0.09
_COARSE = 5


def distort(images: Tensor) -> Tensor:
    """Distorted copies of ``images``, float tensor of shape (batch, channels, height, width)."""
    count, _, height, width = images.shape

    def uniform(limit: float) -> Tensor:
        return (torch.rand(count) * 2 - 1) * limit

    turn = uniform(_TURN)
    across, down = 1 + uniform(_STRETCH), 1 + uniform(_STRETCH)
    rows = [
        torch.stack([across * turn.cos(), -turn.sin() + uniform(_SHEAR), uniform(_SHIFT)], dim=1),
        torch.stack([turn.sin(), down * turn.cos(), uniform(_SHIFT)], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    noise = (torch.rand(count, 2, _COARSE, _COARSE) * 2 - 1) * _BEND
    bend = functional.interpolate(noise, size=(height, width), mode="bicubic", align_corners=True)
    return functional.grid_sample(
        images, grid + bend.permute(0, 2, 3, 1), mode="bilinear", align_corners=False
    )
