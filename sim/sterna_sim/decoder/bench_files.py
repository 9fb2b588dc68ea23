"""The Verilator binary of a decoder: its Verilog, the DRAM unless its memory is on the chip, and a
monitor for checkpoints.

The monitor stands in the top beside the design and looks into it by hierarchical names: every beat
of codes that leaves the vector unit and every logit that the head finds is written as a line of a
file, in order. It writes only when the run asks for it (``+checkpoints``), so one binary serves
fast and searching runs; it costs no Python. A second one logs what happens when (`event_log`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from amaranth.hdl import Shape

from sterna_hw.decoder.attention_command import logit_layout
from sterna_hw.decoder.decoder_accelerator import DecoderAcceleratorConfig

from ..dram.build import TOP, dram_arguments, dram_sources, top_with_dram
from ..verilator import build_model
from .event_log import event_monitor

__all__ = ["CODES_FILE", "LOGITS_FILE", "build_decoder_model"]

CODES_FILE = "codes.txt"
LOGITS_FILE = "logits.txt"

_MONITOR = f"""\
    integer codes_file, logits_file;
    reg watches;
    initial begin
        watches = $test$plusargs("checkpoints") != 0;
        if (watches) begin
            codes_file = $fopen("{CODES_FILE}", "w");
            logits_file = $fopen("{LOGITS_FILE}", "w");
        end
    end
    always @(posedge aclk) if (watches && aresetn) begin
        if (dut.core.vector.codes__valid && dut.core.vector.codes__ready)
            $fwrite(codes_file, "%h\\n", dut.core.vector.codes__payload);
        if (dut.core.attention.logits[VALID])
            $fwrite(logits_file, "%h\\n", dut.core.attention.logits);
    end
    // What was written must be there when the host asks, in the middle of a simulation.
    always @(posedge interrupt) if (watches) begin
        $fflush(codes_file);
        $fflush(logits_file);
    end
"""


def build_decoder_model(
    config: DecoderAcceleratorConfig, files: Mapping[str, str], *, fast: bool = True
) -> Path:
    """The folder of the compiled model for `sterna_sim.verilator.run_model`, module `TOP`.

    ``files`` are the design's Verilog by name, as `sterna_hw.verilog.emit` gives them.

    Raises
    ------
    SimulatorError
        If something does not compile.
    """
    ports = 0 if config.memories else config.core.ports
    top = top_with_dram(
        config.name,
        files[f"{config.name}.v"],
        ports,
        clock="aclk",
        reset="aresetn",
        name=lambda port, signal: f"m_axi{port}_{signal}",
    )
    valid = Shape.cast(logit_layout(config.core.vocabulary, "valid")).width - 1
    head, end = top.rsplit("endmodule", 1)
    assert not end.strip()
    monitors = _MONITOR.replace("VALID", str(valid)) + event_monitor(config.core, ports > 0)
    watched = f"{head}{monitors}endmodule\n"
    sources = {**files, f"{TOP}.sv": watched}
    if not ports:
        return build_model(sources, TOP, fast=fast)
    sources |= dram_sources(ports)
    return build_model(sources, TOP, fast=fast, arguments=dram_arguments())
