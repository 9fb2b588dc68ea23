"""The Verilator model of a built accelerator: the design, its players, and what watches inside.

Generates the top module that puts a built design between a source and a sink (the modules in
``verilog/``) with a DRAM behind its memory ports, leaves its AXI4-Lite port to cocotb, and, in the
watching variant, writes down every beat of every stream named in ``design.json`` through
hierarchical references and can dump a window of cycles to a waveform file; that one is built only
when something has gone wrong. Design files are taken as they are: what is simulated is what was
built.
"""

from __future__ import annotations

from pathlib import Path

from sterna_hw.axi_lite import axi_lite_members
from sterna_hw.memory_port.axi4 import read_signature
from sterna_hw.register_map import Identity, accelerator_map
from sterna_hw.weight_stream import ADDRESS_WIDTH

from .axi_words import beat_bytes
from .design_description import DesignDescription
from .dram.build import SIGNALS, dram_arguments, dram_sources
from .player_files import LINGER_CYCLES, bench_modules
from .verilator import build_model

__all__ = ["TOP", "build_design_model", "design_top", "memory_files"]

TOP = "sterna_design_bench"


def build_design_model(
    directory: Path, design: DesignDescription, *, watching: bool = False, fast: bool = False
) -> Path:
    """The folder of the compiled model of a build folder; ``watching`` adds watchers and dumps,
    ``fast`` spends compile time for speed.

    Raises
    ------
    SimulatorError
        If the design does not compile.
    """
    verilog = {path.name: path.read_text() for path in sorted(Path(directory).glob("*.v"))}
    sources = {**verilog, **bench_modules(), f"{TOP}.sv": design_top(design, watching)}
    arguments: list[str] = []
    if ports := design.memory_ports:
        sources, arguments = {**sources, **dram_sources(ports)}, dram_arguments()
    return build_model(sources, TOP, fast=fast, waves=watching, arguments=arguments)


def memory_files(directory: Path) -> list[Path]:
    """The files of memory contents that the design reads from the current folder."""
    return sorted(Path(directory).glob("*.hex"))


def design_top(design: DesignDescription, watching: bool) -> str:
    """The SystemVerilog top module around the design."""
    in_width, out_bytes = 8 * beat_bytes(design.input), beat_bytes(design.output)
    out_width = 9 * out_bytes + 1
    ports, pins = _axi_lite()
    dram, memory_pins = _dram(design.memory_ports)
    watchers = "".join(_watcher(design, index) for index in range(len(design.streams)))
    return f"""\
module {TOP} (
    input wire clk, input wire rst_outside, input wire hold, input wire [31:0] run,
    input wire [31:0] max_cycles, input wire [31:0] reset_at, input wire waits, output reg over,
    output wire interrupt,
    {ports}
);
    reg [31:0] cycle = 0, lingered = 0;
    reg armed = 0, rst_before = 0;
    wire rst = rst_outside || (armed && !hold && cycle == reset_at);
    wire rst_players = rst || hold;
    // A design may register its reset: inner streams are those of before for one more cycle.
    wire rst_watchers = rst_players || rst_before;
    wire source_done, done;
    wire [{in_width}:0] in_payload;
    wire [{out_width - 1}:0] out_payload;
    wire in_valid, in_ready, out_valid, out_ready;
    always @(posedge clk) begin
        cycle <= rst_players ? 0 : cycle + 1;
        armed <= rst_outside || (armed && !rst);
        rst_before <= rst;
        lingered <= rst || !done ? 0 : lingered + 1;
        over <= !rst_players && (lingered >= {LINGER_CYCLES} || cycle >= max_cycles);
    end
    bench_source #(.NAME("s_axis"), .WIDTH({in_width + 1})) source (.clk(clk), .rst(rst_players),
        .run(run), .cycle(cycle), .done(done), .finished(source_done), .valid(in_valid),
        .ready(in_ready), .payload(in_payload));
    bench_sink #(.NAME("m_axis"), .WIDTH({out_width})) sink (.clk(clk), .rst(rst_players),
        .run(run), .cycle(cycle), .waits(waits), .done(done), .finished(done), .valid(out_valid),
        .ready(out_ready), .payload(out_payload));
    {design.top} dut (.aclk(clk), .aresetn(!rst), .interrupt(interrupt),
        .s_axis_tdata(in_payload[{in_width - 1}:0]), .s_axis_tlast(in_payload[{in_width}]),
        .s_axis_tvalid(in_valid && !hold), .s_axis_tready(in_ready),
        .m_axis_tdata(out_payload[{8 * out_bytes - 1}:0]),
        .m_axis_tlast(out_payload[{8 * out_bytes}]),
        .m_axis_tkeep(out_payload[{out_width - 1}:{8 * out_bytes + 1}]),
        .m_axis_tvalid(out_valid), .m_axis_tready(out_ready),
        {pins}{memory_pins});
{dram}{watchers + _DUMP if watching else _UNUSED}endmodule
"""


_UNUSED = """\
    wire unused = rst_watchers;
"""


_DUMP = """\
    // Dumping begins with $dumpvars and ends with the run ($dumpoff has no effect here).
    string dump_file;
    integer dump_from = -1;
    initial if ($value$plusargs("dump=%s", dump_file))
        if ($value$plusargs("dump_from=%d", dump_from)) begin end
    always @(negedge clk) if (!rst_players && cycle == dump_from) begin
        dump_from = -1;
        $dumpfile(dump_file);
        $dumpvars(0, dut);
    end
"""


def _watcher(design: DesignDescription, index: int) -> str:
    stream = design.streams[index]
    width = stream.shape.count * stream.shape.values.width + 1
    # Escaped, for a layer may be named like a keyword: `output`.
    path = f"dut.\\{stream.instance} .{stream.port}__"
    return f"""\
    bench_watch #(.NAME("stream{index}"), .WIDTH({width})) watch{index} (.clk(clk),
        .rst(rst_watchers), .run(run), .cycle(cycle), .done(done), .valid({path}valid),
        .ready({path}ready), .payload({path}payload));
"""


def _dram(ports: int) -> tuple[str, str]:
    """The memory with its nets, and the design's pins to it."""
    if not ports:
        return "", ""
    nets, own, pins = [], [], []
    reading = read_signature(ADDRESS_WIDTH).members
    for port in range(ports):
        for name, width, drives in SIGNALS:
            if name not in reading:
                own.append(f".p{port}_{name}({'' if drives else 0})")
                continue
            shape = reading[name].shape
            bits = shape if isinstance(shape, int) else shape.width
            net = f"p{port}_{name}"
            nets.append(f"    wire [{bits - 1}:0] {net};\n")
            pins.append(f",\n        .m_axi{port}_{name}({net})")
            padding = f"{{{width - bits}'d0, {net}}}" if bits < width else net
            own.append(f".{net}({padding})")
    connected = ",\n        ".join(own)
    dram = f"    sterna_dram dram (.clk(clk), .rst(rst),\n        {connected});\n"
    return "".join(nets) + dram, "".join(pins)


def _axi_lite() -> tuple[str, str]:
    """Ports of the top and pins of the design, for all AXI4-Lite signals."""
    ports, pins = [], []
    width = accelerator_map(Identity()).address_width
    for name, member in axi_lite_members(width).items():
        direction = "input" if member.flow.name == "In" else "output"
        bits = member.shape if isinstance(member.shape, int) else member.shape.width
        ports.append(f"{direction} wire [{bits - 1}:0] s_axil_{name}")
        pins.append(f".s_axil_{name}(s_axil_{name})")
    return ",\n    ".join(ports), ",\n        ".join(pins)
