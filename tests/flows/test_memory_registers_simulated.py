"""Memories simulated before and after their registers move: equal outputs in every cycle.

Each case is synthesised by Yosys and edited; its Verilog source, its netlist and its edited netlist
run side by side in Verilator, with a model of the block memory of its own (`block_memory_model`)
and Yosys' models of all other cells.
"""

from __future__ import annotations

import copy
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sterna_flows.memory_registers import absorb_output_registers
from sterna_flows.tools import run_tool
from sterna_flows.yosys import synthesise, yosys_command
from sterna_hw.base import find_device
from sterna_hw.verilog import MEMORY_MODULE
from sterna_sim.verilator import build_model, run_model

from .block_memory_model import BLOCK_MEMORY


@dataclass(frozen=True)
class Case:
    """A memory of ``depth`` rows, and how many flip-flops must move into it.

    ``after`` is Verilog for what stands between the memory's output ``read`` and ``data``.
    """

    depth: int
    width: int
    reloadable: bool
    moved: int
    read_latency: int = 2
    after: str = "assign data = read;"

    @property
    def address_width(self) -> int:
        return (self.depth - 1).bit_length()


INVERTED = "reg [17:0] q; always @(posedge clk) q <= ~read; assign data = q;"
SUM = "reg [17:0] q; always @(posedge clk) q <= read + 18'd1; assign data = q;"
ENABLED = "reg [17:0] q; always @(posedge clk) if (!load_enable) q <= read; assign data = q;"
BOTH = "reg [17:0] q; always @(posedge clk) q <= read; assign data = q ^ read << 1;"
CASES = {
    "rom_18": Case(700, 18, False, 18),
    "rom_36": Case(300, 36, False, 36),
    "rom_two_blocks": Case(600, 20, False, 20),
    "ram_18": Case(700, 18, True, 18),
    "ram_9": Case(2000, 9, True, 9),
    "ram_4": Case(4000, 4, True, 4),
    "ram_1": Case(9000, 1, True, 1),
    "ram_two_wide_blocks": Case(400, 40, True, 40),
    "some_bits": Case(700, 18, True, 7, after="assign data = {read[17:12], 11'd5, read[0]};"),
    "more_behind": Case(300, 18, True, 18, after=INVERTED),
    "one_register": Case(700, 18, True, 0, 1),
    "logic_between": Case(300, 18, True, 0, 1, SUM),
    "enabled": Case(300, 18, True, 0, 1, ENABLED),
    "read_by_others": Case(300, 18, True, 0, 1, BOTH),
}
KINDS = ("source", "netlist", "edited")


def source(name: str, module: str) -> str:
    """Verilog of a case, with ports of the same names for all."""
    case = CASES[name]
    address, data = f"[{case.address_width - 1}:0]", f"[{case.width - 1}:0]"
    return f"""module {module}(
    input clk, input {address} address, output {data} data,
    input load_enable, input {address} load_address, input {data} load_data);
    wire {data} read;
    {case.after}
    sterna_memory #(.DEPTH({case.depth}), .WIDTH({case.width}),
        .ADDRESS_WIDTH({case.address_width}), .READ_LATENCY({case.read_latency}),
        .RELOADABLE({int(case.reloadable)}), .INIT_FILE("{name}.hex"))
        memory(.clk(clk), .read_address(address), .read_data(read), .load_enable(load_enable),
            .load_address(load_address), .load_data(load_data));
endmodule
"""


