"""Channels of beats and lanes."""

from __future__ import annotations

import pytest

from sterna_hw.channels import ChannelConfig


@pytest.mark.parametrize(
    ("channels", "count", "lanes"),
    [
        (4, 2, [[0, 1], [2, 3]]),
        (3, 2, [[0, 1], [2, 1]]),
        (2, 4, [[0, 1, 0, 1]]),
        (1, 1, [[0]]),
    ],
)
def test_channel_of_lanes(channels: int, count: int, lanes: list[list[int]]) -> None:
    config = ChannelConfig(channels, count)
    assert config.channel_of_lanes().tolist() == lanes
    assert config.beats == len(lanes)
    assert config.is_padded == (channels % count != 0)


@pytest.mark.parametrize("fields", [(0, 1), (1, 0)])
def test_errors(fields: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"^(Channels|Count) must be 1 or more, not 0$"):
        ChannelConfig(*fields)
