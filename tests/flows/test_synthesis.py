"""Synthesis, place and route and the bitstream, end to end on a toy build; readable refusals."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from sterna_flows.cli import run
from sterna_flows.report_file import read_report
from sterna_flows.synthesis import harness_of, synthesise_design
from sterna_flows.tools import ToolError
from sterna_hw.pin_harness import PinHarnessConfig

from .toy_build import NONE, TOY, write_toy_build


def test_place_and_route_leaves_a_bitstream(tmp_path: Path) -> None:
    write_toy_build(tmp_path, "ecp5-25k")
    told: list[str] = []
    report = synthesise_design(tmp_path, pnr=True, seeds=2, progress=told.append)
    assert report == read_report(tmp_path)
    resources, placed = report["resources"], report["place_and_route"]
    assert resources["bram"] == 1 and resources["dsp"] == 0
    # 16 bits of sum, 32 of scratch, two flags, two response flags: all must be there.
    assert resources["ff"] >= 52 and resources["lut"] > 8
    assert resources["source"].startswith("Yosys ")
    assert report["fmax_mhz"] > 50
    clocks = placed["seeds_mhz"]
    assert set(clocks) == {"1", "2"} and report["fmax_mhz"] == max(clocks.values())
    assert clocks[str(placed["seed"])] == report["fmax_mhz"]
    assert placed["source"].endswith(f"seed {placed['seed']}, the best of 2 seeds")
    # The harness is in what was placed but not in what was counted.
    assert placed["used"]["TRELLIS_FF"] > resources["ff"]
    # The toy's memory has no second register that could move.
    assert placed["memory_registers"] == 0
    assert placed["used"]["DP16KD"] == 1 and placed["used"]["TRELLIS_IO"] == 30
    assert placed["critical_path"] and placed["path"].startswith("from ")
    assert placed["bitstream"] == "synth/toy.bit" and told
    assert b"LFE5U-25F-6CABGA381" in (tmp_path / "synth/toy.bit").read_bytes()
    for name in report["files"]:
        assert (tmp_path / name).is_file()
    kept = {path.name for path in (tmp_path / "synth").iterdir()}
    assert kept == {Path(name).name for name in report["files"] if name.startswith("synth/")}
    for name in ("yosys.ys", "toy_pins.v", "pins.lpf"):
        assert str(tmp_path) not in (tmp_path / "synth" / name).read_text()


def test_a_later_run_without_placing_drops_its_results(tmp_path: Path) -> None:
    write_toy_build(tmp_path, "ecp5-25k")
    report = json.loads((tmp_path / "report.json").read_text())
    report["fmax_mhz"] = 999
    (tmp_path / "report.json").write_text(json.dumps(report))
    report = synthesise_design(tmp_path)
    assert "fmax_mhz" not in report and "place_and_route" not in report
    assert report["resources"]["bram"] == 1


def test_a_xilinx_target_is_counted_but_not_placed(tmp_path: Path) -> None:
    write_toy_build(tmp_path, "xc7z020")
    resources = synthesise_design(tmp_path)["resources"]
    assert resources["lut"] > 8 and "-family xc7" in resources["source"]
    assert read_report(tmp_path)["logic_levels"]["deepest"] >= 2
    with pytest.raises(ValueError, match="must be one of the ECP5 devices, not xc7z020"):
        synthesise_design(tmp_path, pnr=True)


NESTED = {
    "part": """module part(input clk, input [15:0] a, b, output reg [15:0] q);
always @(posedge clk) q <= a + b; endmodule""",
    "whole__core__sum": """module whole__core__sum(input clk, input [15:0] a, output [15:0] q);
reg [15:0] kept; always @(posedge clk) kept <= a; part adder(clk, kept, a, q); endmodule""",
    "whole__core": """module whole__core(input clk, input [15:0] a, output [15:0] q);