def contents(name: str) -> str:
    case, chance = CASES[name], random.Random(name)
    digits = -(-case.width // 4)
    return "".join(f"{chance.getrandbits(case.width):0{digits}x}\n" for _ in range(case.depth))


@cache
def synthesised(name: str) -> str:
    """The netlist of a case as text."""
    with tempfile.TemporaryDirectory(prefix="sterna-registers-") as temporary:
        folder = Path(temporary)
        (folder / "top.v").write_text(source(name, "top"))
        (folder / "sterna_memory.v").write_text(MEMORY_MODULE)
        (folder / f"{name}.hex").write_text(contents(name))
        device = find_device("ecp5-25k")
        synthesise(folder, ["top.v", "sterna_memory.v"], "top", device, netlist="netlist.json")
        return (folder / "netlist.json").read_text()


def edited(name: str) -> dict[str, Any]:
    netlist = json.loads(synthesised(name))
    absorb_output_registers(netlist)
    return netlist


def cells(netlist: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [cell for cell in netlist["modules"]["top"]["cells"].values() if cell["type"] == kind]


@pytest.mark.parametrize("name", CASES)
def test_as_many_move_as_can(name: str) -> None:
    before = json.loads(synthesised(name))
    after = copy.deepcopy(before)
    moved = absorb_output_registers(after)
    assert moved == CASES[name].moved
    assert len(cells(before, "TRELLIS_FF")) - len(cells(after, "TRELLIS_FF")) == moved
    assert len(cells(before, "DP16KD")) == len(cells(after, "DP16KD")) > 0
    if moved == 0:
        assert after == before
    assert absorb_output_registers(after) == 0


def as_verilog(netlists: Mapping[str, Mapping[str, Any]], folder: Path) -> dict[str, str]:
    """Netlists as Verilog, the top of each renamed to its key; all cells but block memories are
    replaced by Yosys' own models of them."""
    script = []
    for name, netlist in netlists.items():
        modules = {name: netlist["modules"]["top"]}
        (folder / f"{name}.json").write_text(json.dumps({**netlist, "modules": modules}))
        script += ["design -reset", "read_verilog -DNO_INCLUDES +/lattice/cells_sim_ecp5.v"]
        script += [f"read_json {name}.json", f"hierarchy -check -top {name}", "proc", "flatten"]
        script += ["opt_clean", f"select {name}", f"write_verilog -noattr -selected {name}.v"]
    (folder / "models.ys").write_text("\n".join(script) + "\n")
    run_tool(yosys_command("models.ys"), folder, "models.log")
    return {f"{name}.v": (folder / f"{name}.v").read_text() for name in netlists}


PINS = ("address", "load_enable", "load_address", "load_data")


def bench(cases: Mapping[str, Case]) -> str:
    """Verilog that holds three modules of each case side by side, with inputs in common."""
    ports, instances = ["input clk"], []
    for name, case in cases.items():
        address_range = f"[{case.address_width - 1}:0]"
        data_range = f"[{case.width - 1}:0]"
        ranges = (address_range, "", address_range, data_range)
        ports += [f"input {bits} {name}_{pin}" for pin, bits in zip(PINS, ranges, strict=True)]
        wires = ", ".join(f".{pin}({name}_{pin})" for pin in PINS)
        for kind in KINDS:
            ports.append(f"output {data_range} {name}_{kind}")
            module = f"{kind}_{name}"
            instances.append(
                f"    {module} {module}_instance(.clk(clk), {wires}, .data({name}_{kind}));"
            )
    return "\n".join([f"module bench({', '.join(ports)});", *instances, "endmodule", ""])


def simulate(
    folder: Path, names: Sequence[str], seed: int, replaced: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """In how many half cycles each case's outputs differ; ``replaced`` are other edited netlists.

    Fails if a case gives the same row most of the time, as that would compare nothing.
    """
    cases = {name: CASES[name] for name in names}
    netlists: dict[str, Mapping[str, Any]] = {}
    sources = {"DP16KD.v": BLOCK_MEMORY, "sterna_memory.v": MEMORY_MODULE, "bench.v": bench(cases)}
    for name in names:
        netlists[f"netlist_{name}"] = json.loads(synthesised(name))
        netlists[f"edited_{name}"] = replaced.get(name) or edited(name)
        sources[f"source_{name}.v"] = source(name, f"source_{name}")
        (folder / f"{name}.hex").write_text(contents(name))
    sources |= as_verilog(netlists, folder)
    sizes = {name: (case.depth, case.width) for name, case in cases.items()}
    (folder / "job.json").write_text(json.dumps({"seed": seed, "cases": sizes}))
    run_model(build_model(sources, "bench"), "bench", f"{__package__}.registers_bench", folder)
    result = json.loads((folder / "result.json").read_text())
    assert all(count > 100 for count in result["changed"].values()), result["changed"]
    return result["differing"]


@pytest.mark.parametrize("seed", range(2), ids=lambda seed: f"seed{seed}")
def test_outputs_are_equal_in_every_cycle(seed: int, tmp_path: Path) -> None:
    assert simulate(tmp_path, list(CASES), seed, {}) == dict.fromkeys(CASES, 0)


@pytest.mark.parametrize("mistake", [("OCEA", ["0"]), ("OCEB", ["0"])], ids=["low", "high"])
def test_a_wrong_edit_is_seen(mistake: tuple[str, list[str]], tmp_path: Path) -> None:
    wrong = edited("rom_36")
    (memory,) = cells(wrong, "DP16KD")
    memory["connections"].update([mistake])
    assert simulate(tmp_path, ["rom_36"], 0, {"rom_36": wrong})["rom_36"] > 100


def test_a_register_too_few_is_seen(tmp_path: Path) -> None:
    wrong = edited("ram_18")
    (memory,) = cells(wrong, "DP16KD")
    memory["parameters"]["REGMODE_B"] = "NOREG"
    assert simulate(tmp_path, ["ram_18"], 0, {"ram_18": wrong})["ram_18"] > 100
