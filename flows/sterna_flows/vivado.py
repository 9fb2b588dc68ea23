"""A Vivado script for a build: synthesis, place and route out of context, and its reports.

Sterna itself never runs Vivado; the script is for those who have it. It reads the Verilog in the
order of ``sources.f`` and the clock constraint, and leaves utilisation, timing and a checkpoint in
``vivado/``. Written for Xilinx devices only.
"""

from __future__ import annotations

__all__ = ["PARTS", "vivado_script"]

PARTS = {
    "xck26": "xck26-sfvc784-2LV-c",  # Kria K26, as on the KV260
    "xc7z020": "xc7z020clg400-1",  # as on PYNQ-Z1 and Zybo Z7-20
    "xcu280": "xcu280-fsvh2892-2L-e",  # Alveo U280
}
"""Vivado's part names by target, from the vendor's product guides."""


def vivado_script(top: str, target: str) -> str:
    """The text of the script for a design with top module ``top``.

    Raises
    ------
    ValueError
        If the target is no Xilinx device of the table.
    """
    if target not in PARTS:
        raise ValueError(
            f"Target of a Vivado script must be one of {', '.join(PARTS)}, not {target}"
        )
    return f"""# vivado -mode batch -source {top}.tcl
set here [file dirname [file normalize [info script]]]
set out [file join $here vivado]
file mkdir $out
# Memory contents are named relative to this folder.
cd $here
create_project -in_memory -part {PARTS[target]}
set list [open sources.f]
foreach name [split [string trim [read $list]] "\\n"] {{ read_verilog $name }}
close $list
read_mem [glob -nocomplain *.hex]
read_xdc {top}.xdc
synth_design -top {top} -mode out_of_context -flatten_hierarchy rebuilt
report_utilization -hierarchical -file $out/utilization_synth.txt
opt_design
place_design
phys_opt_design
route_design
report_utilization -hierarchical -file $out/utilization.txt
report_timing_summary -file $out/timing.txt
write_checkpoint -force $out/{top}.dcp
"""