wire [15:0] inner; whole__core__sum sum(clk, ~a, inner); part last(clk, inner, a, q);
endmodule""",
    "whole__host": """module whole__host(input clk, a, output b); assign b = ~a; endmodule""",
    "whole": """module whole(input clk, input [15:0] a, output [15:0] q, output b);
reg [15:0] first; always @(posedge clk) first <= a;
whole__core core(clk, first, q); whole__host host(clk, a[0], b); endmodule""",
}


def test_a_decoder_is_counted_by_unit(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Units hold what is below them; the depth of logic is found across their borders."""
    for name, text in NESTED.items():
        (tmp_path / f"{name}.v").write_text(text)
    (tmp_path / "sources.f").write_text("".join(f"{name}.v\n" for name in NESTED))
    report = {
        "report_version": 1,
        "kind": "decoder",
        "model": "nested",
        "synthetic": True,
        "layers": [],
        "cycles": {
            "prompt": 1,
            "tokens": 1,
            "memory": "none",
            "latency": {"predicted": 1},
        },
        "target": "xck26",
        "top": "whole",
        "units": [{"name": "core", "estimated": NONE}],
        "estimated": NONE,
        "files": [f"{name}.v" for name in NESTED],
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert run(["synth", str(tmp_path)]) == 0
    report = read_report(tmp_path)
    units, levels = report["resources"]["units"], report["logic_levels"]
    flip_flops = {name: unit["ff"] for name, unit in units.items()}
    assert flip_flops == {"core.sum": 32, "host": 0, "rest": 32}
    assert units["host"]["lut"] == 1 and report["resources"]["ff"] == 64
    assert report["resources"]["lut"] == sum(unit["lut"] for unit in units.values())
    # The inversion and the sum are in two pieces: one level, one more, 16 bits of carry.
    assert levels["deepest"] == 1 + 1 + 4 / 2
    assert levels["paths"][0]["luts"] == 2 and levels["paths"][0]["carries"] == 4
    assert levels["by_unit"] == {"core.sum": 4, "whole": 3}
    printed = " ".join(capsys.readouterr().out.split())
    assert "core.sum" in printed and "deepest paths" in printed


def test_a_failed_tool_leaves_its_log_and_nothing_else(tmp_path: Path) -> None:
    write_toy_build(tmp_path, "ecp5-25k")
    (tmp_path / "toy.v").write_text("module toy(input x; endmodule")
    before = (tmp_path / "report.json").read_text()
    with pytest.raises(ToolError, match="yosys failed: toy.v:1: ERROR: syntax error") as caught:
        synthesise_design(tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "report.json").read_text() == before
    assert not (tmp_path / "synth").exists()
    assert "syntax error" in (tmp_path / "synth-failed.log").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "Seeds must be 1 or more, not 0"),
        ({"frequency_mhz": 0.0}, "Frequency must be above 0 MHz, not 0.0"),
        ({"frequency_mhz": math.nan}, "Frequency must be above 0 MHz, not nan"),
        ({"pins": Path("none.lpf")}, "Pins must be an existing LPF file, not 'none.lpf'"),
    ],
    ids=["seeds", "zero", "nan", "pins"],
)
def test_options_of_placing(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    write_toy_build(tmp_path, "ecp5-25k")
    with pytest.raises(ValueError, match=message):
        synthesise_design(tmp_path, pnr=True, **options)
    assert not (tmp_path / "synth").exists()


def test_harness_follows_the_ports() -> None:
    assert harness_of(TOY) == PinHarnessConfig(8, 2, 13)
    with pytest.raises(ValueError, match="must hold m_axis_tdata"):
        harness_of(TOY.replace("m_axis_tdata", "data"))
    registers_only = "\n".join(line for line in TOY.splitlines() if "axis_" not in line)
    assert harness_of(registers_only) == PinHarnessConfig(0, 0, 13)
    with pytest.raises(ValueError, match="must be on the chip"):
        harness_of(f"{registers_only}\n  output [39:0] m_axi0_araddr;\n")
