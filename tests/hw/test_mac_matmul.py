"""The multiplier engine against a plain matrix product, as the other engines are."""

from __future__ import annotations

import random

import numpy as np
import pytest

from sterna_flows.yosys import synthesise_text
from sterna_hw.base import SHIFTS, TERNARY, IntegerRange, find_device
from sterna_hw.mac_matmul import MacMatmulConfig, integers
from sterna_hw.packed_products import multiplier_port
from sterna_hw.verilog import emit
from sterna_sim.lint import lint
from sterna_sim.stalls import PROFILES

from .engine_bench import (
    check_engine,
    frame_interval,
    plain_product,
    random_activations,
    random_problem,
    random_weights,
    result_frames,
    run_engine,
)

INT8, INT4 = integers(IntegerRange(-128, 127)), integers(IntegerRange(-8, 7))
WEIGHTS = [(-128, 127), (-127, 127), (-8, 7), (-1, 1), (0, 15), (-5, 0), (-2, 100)]


def random_config(seed: int) -> MacMatmulConfig:
    generator = random.Random(seed)
    problem = random_problem(generator)
    problem |= {"planes": 1, "alphabet": integers(IntegerRange(*generator.choice(WEIGHTS)))}
    block = generator.randint(1, min(problem["inputs"], 7))
    return MacMatmulConfig(**problem, block_inputs=block, port=generator.choice([18, 25, 27]))


def small(**fields) -> MacMatmulConfig:
    values = {
        "inputs": 7,
        "outputs": 5,
        "input_range": IntegerRange(-128, 127),
        "alphabet": INT8,
        "block_inputs": 3,
        "queries": 2,
        "port": 27,
    }
    return MacMatmulConfig(**{**values, **fields})


@pytest.mark.parametrize("seed", range(14), ids=lambda seed: f"seed{seed}")
def test_random_configuration(seed):
    check_engine(random_config(seed), seed)


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": 1, "outputs": 1, "block_inputs": 1, "queries": 1},
        {"block_inputs": 7, "queries": 5},
        {"inputs": 40, "block_inputs": 20, "outputs": 2},
        {"queries": 3, "lanes": 2},
        {"alphabet": integers(IntegerRange(0, 0)), "outputs": 2},
        {"input_range": IntegerRange(-(2**15), 2**15 - 1)},
        {"input_range": IntegerRange(0, 2**20), "alphabet": INT4},
        {"input_range": IntegerRange(0, 255), "port": 18},
        {"alphabet": INT4, "input_range": IntegerRange(-8, 7), "port": 18},
    ],
    ids=["one-weight", "odd", "groups", "lanes", "zeros", "wide", "wider", "narrow-port", "int4"],
)
def test_corner(fields):
    check_engine(small(**fields), seed=9)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_stall_profile(profile):
    config = small(lanes=2)
    weights = random_weights(config, 1)
    activations = random_activations(config, 5, 1)
    run = run_engine(config, activations, weights, profile, seed=1)
    expected = plain_product(activations, weights)
    np.testing.assert_array_equal(result_frames(config, run.payloads()), expected)


def test_extreme_words():
    """All four corners of two weights and an activation, where every sum is as far as it goes."""
    ends = np.array([-128, 127])
    config = small(inputs=14, outputs=4, block_inputs=14, queries=4)
    assert config.words.terms == 7
    for activation in ends:
        weights = np.stack([np.full(14, end) for end in (*ends, *ends[::-1])])
        x = np.full((1, 1, 14), activation)
        run = run_engine(config, x, weights)
        np.testing.assert_array_equal(
            result_frames(config, run.payloads()), plain_product(x, weights)
        )


def test_one_beat_of_weights_a_cycle():
    config = small()
    assert frame_interval(config) == config.row_count == 3 * 3


def test_two_products_where_they_fit():
    """Of int8 by int8 a product takes 16 bits and the wide number's upper part 9: 25 of 27, so that
    two bits are left for sums of up to seven; a port of 25 bits has room for one."""
    assert small(block_inputs=7).words.terms == 7
    assert small(inputs=20, block_inputs=20).words.terms == 7
    assert small(inputs=16, block_inputs=16).words.terms == 6
    assert small(port=25).words.terms == 1
    assert not small(port=18).words.is_packed
    assert not small(queries=1).words.is_packed
    assert small(alphabet=INT4, input_range=IntegerRange(-8, 7), port=18).words.terms == 3
    assert not small(alphabet=INT4, input_range=IntegerRange(0, 2**17)).words.is_packed
    assert small(input_range=IntegerRange(0, 2**17)).cost(find_device("xck26")).dsp == 12


def test_pack_by_hand():
    """Below the weight of output 0, above it that of output 1 with the borrow of the first."""
    config = small(inputs=2, outputs=2, block_inputs=2, alphabet=INT4)
    rows = config.pack(np.array([[-1, 3], [5, -8]]))
    assert rows.tolist() == [[0b00100_1111, 0b11000_0011]]


@pytest.mark.parametrize(("name", "blocks"), [("xck26", 4), ("ecp5-85k", 8)])
def test_blocks_of_a_device(name, blocks):
    """Eight products of int8 and int8 a cycle: four blocks with all their registers inside on
    UltraScale+, eight multipliers on ECP5. As `cost` says."""
    device = find_device(name)
    config = small(inputs=8, outputs=4, queries=4, block_inputs=2, port=multiplier_port(device))
    found = synthesise_text(emit(config.create(), "engine"), "engine", device)
    assert found.dsp == config.cost(device).dsp == blocks
    assert found.lut == pytest.approx(config.cost(device).lut, rel=0.3)
    assert found.ff == pytest.approx(config.cost(device).ff, rel=0.3)


@pytest.mark.parametrize(("name", "blocks"), [("xck26", 2), ("ecp5-85k", 4)])
def test_an_output_left_over_may_be_multiplied_in_logic(name, blocks):
    """Of three outputs two share a block for each input; the product of the third is of few bits,
    which Yosys makes logic on Xilinx devices."""
    device = find_device(name)
    config = small(
        inputs=4,
        outputs=3,
        queries=3,
        block_inputs=2,
        alphabet=INT4,
        input_range=IntegerRange(0, 1),
        port=multiplier_port(device),
    )
    assert config.words.is_packed
    found = synthesise_text(emit(config.create(), "engine"), "engine", device)
    assert found.dsp == config.cost(device).dsp == blocks


def test_lint_is_clean():
    files = emit(small(lanes=2).create(), "engine")
    assert [str(message) for message in lint(files, "engine")] == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"block_inputs": 0}, "Block inputs must be 1 to the 7 inputs, not 0"),
        (
            {"alphabet": SHIFTS},
            "Alphabet must hold all whole numbers from -4 to 4, zero among them, not only 7",
        ),
        ({"alphabet": TERNARY, "planes": 2}, "Planes must be 1, not 2"),
        ({"queries": 0}, "Queries must be 1 or more, not 0"),
    ],
    ids=["none", "gaps", "planes", "queries"],
)
def test_refusals(fields, text):
    with pytest.raises(ValueError) as caught:
        small(**fields)
    assert str(caught.value) == text
