"""The cycle model against timings that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sterna import cycles, event_loop
from sterna.building import prepare
from sterna.cycles import Network, simulate_in_python, simulate_network
from sterna.event_loop import find_event_loop
from sterna.mapping import map_graph, queue_places
from sterna_hw.base import Process, Step, Timing, find_device, queue

from .branch_graphs import random_branches
from .test_mapping import random_foldings


def slow(interval: int) -> Timing:
    """Takes a beat and gives it back one cycle later, at most every ``interval`` cycles."""
    step = Step(interval, take=("i", "places"), give=(("o", 1),))
    return Timing(("i",), ("o",), (Process("slow", (step,)),), {"places": 1}, {"o": "places"})


def times(network: Network, port: tuple[str, str], beats: int) -> list[int]:
    return simulate_network(network, beats).transfers[port].tolist()


@pytest.mark.parametrize("latency", [1, 2, 5])
@pytest.mark.parametrize("extra", [1, 2])
def test_queue_with_enough_places_passes_a_beat_a_cycle(latency: int, extra: int) -> None:
    network = Network({"a": queue(latency, latency + extra)}, [])
    assert times(network, ("a", "i"), 4) == [0, 1, 2, 3]
    assert times(network, ("a", "o"), 4) == [latency + k for k in range(4)]


def test_queue_with_one_place_waits_for_the_place_to_return() -> None:
    network = Network({"a": queue(1, 1)}, [])
    assert times(network, ("a", "i"), 3) == [0, 2, 4]
    assert times(network, ("a", "o"), 3) == [1, 3, 5]


def test_slow_consumer_holds_up_its_producer() -> None:
    network = Network({"a": queue(1, 2), "b": slow(4)}, [(("a", "o"), ("b", "i"))])
    assert times(network, ("b", "i"), 4) == [1, 5, 9, 13]
    assert times(network, ("a", "i"), 4) == [0, 1, 2, 6]
    waits = simulate_network(network, 4).waits
    assert waits["a", "pass", "places"] == 3


def test_peek_waits_for_the_beat_but_leaves_it() -> None:
    steps = (Step(3, peek=("i",)), Step(1, take=("i",), give=(("o", 1),)))
    part = Timing(("i",), ("o",), (Process("hold", steps),))
    assert times(Network({"a": part}, []), ("a", "i"), 3) == [3, 7, 11]


def test_join_takes_both_beats_in_the_same_cycle() -> None:
    step = Step(take=("i", "weights"), give=(("o", 2),))
    join = Timing(("i", "weights"), ("o",), (Process("join", (step,)),))
    network = Network({"a": slow(3), "j": join}, [(("a", "o"), ("j", "i"))])
    done = simulate_network(network, {("a", "i"): 3, ("j", "weights"): 3})
    assert done.transfers["j", "i"].tolist() == done.transfers["j", "weights"].tolist() == [1, 4, 7]


def test_a_step_may_take_and_give_several_tokens() -> None:
    """Groups of three leave when the third has come, and six places are there for them."""
    store = Process("store", (Step(take=("i", "room"), give=(("stored", 1),)),))
    group = Step(4, take=("stored",) * 3, give=(("room", 2),) * 3 + (("o", 1),))
    part = Timing(("i",), ("o",), (store, Process("group", (group,))), {"room": 6})
    network = Network({"a": part}, [])
    assert times(network, ("a", "o"), 9) == [4, 8, 12]
    assert times(network, ("a", "i"), 9) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert times(network, ("a", "i"), 13)[9:] == [9, 10, 11, 13]


def test_processes_overlap_through_inner_channels() -> None:
    fill = Process("fill", (Step(4, take=("i", "table"), give=(("full", 4),)),))
    use = Process(
        "use",
        (
            Step(0, take=("full",)),
            Step(1, give=(("o", 1),), repeat=2),
            Step(0, give=(("table", 0),)),
        ),
    )
    part = Timing(("i",), ("o",), (fill, use), {"table": 2})
    assert times(Network({"a": part}, []), ("a", "o"), 3) == [5, 6, 9, 10, 13, 14]


@pytest.mark.parametrize(
    ("links", "message"),
    [
        ([(("x", "o"), ("a", "i"))], "Part of a link must be one of ['a', 'b'], not 'x'"),
        ([(("a", "i"), ("b", "i"))], "Port of a must be one of its outputs, not 'i'"),
        (
            [(("a", "o"), ("b", "i")), (("a", "o"), ("b", "i"))],
            "Port a.o must be linked once, not twice",
        ),
    ],
)
def test_bad_links_are_refused(links: list, message: str) -> None:
    with pytest.raises(ValueError) as error:
        Network({"a": queue(1, 1), "b": queue(1, 1)}, links)
    assert str(error.value) == message


def test_free_running_process_is_refused() -> None:
    part = Timing((), ("o",), (Process("free", (Step(give=(("o", 1),)),)),))
    with pytest.raises(ValueError, match="must take a token"):
        simulate_network(Network({"a": part}, []), 1)


@pytest.mark.parametrize("seed", range(10), ids=lambda seed: f"seed{seed}")
def test_chain_equals_the_same_chain_stepped_cycle_by_cycle(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shapes = [(int(generator.integers(1, 5)), int(generator.integers(1, 6))) for _ in range(4)]
    parts = {f"p{k}": queue(*shape) for k, shape in enumerate(shapes)}
    links = [((f"p{k}", "o"), (f"p{k + 1}", "i")) for k in range(3)]
    done = simulate_network(Network(parts, links), 25)
    assert done.transfers["p3", "o"].tolist() == _step_by_step(shapes, 25)


def _step_by_step(shapes: list[tuple[int, int]], beats: int) -> list[int]:
    """The same chain as a clocked model: registers, places, ready and valid in every cycle."""
    waiting: list[list[int]] = [[] for _ in shapes]  # per part: cycles at which its beats are due
    places = [count for _, count in shapes]
    taken, left, cycle = 0, [], 0
    while len(left) < beats:
        valid = [bool(queue_ and queue_[0] <= cycle) for queue_ in waiting]
        ready = [count > 0 for count in places]
        moves = [taken < beats and ready[0]]
        moves += [valid[k] and ready[k + 1] for k in range(len(shapes) - 1)]
        moves += [valid[-1]]
        for k, (latency, _) in enumerate(shapes):
            if moves[k]:
                places[k] -= 1
                waiting[k].append(cycle + latency)
            if moves[k + 1]:
                waiting[k].pop(0)
                places[k] += 1
        taken += moves[0]
        if moves[-1]:
            left.append(cycle)
        cycle += 1
    return left


@pytest.mark.parametrize("images", [False, True], ids=["vectors", "images"])
@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"seed{seed}")
def test_both_loops_give_the_same(seed: int, images: bool) -> None:
    """Whole networks, some of which stand still: every transfer and every cycle of waiting."""
    graph = prepare(random_branches(seed, images))
    queues = dict.fromkeys(queue_places(graph)[:: 1 + seed % 2], 1 + 3 * seed)
    foldings = random_foldings(graph, seed)
    accelerator = map_graph(graph, find_device("ecp5-25k"), foldings, queues=queues).accelerator
    network = Network(*accelerator.network())
    offered = {("input_edge", "i"): 3 * accelerator.input_edge.beats}
    assert find_event_loop() is not None
    done = simulate_network(network, offered, seed)
    slow = simulate_in_python(network, offered, seed, done.transfers)
    assert len(done.transfers["input_edge", "i"]) > 0
    for port, times in slow.transfers.items():
        assert np.array_equal(done.transfers[port], times), port
    assert done.waits == slow.waits


def test_only_the_ports_that_are_wanted_are_kept() -> None:
    network = Network({"a": queue(2, 3)}, [])
    done = simulate_network(network, 3, ports=[("a", "o")])
    assert {port: times.tolist() for port, times in done.transfers.items()} == {
        ("a", "o"): [2, 3, 4]
    }


def test_python_steps_in_without_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STERNA_CACHE", str(tmp_path))
    monkeypatch.setattr(event_loop, "COMPILERS", ("no-such-compiler",))
    monkeypatch.setattr(cycles, "find_event_loop", find_event_loop.__wrapped__)
    assert cycles.find_event_loop() is None
    assert times(Network({"a": queue(1, 1)}, []), ("a", "o"), 3) == [1, 3, 5]
