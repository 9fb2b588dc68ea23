"""Compares the unrolled engine with da4ml's own Verilog of the same matrices.

Both come from the same solver's search for shared sums; what differs is what is done with them
until there is Verilog. For each matrix one Yosys run synthesises one top in which stand, kept
apart, da4ml's pipeline, the engine's adders (inputs to outputs, as da4ml's pipeline is), and the
rest of the engine (handshake and queue of results, for which da4ml has no counterpart). da4ml's
pipeline is cut into as many stages as the engine's, so latencies are equal. Adders of three
operands name their cells, which Yosys would not find; LUT6_2 counts as one table.

``unrolled.md`` holds the table. The matrices are random, from seeds; LUTs are Yosys' and to be
compared within the table only. Rows are kept in ``unrolled.json`` with a digest of the Verilog of
both, so that a rerun measures only what changed, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from sterna_hw.base import IntegerRange, find_device
from sterna_hw.beat import beat_layout
from sterna_hw.unrolled_matmul import UnrolledMatmulConfig
from sterna_hw.verilog import emit

from .logic_levels import logic_levels
from .tools import run_tool
from .yosys import Resources, count_cells, tool_version, yosys_command

__all__ = ["Comparison", "compare_unrolled", "is_current", "random_matrix", "read_comparisons"]

TARGET = "xck26"
VALUES = IntegerRange(-128, 127)
OUTPUTS = 64
ZEROS = {"one third": 1 / 3, "90 %": 0.9}
SMALL = ((64, "one third"), (64, "90 %"))
LARGE = ((256, "90 %"), (256, "one third"))
SEED = 1


@dataclass(frozen=True)
class Comparison:
    """One matrix: ``theirs``, our ``adders`` and the whole ``engine``, whose latency is one more.

    ``levels`` are the deepest paths between registers, theirs and ours, on the scale of
    `logic_cells`.
    """

    inputs: int
    zeros: str
    nonzero: int
    latency: int
    theirs: Resources
    adders: Resources
    engine: Resources
    levels: tuple[float, float]
    digest: str

    @property
    def key(self) -> tuple[int, str]:
        return self.inputs, self.zeros

    @property
    def ratio(self) -> float:
        """Look-up tables of our adders over theirs."""
        return self.adders.lut / self.theirs.lut

    @property
    def engine_ratio(self) -> float:
        return self.engine.lut / self.theirs.lut


def random_matrix(inputs: int, outputs: int, zeros: float, seed: int) -> np.ndarray:
    """Ternary weights [outputs, inputs], so large a share of which is zero by chance."""
    generator = np.random.default_rng(seed)
    shares = [(1 - zeros) / 2, zeros, (1 - zeros) / 2]
    return generator.choice(np.array([-1, 0, 1]), (outputs, inputs), p=shares)


def compare_unrolled(
    output: Path,
    *,
    full: bool = False,
    operands: int = 3,
    levels: int = 2,
    progress: Callable[[str], None] = lambda line: None,
) -> list[Comparison]:
    """Measure and write ``unrolled.md`` to ``output``; 64 inputs, with ``full`` also 256.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    ValueError
        If da4ml is missing, or cannot be cut into as many stages.
    """
    output.mkdir(parents=True, exist_ok=True)
    store = output / "unrolled.json"
    known = {row.key: row for row in read_comparisons(store)}
    wanted = SMALL + LARGE * full
    for number, (inputs, zeros) in enumerate(wanted):
        progress(f"{number + 1} of {len(wanted)}: {inputs} x {OUTPUTS}, {zeros} zeros")
        weights = random_matrix(inputs, OUTPUTS, ZEROS[zeros], SEED)
        config = UnrolledMatmulConfig(weights, VALUES, levels, operands)
        known[inputs, zeros] = measure(config, zeros, known.get((inputs, zeros)))
        rows = [known[key] for key in (*SMALL, *LARGE) if key in known]
        record = {"version": 1, "rows": [asdict(row) for row in rows]}
        store.write_text(json.dumps(record, indent=1) + "\n")
        (output / "unrolled.md").write_text(_markdown(rows, operands, levels))
    return [known[key] for key in wanted]


def read_comparisons(store: Path) -> list[Comparison]:
    """The rows that `compare_unrolled` kept; none if there is no file."""
    if not store.is_file():
        return []

    def row(fields: Mapping[str, Any]) -> Comparison:
        kinds = ("theirs", "adders", "engine")
        found = {kind: Resources(**fields[kind]) for kind in kinds}
        return Comparison(**{**fields, **found, "levels": tuple(fields["levels"])})

    return [row(fields) for fields in json.loads(store.read_text())["rows"]]


def measure(
    config: UnrolledMatmulConfig, zeros: str, known: Comparison | None = None
) -> Comparison:
    """One matrix through Yosys, unless what is ``known`` is of the same Verilog."""
    files, digest = _verilog(config)
    device = find_device(TARGET)
    command = f"{device.yosys} -flatten -noiopad -noclkbuf"
    script = [f"read_verilog -sv {name}" for name in files if name.endswith(".v")]
    if known is not None and known.digest == digest:
        return replace(known, zeros=zeros)
    script += ["hierarchy -check -top top"]
    script += [f"setattr -mod -set keep_hierarchy 1 {name}" for name in _KEPT]
    script += [f"{command} -top top", "tee -q -o stat.json stat -json", "write_json netlist.json"]
    with tempfile.TemporaryDirectory(prefix="sterna-unrolled-") as name:
        folder = Path(name)
        for file_name, text in files.items():
            (folder / file_name).write_text(text)
        (folder / "run.ys").write_text("\n".join(script) + "\n")
        run_tool(yosys_command("run.ys"), folder, "run.log", timeout_seconds=4 * 3600)
        statistics = json.loads((folder / "stat.json").read_text())
        netlist = json.loads((folder / "netlist.json").read_text())
    source = f"{tool_version(statistics)}, {command}"
    found = {
        name: count_cells(_own_cells(statistics, name), device.family, source) for name in _KEPT
    }
    depth = {name: logic_levels(netlist, name).deepest for name in ("theirs", "engine__adders")}
    whole = {
        kind: getattr(found["engine"], kind) + getattr(found["engine__adders"], kind)
        for kind in ("lut", "ff", "bram", "uram", "dsp")
    }
    return Comparison(
        config.inputs,
        zeros,
        int(np.count_nonzero(config.matrix)),
        config.pipeline.latency,
        found["theirs"],
        found["engine__adders"],
        Resources(**whole, source=source),
        (depth["theirs"], depth["engine__adders"]),
        digest,
    )


def is_current(row: Comparison) -> bool:
    """Whether the Verilog of a row, ours with the usual options and da4ml's, is still the same.

    Raises
    ------
    ValueError
        If da4ml is missing, or cannot be cut into as many stages.
    """
    weights = random_matrix(row.inputs, OUTPUTS, ZEROS[row.zeros], SEED)
    return _verilog(UnrolledMatmulConfig(weights, VALUES, 2, 3))[1] == row.digest


def _verilog(config: UnrolledMatmulConfig) -> tuple[dict[str, str], str]:
    """What is synthesised, and the digest of it."""
    files = emit(config.create(), "engine")
    files |= _their_files(config.matrix, config.input_range, config.pipeline.latency)
    files["top.v"] = _top(config, files["theirs.v"])
    text = json.dumps(dict(sorted(files.items())))
    return files, hashlib.sha256(text.encode()).hexdigest()[:16]


_KEPT = ("theirs", "engine", "engine__adders")


def _own_cells(statistics: Mapping[str, Any], module: str) -> dict[str, int]:
    """Cells of a module without those of the modules kept in it."""
    cells = statistics["modules"][f"\\{module}"]["num_cells_by_type"]
    return {kind: count for kind, count in cells.items() if kind.lstrip("\\") not in _KEPT}


def _their_files(weights: np.ndarray, values: IntegerRange, latency: int) -> dict[str, str]:
    """da4ml's Verilog of a matrix, its top being ``theirs``, with so many cycles of latency."""
    try:
        from da4ml.codegen.rtl.verilog import pipeline_logic_gen
        from da4ml.trace import FixedVariableArray, comb_trace
        from da4ml.trace.pipeline import to_pipeline
    except ImportError as error:
        raise ValueError("Comparison must find da4ml: pip install 'sterna[unrolled]'") from error
    low, high, step = (np.full(weights.shape[1], float(n)) for n in (values.low, values.high, 1))
    inputs = FixedVariableArray.from_lhs(low, high, step)
    logic = comb_trace(inputs, inputs @ np.ascontiguousarray(weights.T, dtype=np.float64))
    probe = np.random.default_rng(SEED).integers(values.low, values.high + 1, weights.shape[1])
    if not np.array_equal(np.asarray(logic(probe.astype(float)), dtype=float), weights @ probe):
        raise AssertionError("da4ml's logic must compute the matrix that was asked for")
    # A register in front, then one behind each stage.
    for cutoff in _cutoffs(max(logic.out_latency)):
        pipeline = to_pipeline(logic, cutoff, verbose=False)
        if len(pipeline.solutions) == latency - 1:
            break
    else:
        raise ValueError(f"da4ml's pipeline must have {latency - 1} stages, which no cut gives")
    modules = pipeline_logic_gen(pipeline, "theirs")
    static = resources.files("da4ml").joinpath("codegen/rtl/verilog/source")
    files = {f"{name}.v": text for name, text in modules.items()}
    for name in ("shift_adder.v", "negative.v"):
        files[name] = static.joinpath(name).read_text()
    return files


