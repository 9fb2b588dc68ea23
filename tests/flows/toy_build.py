"""A build folder as `sterna build` leaves it, around a hand-written toy accelerator.

The toy takes a frame's words, looks each one's low byte up in a memory with contents, adds that to
a running sum, and gives the sum at the frame's end; it has the ports of a real accelerator, so
flows can be tested without one.
"""

from __future__ import annotations

import json
from pathlib import Path

TOY = """
module toy(
  aclk, aresetn, interrupt,
  s_axis_tdata, s_axis_tvalid, s_axis_tready, s_axis_tlast,
  m_axis_tdata, m_axis_tkeep, m_axis_tvalid, m_axis_tready, m_axis_tlast,
  s_axil_awaddr, s_axil_awprot, s_axil_awvalid, s_axil_awready,
  s_axil_wdata, s_axil_wstrb, s_axil_wvalid, s_axil_wready,
  s_axil_bresp, s_axil_bvalid, s_axil_bready,
  s_axil_araddr, s_axil_arprot, s_axil_arvalid, s_axil_arready,
  s_axil_rdata, s_axil_rresp, s_axil_rvalid, s_axil_rready);
  input aclk; input aresetn; output interrupt;
  input [63:0] s_axis_tdata;
  input s_axis_tvalid; output s_axis_tready; input s_axis_tlast;
  output [15:0] m_axis_tdata;
  output [1:0] m_axis_tkeep; output m_axis_tvalid; input m_axis_tready; output m_axis_tlast;
  input [12:0] s_axil_awaddr;
  input [2:0] s_axil_awprot; input s_axil_awvalid; output s_axil_awready;
  input [31:0] s_axil_wdata; input [3:0] s_axil_wstrb; input s_axil_wvalid; output s_axil_wready;
  output [1:0] s_axil_bresp; output reg s_axil_bvalid; input s_axil_bready;
  input [12:0] s_axil_araddr; input [2:0] s_axil_arprot; input s_axil_arvalid;
  output s_axil_arready;
  output [31:0] s_axil_rdata; output [1:0] s_axil_rresp; output reg s_axil_rvalid;
  input s_axil_rready;

  reg [15:0] contents [0:255];
  initial $readmemh("toy.hex", contents);
  reg [15:0] entry, sum;
  reg full, is_last, last;
  reg [31:0] scratch;
  assign interrupt = 1'b0;
  assign s_axis_tready = ~full & ~last;
  assign m_axis_tdata = sum;
  assign m_axis_tkeep = 2'b11;
  assign m_axis_tvalid = last;
  assign m_axis_tlast = 1'b1;
  assign s_axil_awready = s_axil_awvalid & s_axil_wvalid & ~s_axil_bvalid;
  assign s_axil_wready = s_axil_awready;
  assign s_axil_arready = ~s_axil_rvalid;
  assign s_axil_bresp = 2'b00;
  assign s_axil_rresp = 2'b00;
  assign s_axil_rdata = scratch;
  always @(posedge aclk) begin
    entry <= contents[s_axis_tdata[7:0] ^ scratch[7:0]];
    full <= s_axis_tvalid & s_axis_tready;
    if (full) sum <= sum + entry;
    is_last <= s_axis_tlast;
    last <= full & is_last | last & ~m_axis_tready;
    if (s_axil_awready) scratch <= s_axil_wdata;
    s_axil_bvalid <= s_axil_awready | s_axil_bvalid & ~s_axil_bready;
    s_axil_rvalid <= s_axil_arvalid & s_axil_arready | s_axil_rvalid & ~s_axil_rready;
    if (~aresetn) begin
      full <= 0; last <= 0; sum <= 0; scratch <= 0; s_axil_bvalid <= 0; s_axil_rvalid <= 0;
    end
  end
endmodule
"""

CONTENTS = [7 * i * i % 65536 for i in range(256)]
NONE = {"lut": 0, "ff": 0, "bram": 0, "uram": 0, "dsp": 0}


def write_toy_build(folder: Path, target: str) -> Path:
    """Writes Verilog, memory contents and a report for ``target`` into ``folder``."""
    (folder / "toy.v").write_text(TOY)
    (folder / "sources.f").write_text("toy.v\n")
    (folder / "toy.hex").write_text("".join(f"{entry:04x}\n" for entry in CONTENTS))
    report = {
        "report_version": 1,
        "model": "toy",
        "target": target,
        "top": "toy",
        "layers": [],
        "cycles": {"latency": {"predicted": 1}, "interval": {"predicted": 1}},
        "estimated": NONE,
        "files": ["toy.v", "toy.hex"],
    }
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def toy_sums(frames: list[list[bytes]]) -> list[bytes]:
    """What the toy gives after reset for frames of 8-byte words: the sums, little-endian."""
    sums, total = [], 0
    for frame in frames:
        total = (total + sum(CONTENTS[word[0]] for word in frame)) % 65536
        sums.append(total.to_bytes(2, "little"))
    return sums
