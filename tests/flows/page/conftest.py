"""Folders made once for all tests of pages; tests that change one take a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from .folders import build_branches, build_network, build_small_decoder


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_network(tmp_path_factory.mktemp("network") / "digits")


@pytest.fixture(scope="session")
def branches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_branches(tmp_path_factory.mktemp("branches") / "branches")


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small_decoder(tmp_path_factory.mktemp("decoder") / "tiny")
