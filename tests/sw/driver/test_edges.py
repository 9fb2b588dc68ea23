"""Bytes and codes of the driver's edges: against the golden model, and there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sterna
from sterna import golden
from sterna.driver import AcceleratorDriver, Edge, read_record
from sterna.driver_files import accelerator_record, write_driver
from sterna_models import zoo


@pytest.mark.parametrize("name", ["can_intrusion_mlp", "digits_ternary_cnn"])
def test_codes_are_those_of_the_golden_model(name: str, tmp_path: Path) -> None:
    graph = sterna.load(zoo.path(name))
    samples = zoo.test_set(name)[0][:50]
    design = sterna.build(graph, "ecp5-85k", tmp_path / "design", interval=100_000, top_k=1)
    files = write_driver(design.directory, accelerator_record(design))
    assert "sterna_driver/bus.py" in files and "driver.json" in files
    driver = AcceleratorDriver(read_record(design.directory))
    wanted = golden.quantize_input(design.graph, samples).reshape(len(samples), -1)
    assert np.array_equal(driver.input.codes(samples), wanted)
    wide = 1000 * samples + np.float32(0.5)
    assert np.array_equal(
        driver.input.codes(wide), golden.quantize_input(design.graph, wide).reshape(50, -1)
    )
    assert driver.record["top_k"] == 1


@pytest.mark.parametrize(("low", "high", "size"), [(-3, 4, 1), (0, 255, 1), (-70000, 70000, 3)])
def test_frames_there_and_back(low: int, high: int, size: int) -> None:
    edge = Edge(7, low, high, size, (7,))
    codes = np.random.default_rng(size).integers(low, high, (20, 7), endpoint=True)
    codes[0, :2] = low, high
    frames = edge.frames(codes)
    assert {len(frame) for frame in frames} == {edge.frame_bytes}
    assert frames[0][:size] == low.to_bytes(size, "little", signed=low < 0)
    assert np.array_equal([edge.elements_of(frame) for frame in frames], codes)


def test_axes_are_turned_as_in_the_graph() -> None:
    edge = Edge(6, 0, 9, 1, (3, 2), axes=(1, 0))
    assert edge.codes(np.arange(6).reshape(1, 2, 3)).tolist() == [[0, 3, 1, 4, 2, 5]]
    assert edge.values(np.array([3])) == [3.0]


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((1, 6), int), "7 a sample"),
        (np.zeros((1, 7)), "must be integers"),
        (np.full((1, 7), 5), "must be within -3 to 4, not 5 to 5"),
    ],
)
def test_codes_that_do_not_fit(codes: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Edge(7, -3, 4, 1, (7,)).frames(codes)


def test_samples_and_frames_that_do_not_fit() -> None:
    edge = Edge(2, 0, 1, 1, (2,))
    with pytest.raises(ValueError, match="must have 2 elements each"):
        edge.codes(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="not NaN"):
        edge.codes(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match="must have 2 bytes, not 3"):
        edge.elements_of(b"123")


@pytest.mark.parametrize("text", [None, "{", '{"version": 0}'])
def test_a_record_that_is_none(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "driver.json").write_text(text)
    with pytest.raises(ValueError, match="must be"):
        read_record(tmp_path)
