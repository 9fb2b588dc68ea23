"""Distortions are repeatable, keep shape and range, and move each image differently."""

import torch

from sterna_models.augment import distort


def disc():
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    image = ((rows - 13.5) ** 2 + (columns - 13.5) ** 2 < 25).float()
    return image.expand(16, 1, 28, 28).clone()


def test_shape_range_and_repeatability():
    torch.manual_seed(5)
    first = distort(disc())
    torch.manual_seed(5)
    assert torch.equal(first, distort(disc()))
    assert first.shape == (16, 1, 28, 28)
    assert 0 <= first.min() <= first.max() <= 1


def test_each_image_is_distorted_for_itself_and_modestly():
    torch.manual_seed(6)
    distorted = distort(disc())
    assert not torch.equal(distorted[0], distorted[1])
    area = distorted.sum(dim=(1, 2, 3)) / disc()[0].sum()
    assert 0.6 < area.min() <= area.max() < 1.6
    rows = torch.arange(28.0)[:, None]
    centres = (distorted * rows).sum(dim=(1, 2, 3)) / distorted.sum(dim=(1, 2, 3))
    assert (centres - 13.5).abs().max() < 5
