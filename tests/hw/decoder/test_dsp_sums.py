"""The chains of DSP48E2 blocks: their meaning in numpy, and blocks against plain Verilog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

import sterna_sim
from sterna_hw.decoder.dsp_sums import leaf_chain, pack_fields, running_sum, total_chain
from sterna_hw.decoder.dsp_verilog import DSP_SUMS_FILES
from sterna_hw.decoder.token_matmul import TokenMatmulConfig
from sterna_hw.verilog import emit
from sterna_sim.lint import lint
from sterna_sim.verilator import build_model, run_model

CYCLES = 40


def fields(word: int, field: int) -> list[int]:
    values = [(word >> low) & ((1 << field) - 1) for low in range(0, 48, field)]
    return [value - (1 << field) if value >> (field - 1) else value for value in values]


def played(m: Module, inputs: list[tuple[Signal, list[int]]], output) -> list[int]:
    """The output in each cycle while inputs change from cycle to cycle."""
    seen: list[int] = []

    async def bench(ctx) -> None:
        for cycle in range(CYCLES):
            for signal, values in inputs:
                ctx.set(signal, values[cycle] if cycle < len(values) else 0)
            *_, value = await ctx.tick().sample(output)
            seen.append(value)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("terms", [2, 3, 4, 5])
def test_leaf_chain_adds_and_subtracts(terms):
    generator = np.random.default_rng(terms)
    values = generator.integers(-400, 401, (CYCLES - 10, terms, 4))
    negative = generator.integers(0, 2, (CYCLES - 10, terms))
    m = Module()
    words = [Signal(48, name=f"word{term}") for term in range(terms)]
    signs = [Signal(name=f"sign{term}") for term in range(terms)]
    output = leaf_chain(m, None, "chain", words, signs)
    inputs = []
    for term in range(terms):
        late = max(0, term - 2)
        packed = [
            sum((int(v) & 0xFFF) << 12 * n for n, v in enumerate(row)) for row in values[:, term]
        ]
        inputs.append((words[term], [0] * late + packed))
        inputs.append((signs[term], [0] * (late + (term >= 2)) + negative[:, term].tolist()))
    seen = [fields(word, 12) for word in played(m, inputs, output)][terms:]
    expected = (values * (1 - 2 * negative[:, :, np.newaxis])).sum(axis=1)
    np.testing.assert_array_equal(seen[: len(expected)], expected)


@pytest.mark.parametrize("terms", [1, 2, 3])
def test_total_chain_adds_to_the_previous_totals(terms):
    generator = np.random.default_rng(terms)
    count = CYCLES - 10
    values = generator.integers(-(2**19), 2**19, (count, terms + 1, 2))
    clear = generator.integers(0, 2, count)
    m = Module()
    words = [Signal(48, name=f"word{term}") for term in range(terms)]
    previous, forget = Signal(48), Signal()
    output = total_chain(m, None, "chain", words, previous, forget)
    packed = [
        [sum((int(v) & 0xFFFFFF) << 24 * n for n, v in enumerate(row)) for row in values[:, term]]
        for term in range(terms + 1)
    ]
    late = [0] * (terms > 1)
    inputs = [(word, rows) for word, rows in zip(words, packed)]
    inputs += [(previous, late + packed[-1]), (forget, late + clear.tolist())]
    seen = [fields(word, 24) for word in played(m, inputs, output)][2 + (terms > 1) :]
    expected = values[:, :terms].sum(axis=1) + values[:, terms] * (1 - clear[:, np.newaxis])
    np.testing.assert_array_equal(seen[:count], expected)


def test_running_sum_adds_subtracts_and_clears():
    generator = np.random.default_rng(1)
    count = CYCLES - 10
    values = generator.integers(-127, 128, (count, 4))
    negative, clear = generator.integers(0, 2, (2, count))
    clear[0] = 1
    m = Module()
    word, minus, forget = Signal(48), Signal(), Signal()
    output = running_sum(m, None, "sum", word, minus, forget)
    packed = [sum((int(v) & 0xFFF) << 12 * n for n, v in enumerate(row)) for row in values]
    inputs = [(word, packed), (minus, negative.tolist()), (forget, [0, *clear.tolist()])]
    seen = [fields(value, 12) for value in played(m, inputs, output)][2:]
    total = np.zeros(4, dtype=np.int64)
    for number in range(count):
        total = (total + values[number] * (1 - 2 * negative[number])) * (1 - clear[number])
        assert seen[number] == total.tolist()


def test_fields_are_extended_by_their_sign():
    m = Module()
    values = [Signal(10, name=f"value{n}") for n in range(3)]
    word = Signal(48)
    m.d.sync += word.eq(pack_fields(values, 12))
    inputs = [(signal, [number]) for signal, number in zip(values, (-5 & 0x3FF, 511, -512 & 0x3FF))]
    assert fields(played(m, inputs, word)[1], 12) == [-5, 511, -512, 0]


BENCH = """\
// Every length of both chains, once of blocks and once in plain Verilog, side by side.
module bench (input clk, input flip, output reg [31:0] checked, output reg [31:0] mismatches);
    wire [7:0] differs;
    genvar n;
    generate
        for (n = 2; n <= 5; n = n + 1) begin : leaves
            reg [48*n-1:0] words;
            reg [n-1:0] negative;
            wire [47:0] one, other;
            integer k;
            always @(posedge clk) begin
                for (k = 0; k < 2*n; k = k + 1) words[24*k +: 24] <= $random;
                negative <= $random;
            end
            sterna_leaf_chain #(.TERMS(n)) blocks (
                .clk(clk), .words(words), .negative(negative), .sum(one));
            sterna_leaf_chain_plain #(.TERMS(n)) plain (
                .clk(clk), .words(words), .negative(negative), .sum(other));
            assign differs[n - 2] = one != (other ^ flip);
        end
        for (n = 1; n <= 3; n = n + 1) begin : totals
            reg [48*n-1:0] words;
            reg [47:0] previous;
            reg clear;
            wire [47:0] one, other;
            integer k;
            always @(posedge clk) begin
                for (k = 0; k < 2*n; k = k + 1) words[24*k +: 24] <= $random;
                previous <= {$random, $random};
                clear <= $random;
            end
            sterna_total_chain #(.TERMS(n)) blocks (
                .clk(clk), .words(words), .previous(previous), .clear(clear), .total(one));
            sterna_total_chain_plain #(.TERMS(n)) plain (
                .clk(clk), .words(words), .previous(previous), .clear(clear), .total(other));
            assign differs[3 + n] = one != (other ^ flip);
        end
    endgenerate
    // Both begin with a cleared sum, from when on they must agree.
    reg [47:0] word;
    reg negative, clear;
    wire [47:0] one, other;
    always @(posedge clk) begin
        word <= {$random, $random};
        negative <= $random;
        clear <= !warming[4] || $random % 8 == 0;
    end
    sterna_running_sum blocks (
        .clk(clk), .word(word), .negative(negative), .clear(clear), .sum(one));
    sterna_running_sum_plain plain (
        .clk(clk), .word(word), .negative(negative), .clear(clear), .sum(other));
    assign differs[7] = one != (other ^ flip);
    reg [4:0] warming = 0;
    initial begin checked = 0; mismatches = 0; end
    always @(posedge clk) begin
        if (!warming[4]) warming <= warming + 1;
        else begin
            checked <= checked + 1;
            if (differs != 0) mismatches <= mismatches + 1;
        end
    end
endmodule
"""


def test_blocks_equal_plain_verilog(tmp_path):
    """What is synthesised, with our model of the block, does what the plain branch does."""
    plain = "".join(DSP_SUMS_FILES.values()).replace("`ifdef SYNTHESIS", "`ifdef STERNA_NEVER")
    for name in ("sterna_leaf_chain", "sterna_total_chain", "sterna_running_sum"):
        plain = plain.replace(f"module {name} ", f"module {name}_plain ")
    cell = Path(sterna_sim.__file__).parent / "cells" / "DSP48E2.v"
    sources = {
        "DSP48E2.v": cell.read_text(),
        **DSP_SUMS_FILES,
        "plain.v": plain,
        "bench.v": BENCH,
    }
    folder = build_model(sources, "bench", arguments=["-DSYNTHESIS"])
    run_model(folder, "bench", f"{__package__}.dsp_sums_bench", tmp_path)


@pytest.mark.parametrize("adders", ["logic", "three", "dsp"])
def test_lint_of_the_engine_is_clean(adders):
    engine = TokenMatmulConfig(5, 2, 8, 60, 24, adders=adders).create()
    assert [str(message) for message in lint(emit(engine, "top"), "top")] == []
