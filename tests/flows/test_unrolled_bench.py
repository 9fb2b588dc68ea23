"""The comparison with da4ml, on a matrix of a size for tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sterna_flows import unrolled_bench
from sterna_flows.unrolled_bench import compare_unrolled, random_matrix


def test_matrices_have_the_asked_share_of_zeros():
    matrix = random_matrix(64, 64, 0.9, 1)
    assert set(matrix.ravel()) == {-1, 0, 1}
    assert (matrix == 0).mean() == pytest.approx(0.9, abs=0.02)
    assert (random_matrix(64, 64, 0.9, 1) == matrix).all()
    assert (random_matrix(64, 64, 0.9, 2) != matrix).any()


def test_a_small_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Both are synthesised, at the same latency; a second run takes what is there."""
    monkeypatch.setattr(unrolled_bench, "OUTPUTS", 6)
    monkeypatch.setattr(unrolled_bench, "SMALL", ((8, "one third"),))
    (row,) = compare_unrolled(tmp_path)
    config = unrolled_bench.UnrolledMatmulConfig(
        random_matrix(8, 6, 1 / 3, 1), unrolled_bench.VALUES, 2, 3
    )
    assert row.latency == config.pipeline.latency
    device = unrolled_bench.find_device(unrolled_bench.TARGET)
    assert row.adders.lut == pytest.approx(config.pipeline.cost(device).lut, rel=0.15)
    assert row.engine.lut == pytest.approx(config.cost(device).lut, rel=0.15)
    assert row.engine.lut > row.adders.lut
    assert row.theirs.lut > 0 and row.theirs.ff > 0
    page = (tmp_path / "unrolled.md").read_text()
    assert f"| {row.ratio:.3f} |" in page and "unfinished" not in page

    def nothing_to_run(*_: object, **__: object):
        raise AssertionError("Yosys must not run again")

    monkeypatch.setattr(unrolled_bench, "run_tool", nothing_to_run)
    assert compare_unrolled(tmp_path) == [row]
    assert len(json.loads((tmp_path / "unrolled.json").read_text())["rows"]) == 1
