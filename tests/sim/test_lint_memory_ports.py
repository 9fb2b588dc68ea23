"""Verilator has nothing to say about the memory ports' Verilog."""

from __future__ import annotations

from typing import Any

import pytest

from sterna_hw.memory_port import OnChipMemoryConfig, ReadGroupConfig, WritePortConfig
from sterna_hw.verilog import emit
from sterna_sim.lint import lint


@pytest.mark.parametrize(
    "config",
    [
        ReadGroupConfig(1, 32, fifo_words=64),
        ReadGroupConfig(4, 40, style="ultra", fifo_words=4096),
        WritePortConfig(1, 32),
        WritePortConfig(4, 40),
        OnChipMemoryConfig("memory", 300),
        OnChipMemoryConfig("memory", 5000),
    ],
    ids=lambda config: f"{type(config).__name__}-{getattr(config, 'ports', config)}"[:40],
)
def test_no_complaints(config: Any) -> None:
    assert [str(message) for message in lint(emit(config.create(), "top"), "top")] == []
