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
a digest of the Verilog and of the tools, so that a rerun measures only what changed: the engines of
one number of lanes, all of them again. LUTs are Yosys' and to be compared within one page only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
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

from .yosys import synthesise_modules

__all__ = [
    "EngineFigures",
    "FedEngine",
    "is_current",
    "measure_decoder_engine",
    "read_engines",
    "sustained_weights",
]

TARGET = "xck26"
WORD_BYTES = 64
"""What four memory ports of 128 bits give in a cycle; five weights in each byte."""

STREAMED = (("q", "v", "k"), ("o",), ("gate", "up"), ("down",))
"""Matrices that share their input and are multiplied by one command."""


NAMES = {
    "dsp": "tables, sums in DSP blocks",
    "three": "tables, sums in carry chains",
    "select": "select-and-add",
}
"""What is measured. Carry chains are those of three operands, as suit the device."""


@dataclass(frozen=True)
class EngineFigures:
    """One engine. ``weights`` are what it sustains a cycle; each meets the tokens of all lanes.

    ``run`` tells rows of one run of Yosys from others; it is empty for a run of this row alone.
    """

    name: str
    lanes: int
    weights: float
    lut: int
    ff: int
    bram: float
    dsp: int
    digest: str
    source: str
    run: str = ""

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


@dataclass(frozen=True)
class _Sizes:
    """Of all engines; the part of each kind, and what it counts with."""

    queries: int = 8
    tables: int = 16
    word_bytes: int = WORD_BYTES

    def engine(self, kind: str, lanes: int) -> tuple[float, wiring.Component]:
        """Weights a cycle, and what is synthesised."""
        shape = BITNET_0B7
        config = TokenMatmulConfig(
            lanes,
            self.queries,
            self.tables,
            largest_inputs=max(inputs for _, inputs in shape.matrix_sizes.values()),
            largest_outputs=2 * shape.feed_forward,
            adders="dsp" if kind == "dsp" else "three",
        )
        if kind != "select":
            return sustained_weights(config), FedEngine(config, self.word_bytes)
        select = SelectMatmulConfig(
            config.block_inputs * config.largest_input_blocks,
            self.queries,
            IntegerRange(-127, 127),
            TERNARY,
            queries=self.queries,
            lanes=lanes,
            block_inputs=config.block_inputs,
        )
        return config.block_inputs * self.queries, select.create()


class _SideBySide(wiring.Component):
    """Parts that have nothing to do with each other; each one's ports are behind its name."""

    def __init__(self, parts: Mapping[str, wiring.Component]) -> None:
        self.parts = parts
        super().__init__({name: Out(part.signature) for name, part in parts.items()})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, part in self.parts.items():
            m.submodules[name] = part
            wiring.connect(m, part, wiring.flipped(getattr(self, name)))
        return m


