"""Verilog: one module a file, plain names, contents in files, the same text in any process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from sterna_hw.base import IntegerRange, Rounding
from sterna_hw.credit import CreditQueueConfig
from sterna_hw.gearbox import GearboxConfig
from sterna_hw.memory import MemoryConfig
from sterna_hw.multi_threshold import MultiThresholdConfig
from sterna_hw.requantize import RequantizeConfig
from sterna_hw.verilog import VerilogPlatform, emit
from sterna_hw.weight_buffer import WeightBufferConfig
from sterna_sim.lint import lint


class TwoMemories(wiring.Component):
    def __init__(self, *contents: list[int]) -> None:
        self.contents = contents
        super().__init__({"data": Out(4)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for number, rows in enumerate(self.contents):
            memory = MemoryConfig("rows", len(rows), 4, rows).create()
            m.submodules[f"memory{number}"] = memory
            m.d.comb += self.data[number].eq(memory.data[0])
        return m


def test_each_module_has_a_file_of_its_name() -> None:
    files = emit(CreditQueueConfig(5, 2).create(), "queue")
    assert set(files) == {"queue.v", "queue__buffer.v"}
    for name, text in files.items():
        assert re.findall(r"^module (\S+)\(", text.replace(" (", "("), re.M) == [name[:-2]]
    assert "queue__buffer  buffer (" in files["queue.v"]


def test_contents_are_in_a_file_not_in_the_text() -> None:
    files = emit(MemoryConfig("rows", 3, 9, [0x1FF, 0x0A5, 0]).create(), "top")
    assert files["rows.hex"] == "1ff\n0a5\n000\n"
    assert set(files) == {"top.v", "sterna_memory.v", "rows.hex"}
    assert '"rows.hex"' in files["top.v"] and "0a5" not in files["top.v"].lower()


def test_memories_of_one_name_keep_their_own_contents() -> None:
    files = emit(TwoMemories([1, 2], [3, 4], [1, 2]), "top")
    assert {name: text for name, text in files.items() if name.endswith(".hex")} == {
        "rows.hex": "1\n2\n",
        "rows_2.hex": "3\n4\n",
    }


def test_names_of_struct_fields_are_dropped() -> None:
    files = emit(GearboxConfig(8, IntegerRange(-2, 1), 2, 3).create(), "gearbox")
    for text in files.values():
        assert not re.search(r"\\[a-z]\S*[.\[]", text)
    assert "i__payload[" in files["gearbox.v"]


def test_memory_without_contents_has_no_file() -> None:
    platform = VerilogPlatform()
    assert platform.add_memory("rows", None, 4) == ""
    assert platform.files == {}


def test_text_does_not_depend_on_the_process() -> None:
    program = (
        "from sterna_hw.credit import CreditQueueConfig\n"
        "from sterna_hw.verilog import emit\n"
        "print(emit(CreditQueueConfig(5, 2, 9).create(), 'queue'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(texts) == 1
    assert not re.search(r"/(tmp|home|work|usr)\b|\.py\b|20\d\d-", texts.pop())


VALUES = IntegerRange(-40, 50)


@pytest.mark.parametrize(
    "config",
    [
        WeightBufferConfig("weights", 9, IntegerRange(0, 26), 3, range(9), reloadable=True),
        WeightBufferConfig("weights", 1, IntegerRange(0, 26), 1, [5], "distributed"),
        MultiThresholdConfig(
            7, 2, VALUES, np.arange(35).reshape(7, 5), [True] * 3 + [False] * 4, reloadable=True
        ),
        MultiThresholdConfig(8, 2, VALUES, np.arange(24).reshape(8, 3), low=-1, distributed_rows=4),
        RequantizeConfig(
            5, 2, VALUES, range(5), -7, 3, Rounding.HALF_EVEN, IntegerRange(-8, 7), reloadable=True
        ),
        RequantizeConfig(4, 2, VALUES, [1, 0, -9, 70000], 3, 5, Rounding.FLOOR, IntegerRange(0, 9)),
    ],
    ids=lambda config: type(config).__name__,
)
def test_parts_with_memories_pass_the_lint(config: Any) -> None:
    files = emit(config.create(), "part")
    assert any(name.endswith(".hex") for name in files)
    assert lint(files, "part") == []


def test_name_must_be_an_identifier() -> None:
    with pytest.raises(ValueError, match=r"^Name of a module must be an identifier, not 'a-b'$"):
        emit(CreditQueueConfig(5, 2).create(), "a-b")