def _cutoffs(latency: float) -> Iterator[float]:
    """Levels a stage to try, fewest stages first."""
    for stages in range(1, ceil(latency) + 2):
        yield latency / stages


def _top(config: UnrolledMatmulConfig, theirs: str) -> str:
    """A top with both side by side; all ports are its own, so that nothing is optimised away."""
    ports = {
        "theirs": {"model_inp": "input", "model_out": "output"},
        "engine": {
            "i__payload": "input",
            "i__valid": "input",
            "i__ready": "output",
            "o__payload": "output",
            "o__valid": "output",
            "o__ready": "input",
            "rst": "input",
        },
    }
    beats = {
        "i__payload": beat_layout(config.input_range, config.inputs).size,
        "o__payload": config.output_layout.size,
    }
    widths = {name: beats.get(name, 1) for name in ports["engine"]}
    for name, direction in ports["theirs"].items():
        head = theirs[theirs.index(direction) :].split(name)[0]
        widths[name] = int(head.split("[")[1].split(":")[0]) + 1
    lines, instances = ["input clk"], []
    for module, own in ports.items():
        links = [".clk(clk)"]
        for name, direction in own.items():
            lines.append(f"{direction} [{widths[name] - 1}:0] {module}_{name}")
            links.append(f".{name}({module}_{name})")
        instances.append(f"    {module} {module}_kept ({', '.join(links)});")
    head = ",\n    ".join(lines)
    return f"module top (\n    {head}\n);\n" + "\n".join(instances) + "\nendmodule\n"


