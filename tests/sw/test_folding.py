"""Foldings: files exact both ways and refused with the layer's name; the recommended style."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sterna.folding import (
    ENGINES,
    MacFolding,
    SelectFolding,
    TableFolding,
    UnrolledFolding,
    as_record,
    engine_style,
    read_foldings,
    recommended_folding,
)
from sterna.ir import MatMul
from sterna_hw.base import ALPHABETS, BINARY, DEVICES, TERNARY, Alphabet, IntegerRange, find_device
from sterna_hw.recommended import recommended


def layer_of(alphabet: Alphabet, inputs: int = 24) -> MatMul:
    return MatMul("fc", ("x",), np.full((6, inputs), alphabet.values[0]), alphabet, 1)


def test_a_file_says_what_was_written(tmp_path: Path) -> None:
    foldings = {
        "fc1": TableFolding(3, 16, 4, True, 2),
        "fc2": SelectFolding(16, 8),
        "fc3": MacFolding(4, 2, 27),
        "fc4": UnrolledFolding(3, 3),
    }
    path = tmp_path / "folding.json"
    path.write_text(json.dumps(as_record(foldings)))
    assert read_foldings(path) == foldings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be readable JSON"),
        ("[]", "must map layers to foldings"),
        ('{"fc": {"engine": "magic"}}', "Folding of fc in"),
        ('{"fc": {"group": 3}}', "parameters: it lacks tables, queries"),
        ('{"fc": {"engine": "select", "queries": 3}}', "parameters: it lacks block_inputs"),
        (
            '{"fc": {"engine": "select", "block_inputs": 2, "queries": 3, "speed": 9}}',
            "parameters: it must not give speed, only block_inputs, queries",
        ),
        ('{"fc": 3}', "parameters: it must be an object, not 3"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "folding.json"
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        read_foldings(path)
    assert message in str(error.value) and str(path) in str(error.value)
    assert "must map layers" in message or "JSON" in message or "of fc in" in str(error.value)
    assert "__init__" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be readable JSON"):
        read_foldings(tmp_path / "none.json")


@pytest.mark.parametrize("target", sorted(DEVICES))
@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=lambda alphabet: alphabet.name)
def test_the_recommended_style_is_the_measured_one(target: str, alphabet: Alphabet) -> None:
    device = find_device(target)
    measured = recommended(device, alphabet)
    folding = recommended_folding(layer_of(alphabet), device)
    assert folding.engine == measured.pop("engine")
    if isinstance(folding, TableFolding):
        assert {name: getattr(folding, name) for name in measured} == measured


def test_the_measured_engines_are_those_of_the_published_table() -> None:
    engines = {
        target: recommended_folding(layer_of(TERNARY), find_device(target)).engine
        for target in ("ecp5-85k", "xck26")
    }
    assert engines == {"ecp5-85k": "select", "xck26": "table"}


@pytest.mark.parametrize(
    ("alphabet", "depth", "inputs", "folding"),
    [
        (TERNARY, 16, 24, TableFolding(3, 1, 1, True, 2)),
        (TERNARY, 8, 24, TableFolding(2, 1, 1, True, 2)),
        (TERNARY, 32, 2, TableFolding(2, 1, 1, True, 2)),
        (BINARY, 16, 24, TableFolding(5, 1, 1, True, 2)),
    ],
)
def test_an_unmeasured_family_gets_a_table_that_fits(
    alphabet: Alphabet, depth: int, inputs: int, folding: TableFolding
) -> None:
    device = replace(find_device("xck26"), family="moss", lutram_depth=depth)
    assert recommended_folding(layer_of(alphabet, inputs), device) == folding


@pytest.mark.parametrize("target", sorted(DEVICES))
@pytest.mark.parametrize("inputs", [1, 2, 5])
@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=lambda alphabet: alphabet.name)
def test_the_recommended_style_can_be_built(target: str, inputs: int, alphabet: Alphabet) -> None:
    layer = layer_of(alphabet, inputs)
    folding = recommended_folding(layer, find_device(target))
    config = folding.engine_config(layer, IntegerRange(-8, 7), None)
    assert (config.inputs, config.outputs) == (inputs, 6)


@pytest.mark.parametrize("target", sorted(DEVICES))
def test_every_engine_by_its_name(target: str) -> None:
    device, layer = find_device(target), layer_of(TERNARY)
    styles = {engine: engine_style(engine, layer, device) for engine in ENGINES}
    assert all(style.engine == engine for engine, style in styles.items())
    is_xilinx = device.family != "ecp5"
    assert styles["unrolled"] == UnrolledFolding(2, 3 if is_xilinx else 2)
    assert styles["mac"] == MacFolding(1, 1, {"xcup": 27, "xc7": 25, "ecp5": 18}[device.family])


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        engine_style("magic", layer_of(TERNARY), find_device("xck26"))
    text = "Engine must be one of table, select, mac, unrolled, not 'magic'"
    assert str(caught.value) == text


def test_multipliers_take_the_weights_there_are_or_all_that_may_be_loaded() -> None:
    weights = np.array([[-2, 0, 1], [0, 1, 1]])
    layer = MatMul("fc", ("x",), weights, TERNARY, 3)
    fixed = MacFolding(1, 2).engine_config(layer, IntegerRange(0, 3), IntegerRange(-6, 9))
    assert fixed.alphabet.range == IntegerRange(-2, 1)
    loaded = MacFolding(1, 2).engine_config(layer, IntegerRange(0, 3), None)
    assert loaded.alphabet.range == IntegerRange(-13, 13)


@pytest.mark.parametrize(
    ("folding", "text"),
    [
        (MacFolding(25, 1), "Folding of fc: Block inputs must be 1 to the 24 inputs, not 25"),
        (UnrolledFolding(0), "Folding of fc: Levels must be 1 or more, not 0"),
    ],
    ids=["mac", "unrolled"],
)
def test_foldings_beyond_the_layer_are_refused(folding: MacFolding, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        folding.engine_config(layer_of(TERNARY), IntegerRange(-8, 7), None)
    assert str(caught.value) == text
