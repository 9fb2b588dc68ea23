"""Where parts of a pipeline stand: links never share a lane, and none runs through a part."""

from __future__ import annotations

import random

import pytest

from sterna_flows.page.lanes import Route, place_in_lanes


def test_a_chain_has_one_lane() -> None:
    lanes = place_in_lanes(4, [(0, 1), (1, 2), (2, 3)])
    assert lanes.parts == (0, 0, 0, 0) and lanes.count == 1


def test_a_branch_stands_beside_and_comes_back() -> None:
    lanes = place_in_lanes(5, [(0, 1), (1, 2), (1, 3), (2, 4), (3, 4)])
    assert lanes.parts == (0, 0, 0, 1, 0) and lanes.count == 2
    assert Route(1, 3, 1) in lanes.routes


@pytest.mark.parametrize("seed", range(20))
def test_links_do_not_touch_others(seed: int) -> None:
    draw = random.Random(seed)
    count = draw.randint(2, 12)
    links = [(draw.randrange(part), part) for part in range(1, count)]
    links += [tuple(sorted(draw.sample(range(count), 2))) for _ in range(draw.randint(0, 4))]
    lanes = place_in_lanes(count, links)  # pyright: ignore[reportArgumentType]
    assert sorted((route.begin, route.end) for route in lanes.routes) == sorted(links)
    for number, route in enumerate(lanes.routes):
        assert route.lane < lanes.count
        for part in range(route.begin + 1, route.end):
            assert lanes.parts[part] != route.lane
        for other in lanes.routes[:number]:
            apart = other.end <= route.begin or route.end <= other.begin
            assert apart or other.lane != route.lane
