"""Runs parts as emitted Verilog under cocotb and Verilator: the Amaranth bench's twin.

Many parts sit side by side in one generated top module, each between its own sources and sinks, so
that one compilation serves them all; and one process plays any number of runs, one after the other.
Sources and sinks are the small SystemVerilog modules in ``verilog/``: they play files and write
files, so a clock cycle costs no Python at all. cocotb starts the clock, gives each run its number,
and waits for the end. Results are `PartRun` objects that must be equal to those of
`sterna_sim.part_bench.run_part` for the same stimulus, profile and seed.

Combinational paths through a part are looked for by the Amaranth bench only.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amaranth.hdl import Shape
from amaranth.lib import stream, wiring

from sterna_hw.verilog import emit

from .part_run import BenchError, PartRun
from .player_files import (
    LINGER_CYCLES,
    bench_modules,
    read_faults,
    read_given,
    read_taken,
    write_control,
    write_sink,
    write_source,
)
from .stalls import find_profile
from .verilator import build_model, run_model

__all__ = ["RtlPartBench", "RunSettings", "Stimulus"]

TOP = "sterna_bench"


@dataclass(frozen=True)
class Stimulus:
    """What one part is fed and asked for: the arguments of `run_part` of the same names.

    ``endless`` is for a part that goes on giving beats behind the expected ones.
    """

    inputs: Mapping[str, Sequence[int]]
    outputs: Mapping[str, int]
    controls: Mapping[str, Sequence[int]] = field(default_factory=dict)
    endless: bool = False


@dataclass(frozen=True)
class RunSettings:
    """One run of all parts: the stalls, their seed, and a reset in mid-work."""

    profile: str = "none"
    seed: int = 0
    reset_at: int | None = None
    max_cycles: int = 5000


@dataclass(frozen=True)
class _Port:
    part: str
    path: str
    kind: str  # source, sink or control
    width: int

    @property
    def file(self) -> str:
        return f"{self.part}.{self.path}"

    @property
    def flat(self) -> str:
        return self.path.replace(".", "__")


class RtlPartBench:
    """Parts under their names, compiled together.

    Parameters
    ----------
    parts : mapping of :class:`str` to :class:`amaranth.lib.wiring.Component`
        The parts; names are identifiers.
    """

    def __init__(self, parts: Mapping[str, wiring.Component]) -> None:
        self.ports = [port for name, part in parts.items() for port in _ports(name, part)]
        self.files: dict[str, str] = {}
        self._clocked: set[str] = set()
        for name, part in parts.items():
            self._add(name, part)
        sources = {**self.files, **bench_modules(), f"{TOP}.sv": self._wrapper(list(parts))}
        self.model = build_model(sources, TOP)

    def run(
        self,
        stimuli: Mapping[str, Stimulus],
        settings: Sequence[RunSettings],
        *,
        check: bool = True,
    ) -> list[dict[str, PartRun]]:
        """Plays every run with every part; one result per run: part name to transfers.

        Raises
        ------
        BenchError
            If a part broke a stream rule or did not deliver in time (and ``check``; otherwise this
            is only listed in ``violations``).
        SimulatorError
            If the simulation itself failed.
        """
        with tempfile.TemporaryDirectory(prefix="sterna-bench-") as temporary:
            folder = Path(temporary)
            for name, text in self.files.items():
                if name.endswith(".hex"):
                    (folder / name).write_text(text)
            for number, setting in enumerate(settings):
                self._write(folder / f"run{number}", stimuli, setting)
            job = [
                [s.max_cycles, -1 if s.reset_at is None else s.reset_at, _waits(s)]
                for s in settings
            ]
            (folder / "job.json").write_text(json.dumps(job))
            run_model(self.model, TOP, "sterna_sim.rtl_part_test", folder)
            return [
                self._read(folder / f"run{number}", stimuli, setting, check)
                for number, setting in enumerate(settings)
            ]

    def _add(self, name: str, part: wiring.Component) -> None:
        files = emit(part, name)
        contents = [file for file in files if file.endswith(".hex")]
        for file, text in files.items():
            if file.endswith(".hex"):
                self.files[f"{name}__{file}"] = text
                continue
            for content in contents:
                text = text.replace(f'"{content}"', f'"{name}__{content}"')
            self.files[file] = text
        if re.search(r"\binput (wire )?clk\b", files[f"{name}.v"]):
            self._clocked.add(name)

    def _wrapper(self, parts: Sequence[str]) -> str:
        body = "".join(self._part(name) for name in parts)
        all_done = " && ".join(f"{name}_done" for name in parts)
        return f"""\
