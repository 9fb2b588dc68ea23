"""Measures the decoder's matrix engine: LUT and DSP for a multiply-accumulate that it sustains.

The whole engine is synthesised as one design by Yosys: the stream that makes indices of base-3
packed memory words with its queue, the buffer of activations, the running adders that fill the
tables, the tables, the adders, the totals in block memory, and the part that sends them. Beside it
stands select-and-add (`SelectMatmul`) of the same number of weights a cycle and as many lanes, to
which memory words, the buffer and the storage of totals are given for free: its codes arrive
unpacked and it has one output block.

What an engine sustains is the number of multiply-accumulates of a layer's matrices over the cycles
that they take by the engine's exact formula, fills, padding and the time between matrices' parts
included; the layer is that of the 0.7B shape. The baseline counts with its peak. Rows are kept with
a digest of the Verilog and of the tools, so that a rerun measures only what changed. LUTs are
Yosys' and to be compared within one page only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import Out

from sterna.decoder.shape import BITNET_0B7, DecoderShape
from sterna_hw.base import TERNARY, IntegerRange, find_device
from sterna_hw.decoder.token_matmul import TokenMatmulConfig
from sterna_hw.select_matmul import SelectMatmulConfig
from sterna_hw.trit_stream import TritStreamConfig
from sterna_hw.verilog import emit

from .yosys import synthesise_text

__all__ = ["EngineFigures", "FedEngine", "measure_decoder_engine", "sustained_weights"]

TARGET = "xck26"
WORD_BYTES = 64
"""What four memory ports of 128 bits give in a cycle; five weights in each byte."""

STREAMED = (("q", "v", "k"), ("o",), ("gate", "up"), ("down",))
"""Matrices that share their input and are multiplied by one command."""


@dataclass(frozen=True)
class EngineFigures:
    """One engine. ``weights`` are what it sustains a cycle; each meets the tokens of all lanes."""

    name: str
    lanes: int
    weights: float
    lut: int
    ff: int
    bram: float
    dsp: int
    digest: str
    source: str

    @property
    def lut_per_mac(self) -> float:
        return self.lut / (self.weights * self.lanes)

    @property
    def dsp_per_mac(self) -> float:
        return self.dsp / (self.weights * self.lanes)


class FedEngine(wiring.Component):
    """The engine and the stream that feeds it: `TokenMatmul`'s ports, ``words`` for weights."""

    command: stream.Interface
    activations: wiring.PureInterface
    words: stream.Interface
    drain: stream.Interface
    o: stream.Interface
    idle: Signal
    error: Signal

    def __init__(self, engine: TokenMatmulConfig, word_bytes: int = WORD_BYTES) -> None:
        self.engine = engine.create()
        self.trits = TritStreamConfig(
            word_bytes, engine.group, engine.tables, engine.queries, engine.sign_fold
        ).create()
        ports = self.engine.signature.members
        kept = {name: ports[name] for name in ("command", "activations", "drain", "o", "idle")}
        words = self.trits.signature.members["i"]
        super().__init__({**kept, "words": words, "error": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine, m.submodules.trits = self.engine, self.trits
        wiring.connect(m, wiring.flipped(self.words), self.trits.i)
        wiring.connect(m, self.trits.o, self.engine.weights)
        for name in ("command", "activations", "drain", "o"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(self.engine, name))
        m.d.comb += [self.idle.eq(self.engine.idle), self.error.eq(self.trits.error)]
        return m


def sustained_weights(engine: TokenMatmulConfig, shape: DecoderShape = BITNET_0B7) -> float:
    """Weights of a layer's matrices over the cycles that the engine takes for them."""
    weights = cycles = 0
    for names in STREAMED:
        blocks = 0
        for name in names:
            outputs, inputs = shape.matrix_sizes[name]
            weights += outputs * inputs
            blocks += engine.output_blocks(outputs)
        cycles += engine.cycles(engine.input_blocks(inputs), blocks)
    return weights / cycles


def measure_decoder_engine(
    output: Path,
    *,
    lanes: Sequence[int] = (8,),
    queries: int = 8,
    tables: int = 16,
    word_bytes: int = WORD_BYTES,
    progress: Callable[[str], None] = lambda line: None,
) -> list[EngineFigures]:
    """Synthesise both kinds of the engine and the baseline for each number of token lanes; write
    ``decoder-engine.json`` and ``decoder-engine.md`` to ``output`` after each of them. With eight
    lanes it takes minutes for the engine in DSP blocks, a quarter of an hour for the others.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    output.mkdir(parents=True, exist_ok=True)
    store = output / "decoder-engine.json"
    known = [EngineFigures(**row) for row in _read(store)]
    rows: list[EngineFigures] = []
    for kind in ("dsp", "select", "logic"):
        for count in lanes:
            name, weights, part = _engine(kind, count, queries, tables, word_bytes)
            row = _measure(name, count, weights, part, known)
            progress(f"{count} lanes, {name}: {row.lut_per_mac:.2f} LUT, {row.dsp_per_mac:.3f} DSP")
            rows.append(row)
            measured = {(row.name, row.lanes) for row in rows}
            kept = [row for row in known if (row.name, row.lanes) not in measured]
            record = {"version": 1, "rows": [asdict(row) for row in [*rows, *kept]]}
            store.write_text(json.dumps(record, indent=1) + "\n")
            text = _markdown(rows, queries, tables, 5 * word_bytes)
            (output / "decoder-engine.md").write_text(text)
    return rows


def _engine(
    kind: str, lanes: int, queries: int, tables: int, word_bytes: int
) -> tuple[str, float, wiring.Component]:
    """Name of a row, weights a cycle, and what is synthesised."""
    shape = BITNET_0B7
    config = TokenMatmulConfig(
        lanes,
        queries,
        tables,
        largest_inputs=max(inputs for _, inputs in shape.matrix_sizes.values()),
        largest_outputs=2 * shape.feed_forward,
        adders="dsp" if kind == "dsp" else "logic",
    )
    if kind == "select":
        select = SelectMatmulConfig(
            config.block_inputs * config.largest_input_blocks,
            queries,
            IntegerRange(-127, 127),
            TERNARY,
            queries=queries,
            lanes=lanes,
            block_inputs=config.block_inputs,
        )
        return "select-and-add", config.block_inputs * queries, select.create()
    words = "DSP blocks" if kind == "dsp" else "carry chains"
    return f"tables, sums in {words}", sustained_weights(config), FedEngine(config, word_bytes)


def _measure(
    name: str,
    lanes: int,
    weights: float,
    part: wiring.Component,
    known: list[EngineFigures],
) -> EngineFigures:
    files = emit(part, "engine")
    tools = [f"{tool} {metadata.version(tool)}" for tool in ("pyosys", "amaranth") if _has(tool)]
    digest = hashlib.sha256(json.dumps([files, tools]).encode()).hexdigest()[:16]
    for row in known:
        if (row.name, row.lanes, row.digest) == (name, lanes, digest):
            return replace(row, weights=weights)
    found = synthesise_text(files, "engine", find_device(TARGET), timeout_seconds=4 * 3600)
    return EngineFigures(
        name, lanes, weights, found.lut, found.ff, found.bram, found.dsp, digest, found.source
    )


def _has(tool: str) -> bool:
    return any(True for _ in metadata.distributions(name=tool))


def _read(path: Path) -> list[dict]:
    return json.loads(path.read_text())["rows"] if path.is_file() else []


def _markdown(rows: Sequence[EngineFigures], queries: int, tables: int, memory: int) -> str:
    lines = [
        "# The decoder's engine",
        "",
        "Made by `sterna bench decoder-engine`; do not edit. The engines are whole: base-3 decode,"
        " queue of weights, activation",
        "buffer, fill, tables, adders, totals, sending. The baseline gets its codes unpacked and"
        " keeps no activations or totals.",
        f"T={tables}, G=3, Q={queries}, {TARGET}. Weights per cycle: sustained over a layer of the"
        f" 0.7B shape (the baseline: peak); memory",
        f"gives {memory} at most. A multiply-accumulate (MAC) is one weight met by the token of one"
        " lane.",
        "",
        "| engine | token lanes | weights per cycle | of memory | LUT | FF | BRAM36 | DSP"
        " | LUT per MAC | DSP per MAC |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.name} | {row.lanes} | {row.weights:.1f} | {row.weights / memory:.2f} | {row.lut}"
        f" | {row.ff} | {row.bram:g} | {row.dsp} | {row.lut_per_mac:.2f} | {row.dsp_per_mac:.3f} |"
        for row in rows
    ]
    lines += ["", *(f"- {source}" for source in sorted({row.source for row in rows}))]
    return "\n".join(lines) + "\n"
