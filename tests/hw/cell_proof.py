"""A proof by Yosys that hand-written Verilog says the same with a device's cells and without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sterna_flows.tools import run_tool
from sterna_flows.yosys import yosys_command


def prove(
    folder: Path, text: str, top: str, parameters: Mapping[str, int], map_first: bool = False
) -> str:
    """Yosys' proof that the cells equal the plain form; raises when they do not.

    With ``map_first``, of the netlist that synthesis for UltraScale+ makes of the cells; its
    statistics are left in the folder as ``stat.json``.
    """
    chosen = " ".join(f"-set {name} {value}" for name, value in parameters.items())
    chosen = f"chparam {chosen} {top}"
    (folder / "part.v").write_text(text)
    script = ["read_verilog part.v", chosen, f"hierarchy -top {top}"]
    if map_first:
        script += [
            f"synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top {top}",
            "tee -q -o stat.json stat -json",
        ]
    script += [
        "rename -top cells; write_verilog -noattr cells.v; design -reset",
        "read_verilog -D NO_INCLUDES +/xilinx/cells_sim.v",
        "read_verilog -overwrite cells.v",
        "hierarchy -top cells",
        "proc; flatten; opt_clean",
        "design -stash cells",
        # A macro of its own takes the plain branch.
        "read_verilog -D STERNA_ECP5 part.v",
        chosen,
        f"hierarchy -top {top}",
        "proc; flatten; opt_clean; rename -top plain",
        "design -copy-from cells cells",
        "miter -equiv -flatten cells plain both",
        "sat -verify -prove trigger 0 both",
    ]
    (folder / "prove.ys").write_text("\n".join(script) + "\n")
    return run_tool(yosys_command("prove.ys"), folder, "prove.log")
