"""The measurement of the decoder's engine, and the design that it measures."""

from __future__ import annotations

import gc
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from sterna_flows import decoder_engine
from sterna_flows.decoder_engine import (
    FedEngine,
    measure_decoder_engine,
    sustained_weights,
)
from sterna_flows.yosys import Resources
from sterna_hw.decoder.token_matmul import TokenMatmulConfig


@pytest.mark.parametrize("adders", ["logic", "three", "dsp"])
def test_words_of_memory_become_totals(adders):
    """What is synthesised multiplies: packed words and codes in, exact totals out."""
    config = TokenMatmulConfig(2, 2, 4, 30, 10, adders=adders)
    generator = np.random.default_rng(7)
    weights = generator.integers(-1, 2, (9, 30)).astype(np.int8)
    codes = generator.integers(-127, 128, (2, 30))
    dut = FedEngine(config, word_bytes=4)
    image = dut.trits.config.pack_matrix(config.arrange(weights))
    words = [list(image[start : start + 4]) for start in range(0, len(image), 4)]
    totals: list[int] = []

    async def feed(ctx) -> None:
        stalls = random.Random(1)
        for number, word in enumerate(words):
            ctx.set(dut.words.valid, 1)
            ctx.set(dut.words.payload.data, word)
            ctx.set(dut.words.payload.last, number == len(words) - 1)
            await ctx.tick().until(dut.words.ready)
            ctx.set(dut.words.valid, 0)
            if stalls.random() < 0.3:
                await ctx.tick()

    async def control(ctx) -> None:
        for lane in range(2):
            for address in range(15):
                ctx.set(dut.activations.enable, 1)
                ctx.set(dut.activations.lane, lane)
                ctx.set(dut.activations.address, address)
                ctx.set(dut.activations.data, codes[lane, 2 * address :][:2].tolist())
                await ctx.tick()
        ctx.set(dut.activations.enable, 0)
        ctx.set(dut.command.valid, 1)
        ctx.set(dut.command.payload.input_blocks, config.input_blocks(30))
        ctx.set(dut.command.payload.output_blocks, config.output_blocks(9))
        await ctx.tick().until(dut.command.ready)
        ctx.set(dut.command.valid, 0)
        for lane in range(2):
            ctx.set(dut.drain.valid, 1)
            ctx.set(dut.drain.payload.lane, lane)
            ctx.set(dut.drain.payload.blocks, 5)
            await ctx.tick().until(dut.drain.ready)
            ctx.set(dut.drain.valid, 0)
            ctx.set(dut.o.ready, 1)
            for _ in range(5):
                payload, *_ = await ctx.tick().sample(dut.o.payload).until(dut.o.valid)
                totals.extend(payload.data)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(control)
    simulator.add_testbench(feed, background=True)
    simulator.run()
    expected = np.zeros((2, 10), dtype=np.int64)
    expected[:, :9] = codes @ weights.T.astype(np.int64)
    np.testing.assert_array_equal(np.array(totals).reshape(2, 10), expected)


def test_large_engine_outruns_memory():
    config = TokenMatmulConfig(8, 8, 16, 4096, 8192, adders="dsp")
    assert 1.1 * 320 <= sustained_weights(config) < 384


def test_rows_are_kept_until_the_verilog_changes(tmp_path: Path, monkeypatch) -> None:
    """Without Yosys: a figure is what was synthesised over what is sustained, measured once, all
    engines of one number of lanes together."""
    runs: list[list[str]] = []

    def synthesise(files: dict, top: str, modules: list[str], device: object, **options: object):
        assert all(f"{name}.v" in files for name in [top, *modules])
        runs.append(modules)
        found = Resources(lut=900, ff=800, bram=4.0, uram=0, dsp=30, source="a stand-in")
        return {name: found for name in modules}

    monkeypatch.setattr(decoder_engine, "synthesise_modules", synthesise)
    sizes: dict[str, Any] = {"lanes": [1, 2], "queries": 2, "tables": 4, "word_bytes": 4}
    rows = measure_decoder_engine(tmp_path, **sizes)
    assert [row.lanes for row in rows] == [1] * 3 + [2] * 3
    assert runs == [["engines__dsp", "engines__three", "engines__select"]] * 2
    assert rows[0].lut_per_mac == pytest.approx(900 / rows[0].weights)
    assert rows[3].dsp_per_mac == pytest.approx(30 / rows[3].weights / 2)
    assert rows[2].name == "select-and-add" and rows[2].weights == 24
    assert measure_decoder_engine(tmp_path, **sizes) == rows and len(runs) == 2
    store = tmp_path / "decoder-engine.json"
    record = json.loads(store.read_text())
    assert record["rows"][0]["lanes"] == 1
    record["rows"][0]["digest"] = "of something else"
    store.write_text(json.dumps(record))
    # With other lanes asked for, a row whose Verilog changed is dropped, the others stay.
    sizes["lanes"] = [2]
    measure_decoder_engine(tmp_path, **sizes)
    assert len(runs) == 2 and len(json.loads(store.read_text())["rows"]) == 5
    sizes["lanes"] = [1, 2]
    assert measure_decoder_engine(tmp_path, **sizes) == rows
    assert len(runs) == 3 and len(json.loads(store.read_text())["rows"]) == 6
    text = (tmp_path / "decoder-engine.md").read_text()
    assert f"| {rows[0].lut_per_mac:.2f} | {rows[0].dsp_per_mac:.3f} |" in text
    assert " * |" not in text


# Nothing is elaborated here: names stand in for Verilog.
@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_rows_of_earlier_runs_are_marked(tmp_path: Path, monkeypatch) -> None:
    """A row that was synthesised by itself is kept for its lanes, and never beside new ones."""
    stand_in = Resources(lut=900, ff=800, bram=4.0, uram=0, dsp=30, source="a stand-in")
    monkeypatch.setattr(
        decoder_engine,
        "synthesise_modules",
        lambda files, top, modules, device, **options: dict.fromkeys(modules, stand_in),
    )
    monkeypatch.setattr(decoder_engine, "emit", lambda part, name: {name: type(part).__name__})
    sizes: dict[str, Any] = {"queries": 2, "tables": 4, "word_bytes": 4}
    measure_decoder_engine(tmp_path, lanes=[1], **sizes)
    store = tmp_path / "decoder-engine.json"
    record = json.loads(store.read_text())
    for row in record["rows"]:
        row |= {"lut": 901, "run": ""}
    store.write_text(json.dumps(record))
    measure_decoder_engine(tmp_path, lanes=[2], **sizes)
    text = (tmp_path / "decoder-engine.md").read_text()
    assert "| select-and-add * | 1 | 24.0 |" in text and "| select-and-add | 2 | 24.0 |" in text
    assert {row.lut for row in measure_decoder_engine(tmp_path, lanes=[1], **sizes)} == {900}
    gc.collect()


def test_two_lanes_halve_what_one_takes():
    row = decoder_engine.EngineFigures("x", 1, 100.0, 400, 0, 0, 0, "", "")
    assert replace(row, lanes=2).lut_per_mac == row.lut_per_mac / 2 == 2