module {TOP} (
    input wire clk, input wire rst_outside, input wire [31:0] run, input wire [31:0] max_cycles,
    input wire [31:0] reset_at, input wire waits, output reg over
);
    reg [31:0] cycle = 0, lingered = 0;
    reg armed = 0;
    wire rst = rst_outside || (armed && cycle == reset_at);
    wire all_done = {all_done};
    always @(posedge clk) begin
        cycle <= rst ? 0 : cycle + 1;
        armed <= rst_outside || (armed && !rst);
        lingered <= rst || !all_done ? 0 : lingered + 1;
        over <= !rst && (lingered >= {LINGER_CYCLES} || cycle >= max_cycles);
    end
{body}endmodule
"""

    def _part(self, name: str) -> str:
        ports = [port for port in self.ports if port.part == name]
        lines, pins, finished = [], [], {"source": [], "sink": []}
        if name in self._clocked:
            pins += [".clk(clk)", ".rst(rst)"]
        for port in ports:
            wire = f"{name}__{port.flat}"
            settings = f'#(.NAME("{port.file}"), .WIDTH({port.width}))'
            common = ".clk(clk), .rst(rst), .run(run)"
            if port.kind == "control":
                lines.append(f"wire [{port.width - 1}:0] {wire};")
                lines.append(f"bench_control {settings} play_{wire} ({common}, .value({wire}));")
                pins.append(f".{port.flat}({wire})")
                continue
            lines.append(f"wire [{port.width - 1}:0] {wire}__payload;")
            lines.append(f"wire {wire}__valid, {wire}__ready, {wire}__finished;")
            waits = ", .waits(waits)" if port.kind == "sink" else ""
            lines.append(
                f"bench_{port.kind} {settings} play_{wire} ({common}, .cycle(cycle){waits}, "
                f".done({name}_done), .finished({wire}__finished), .valid({wire}__valid), "
                f".ready({wire}__ready), .payload({wire}__payload));"
            )
            fields = ("payload", "valid", "ready")
            pins += [f".{port.flat}__{field}({wire}__{field})" for field in fields]
            finished[port.kind].append(f"{wire}__finished")
        done = " && ".join(finished["sink"] or finished["source"])
        lines.insert(0, f"wire {name}_done;")
        lines += [f"assign {name}_done = {done};", f"{name} part_{name} ({', '.join(pins)});"]
        return "".join(f"    {line}\n" for line in lines)

    def _write(self, folder: Path, stimuli: Mapping[str, Stimulus], setting: RunSettings) -> None:
        folder.mkdir()
        profile, seed, cycles = find_profile(setting.profile), setting.seed, setting.max_cycles
        for port in self.ports:
            stimulus, path = stimuli[port.part], port.path
            if port.kind == "control":
                write_control(folder, port.file, stimulus.controls.get(path, ()))
            elif port.kind == "source":
                beats = stimulus.inputs.get(path, ())
                write_source(folder, port.file, beats, profile.source(seed, path), cycles)
            else:
                expected, row = stimulus.outputs.get(path, 0), profile.sink(seed, path)
                write_sink(folder, port.file, expected, row, cycles, stimulus.endless)

    def _read(
        self, folder: Path, stimuli: Mapping[str, Stimulus], setting: RunSettings, check: bool
    ) -> dict[str, PartRun]:
        runs: dict[str, PartRun] = {name: PartRun() for name in stimuli}
        for port in self.ports:
            run, stimulus = runs[port.part], stimuli[port.part]
            if port.kind == "source" and port.path in stimulus.inputs:
                run.taken[port.path] = read_taken(folder, port.file)
            elif port.kind == "sink":
                faults = read_faults(folder, port.file)
                run.violations += [text.replace(port.file, port.path, 1) for text in faults]
                given = run.outputs[port.path] = read_given(folder, port.file)
                expected = stimulus.outputs.get(port.path, 0)
                if stimulus.endless:
                    del given[expected:]
                if len(given) < expected:
                    run.violations.append(
                        f"Not done after {setting.max_cycles} cycles under {setting.profile}: "
                        f"{port.path} gave {len(given)} of {expected}"
                    )
        broken = [f"{name}: {text}" for name, run in runs.items() for text in run.violations]
        if check and broken:
            raise BenchError("; ".join(broken[:8]))
        return runs


def _waits(setting: RunSettings) -> int:
    return int(find_profile(setting.profile).sink_waits)


def _ports(part: str, component: wiring.Component) -> Iterator[_Port]:
    yield from _members(part, "", component.signature)


def _members(part: str, prefix: str, signature: wiring.Signature) -> Iterator[_Port]:
    for name, member in signature.members.items():
        path = prefix + name
        if member.is_port:
            if member.flow == wiring.In:
                yield _Port(part, path, "control", Shape.cast(member.shape).width)
        elif isinstance(member.signature, stream.Signature):
            kind = "source" if member.flow == wiring.In else "sink"
            yield _Port(
                part, path, kind, Shape.cast(member.signature.members["payload"].shape).width
            )
        else:
            # The members of an interface that comes in have been turned round by Amaranth.
            yield from _members(part, f"{path}.", member.signature)
