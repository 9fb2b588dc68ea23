"""Weights in external memory, from the folding to the file: where they lie, and what is refused."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sterna
from sterna.building import predict_cycles
from sterna.design import Design
from sterna.folding import (
    Folding,
    MacFolding,
    SelectFolding,
    TableFolding,
    as_record,
    foldings_of,
    read_foldings,
)
from sterna.ir import MatMul
from sterna.mapping import map_graph
from sterna.weight_image import IMAGE_FILE, check_image
from sterna_hw.base import find_device

from .graphs import random_chain, random_codes, random_images

DEVICE = find_device("ecp5-25k")
FOLDINGS: dict[str, Folding] = {
    "fc0": SelectFolding(3, 2, external=True),
    "fc1": TableFolding(2, 2, 2, sign_fold=False, buffers=2),
    "fc2": MacFolding(5, 1, 18, external=True),
}


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    out = tmp_path_factory.mktemp("b") / "d"
    return sterna.build(random_chain(5, 3, 40), "ecp5-25k", out, foldings=FOLDINGS)


def test_the_image_is_what_engines_consume(design: Design) -> None:
    """Rows are read out of the file bit by bit, as the page on numbers tells, and multiplied."""
    memory = design.record["memory"]
    image = (design.directory / IMAGE_FILE).read_bytes()
    graph = design.graph
    codes = random_codes(1, graph, 4)
    values = graph.run_integers(codes, checkpoints=True)
    assert [port["layer"] for port in memory["ports"]] == ["fc0", "fc2"]
    for port in memory["ports"]:
        layer = graph[port["layer"]]
        assert isinstance(layer, MatMul)
        kind = graph.types[layer.inputs[0]]
        config: Any = FOLDINGS[layer.name].engine_config(layer, kind.range, None)
        assert port["offset"] % 1024 == 0
        number = int.from_bytes(image[port["offset"] :][: port["bytes"]], "little")
        width, count = config.word_range.width, config.row_elements
        assert port["row_width"] == width * count
        places, mask = range(port["rows"] * count), (1 << width) - 1
        rows = np.array([number >> width * place & mask for place in places]).reshape(-1, count)
        source = values[layer.inputs[0]] if layer.inputs[0] != "x" else codes
        results = config.compute_packed(source.reshape(len(codes), -1), rows)
        assert np.array_equal(results, values[layer.name].reshape(len(codes), -1))
        # A short pass is there more than once, each from a word on.
        one = -(-port["rows"] * port["row_width"] // 128) * 16
        assert port["bytes"] == one * port["passes"] >= 1024
        region = image[port["offset"] :][: port["bytes"]]
        assert region == region[:one] * port["passes"]


def test_the_records_tell_of_the_image(design: Design) -> None:
    memory = design.record["memory"]
    image = (design.directory / IMAGE_FILE).read_bytes()
    assert image[:16] == b"STRN" + struct.pack("<3I", 2, int(memory["hash"], 16), 0)
    digest = hashlib.sha256(image).hexdigest()
    assert memory["image"] == {"name": IMAGE_FILE, "bytes": len(image), "sha256": digest}
    registers = design.record["registers"]
    assert registers["image_hash"]["fields"]["value"]["reset"] == int(memory["hash"], 16)
    assert 16 * registers["image_words"]["fields"]["value"]["reset"] == len(image)
    report = json.loads((design.directory / "report.json").read_text())
    assert report["memory"] == memory
    assert IMAGE_FILE in report["files"]
    moved = sum(port["bytes_per_frame"] for port in memory["ports"])
    assert memory["bytes_per_frame"] == moved
    interval = design.record["cycles"]["interval"]
    assert memory["bytes_per_cycle"] == round(moved / interval, 3)
    assert all(port["cycles"] <= interval for port in memory["ports"])
    assert read_foldings(design.directory / "folding.json") == FOLDINGS


def test_the_hash_is_of_weights_and_map(design: Design, tmp_path: Path) -> None:
    other = {**FOLDINGS, "fc1": TableFolding(2, 2, 2, False, 2, external=True)}
    graph = design.graph
    hashes = {
        map_graph(graph, DEVICE, foldings).accelerator.image_hash
        for foldings in (FOLDINGS, other, {**FOLDINGS, "fc0": SelectFolding(3, 3, external=True)})
    }
    assert len(hashes) == 3
    assert int(design.record["memory"]["hash"], 16) in hashes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: None, "must be there, not missing"),
        (lambda image: image[:-16], "bytes, not .*: cut off"),
        (lambda image: image + b"0", "something was added"),
        (lambda image: image[:-1] + bytes([image[-1] ^ 1]), "not changed: its sha256 differs"),
    ],
)
def test_another_image_is_refused(design: Design, tmp_path: Path, change, message: str) -> None:
    image = change((design.directory / IMAGE_FILE).read_bytes())
    if image is not None:
        (tmp_path / IMAGE_FILE).write_bytes(image)
    with pytest.raises(ValueError, match=message):
        check_image(tmp_path, design.record["memory"])


@pytest.mark.parametrize("seed", range(4), ids=lambda seed: f"seed{seed}")
def test_memory_of_enough_bandwidth_costs_no_cycle(seed: int) -> None:
    """Rows of at most 128 bits: as many cycles as with weights on the chip, for images too."""
    graph = random_images(seed)
    times = []
    for external in (False, True):
        foldings = {
            op.name: SelectFolding(1, 1, external) for op in graph.ops if isinstance(op, MatMul)
        }
        accelerator = map_graph(graph, DEVICE, foldings).accelerator
        times.append(predict_cycles(accelerator)[:2])
    assert times[0] == times[1]


def test_as_record_says_external_only_where_it_is() -> None:
    record = as_record({"a": SelectFolding(1, 1), "b": SelectFolding(1, 1, external=True)})
    assert "external" not in record["a"] and record["b"]["external"] is True


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"engine": "select", "block_inputs": 1, "queries": 1, "external": 1},
            "external must be true or false, not 1",
        ),
        ({"engine": "unrolled", "external": True}, "it must not give external, only levels"),
        ({"engine": "unrolled", "memory": "block"}, "it must not give memory, only levels"),
        (
            {"engine": "select", "block_inputs": 1, "queries": 1, "memory": "tape"},
            "memory must be one of auto, block, distributed, not 'tape'",
        ),
        (
            {"engine": "mac", "block_inputs": 1, "queries": 1, "memory": "block", "external": True},
            "memory must not be block where weights are external",
        ),
    ],
)
def test_foldings_that_are_refused(record: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        foldings_of({"fc": record}, "a file")


def test_weights_that_can_be_loaded_are_on_the_chip() -> None:
    graph = random_chain(5, 3, 40)
    with pytest.raises(ValueError, match="Folding of fc0 must not be external where weights can"):
        map_graph(graph, DEVICE, FOLDINGS, reloadable=True)