def _markdown(rows: list[Comparison], operands: int, levels: int) -> str:
    options = " --full" * any(row.key in LARGE for row in rows)
    options += f" --operands {operands}" * (operands != 3) + f" --levels {levels}" * (levels != 2)
    lines = [
        "# The unrolled engine and da4ml",
        "",
        f"Made by `sterna bench unrolled{options}`; do not edit. Random ternary matrices (seed"
        f" {SEED}), {OUTPUTS} outputs,",
        f"8-bit signed inputs, {TARGET}. Equal latency: cycles from inputs to outputs, both with a",
        "register in front. LUTs are Yosys' count, a LUT6_2 being one: compare them within this",
        "page only. Levels: the deepest path between registers (a LUT 1, four carry bits 1/2).",
        "",
        "| inputs | zeros | nonzero weights | cycles | da4ml LUT, FF, levels"
        " | adders LUT, FF, levels | ratio | whole engine LUT, FF | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row.inputs} | {row.zeros} | {row.nonzero} | {row.latency}"
            f" | {row.theirs.lut}, {row.theirs.ff}, {row.levels[0]:g}"
            f" | {row.adders.lut}, {row.adders.ff}, {row.levels[1]:g} | {row.ratio:.3f}"
            f" | {row.engine.lut}, {row.engine.ff} | {row.engine_ratio:.3f} |"
        )
    lines += [
        "",
        "The ratios are of LUTs, ours over da4ml's. The whole engine adds the stream's handshake",
        "and a queue for whole results, which da4ml's pipeline does not have, and one cycle.",
        "",
        *_missing(rows),
        *(f"- {source}" for source in sorted({row.theirs.source for row in rows})),
        f"- adders of {operands} operands, {levels} levels of adders a stage",
    ]
    return "\n".join(lines) + "\n"


def _missing(rows: list[Comparison]) -> list[str]:
    """Says what an unfinished run has left out."""
    keys = {row.key for row in rows}
    wanted = SMALL + LARGE * any(key in keys for key in LARGE)
    left = [
        f"{inputs} inputs with {zeros} zeros"
        for inputs, zeros in wanted
        if (inputs, zeros) not in keys
    ]
    return [f"**Of an unfinished run:** {', '.join(left)} missing.", ""] if left else []