def measure_decoder_engine(
    output: Path,
    *,
    lanes: Sequence[int] = (8,),
    queries: int = 8,
    tables: int = 16,
    word_bytes: int = WORD_BYTES,
    progress: Callable[[str], None] = lambda line: None,
) -> list[EngineFigures]:
    """Synthesise both kinds of the engine and the baseline for each number of token lanes, in one
    run for each; write ``decoder-engine.json`` and ``decoder-engine.md`` to ``output`` after each
    run. What was measured before with other lanes stays there as long as it still is so. Eight
    lanes take about half an hour.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    output.mkdir(parents=True, exist_ok=True)
    store = output / "decoder-engine.json"
    known = read_engines(store)
    sizes = _Sizes(queries, tables, word_bytes)
    rows: list[EngineFigures] = []
    others = [row for row in known if row.lanes not in lanes and is_current(row, sizes)]
    for count in lanes:
        for row in _measure(sizes, count, known):
            progress(
                f"{count} lanes, {row.name}: {row.lut_per_mac:.2f} LUT, {row.dsp_per_mac:.3f} DSP"
            )
            rows.append(row)
        order = list(NAMES.values())
        page = sorted([*rows, *others], key=lambda row: (order.index(row.name), row.lanes))
        record = {"version": 1, "rows": [asdict(row) for row in page]}
        store.write_text(json.dumps(record, indent=1) + "\n")
        (output / "decoder-engine.md").write_text(_markdown(page, sizes))
    return rows


def _measure(sizes: _Sizes, lanes: int, known: Sequence[EngineFigures]) -> list[EngineFigures]:
    """The rows of one number of lanes: known ones if all are still valid, or of a new run."""
    engines = {kind: sizes.engine(kind, lanes) for kind in NAMES}
    digests = {kind: _digest(part) for kind, (_, part) in engines.items()}
    run = _hash([digests, lanes])
    by_key = {(row.name, row.lanes, row.digest, row.run): row for row in known}
    rows = [by_key.get((NAMES[kind], lanes, digests[kind], run)) for kind in NAMES]
    if all(rows):
        weights = [weights for weights, _ in engines.values()]
        return [replace(row, weights=each) for row, each in zip(rows, weights) if row]
    # A part can be elaborated once only, and has been for its digest.
    parts = {kind: sizes.engine(kind, lanes)[1] for kind in NAMES}
    modules = [f"engines__{kind}" for kind in NAMES]
    found = synthesise_modules(
        emit(_SideBySide(parts), "engines"),
        "engines",
        modules,
        find_device(TARGET),
        timeout_seconds=4 * 3600,
    )
    rows = []
    for module, (kind, (weights, _)) in zip(modules, engines.items()):
        each = found[module]
        counts = (each.lut, each.ff, each.bram, each.dsp)
        rows.append(
            EngineFigures(NAMES[kind], lanes, weights, *counts, digests[kind], each.source, run)
        )
    return rows


def is_current(row: EngineFigures, sizes: _Sizes | None = None) -> bool:
    """Whether a row's Verilog and tools are still the same, by default at the usual sizes."""
    sizes = sizes or _Sizes()
    kinds = [kind for kind, name in NAMES.items() if name == row.name]
    return any(_digest(sizes.engine(kind, row.lanes)[1]) == row.digest for kind in kinds)


def _digest(part: wiring.Component) -> str:
    tools = [f"{tool} {metadata.version(tool)}" for tool in ("pyosys", "amaranth") if _has(tool)]
    return _hash([emit(part, "engine"), tools])


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _has(tool: str) -> bool:
    return any(True for _ in metadata.distributions(name=tool))


def read_engines(path: Path) -> list[EngineFigures]:
    """The rows that `measure_decoder_engine` kept; none if there is no file."""
    if not path.is_file():
        return []
    return [EngineFigures(**row) for row in json.loads(path.read_text())["rows"]]


def _markdown(rows: Sequence[EngineFigures], sizes: _Sizes) -> str:
    memory = 5 * sizes.word_bytes
    lines = [
        "# The decoder's engine",
        "",
        "Made by `sterna bench decoder-engine`; do not edit. The engines are whole: base-3 decode,"
        " queue of weights, activation",
        "buffer, fill, tables, adders, totals, sending. The baseline gets its codes unpacked and"
        " keeps no activations or totals.",
        f"T={sizes.tables}, G=3, Q={sizes.queries}, {TARGET}. Weights per cycle: sustained over a"
        f" layer of the 0.7B shape (the baseline: peak); memory",
        f"gives {memory} at most. A multiply-accumulate (MAC) is one weight met by the token of one"
        " lane. Carry chains are of three",
        "operands each. Engines of one number of lanes were synthesised side by side in one run of"
        " Yosys, except those marked *,",
        "which were synthesised one by one.",
        "",
        "| engine | token lanes | weights per cycle | of memory | LUT | FF | BRAM36 | DSP"
        " | LUT per MAC | DSP per MAC |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.name}{'' if row.run else ' *'} | {row.lanes} | {row.weights:.1f}"
        f" | {row.weights / memory:.2f} | {row.lut} | {row.ff} | {row.bram:g} | {row.dsp}"
        f" | {row.lut_per_mac:.2f} | {row.dsp_per_mac:.3f} |"
        for row in rows
    ]
    lines += ["", *(f"- {source}" for source in sorted({row.source for row in rows}))]
    return "\n".join(lines) + "\n"
