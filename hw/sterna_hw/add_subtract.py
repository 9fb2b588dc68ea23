"""A sum or a difference, chosen by a signal, in one carry chain.

Synthesis tools differ in what they make of ``subtract ? a - b : a + b``: Yosys builds both and a
multiplexer. Written as ``a + (b ^ subtract) + subtract``, the carry entering through one more bit
below, it is one look-up table a bit wherever the table in front of a carry chain has three inputs
to spare, as on Xilinx. Yosys' rule for ECP5 leaves one of the carry cell's inputs unused and
spends a second table on the inversion instead, so for ECP5 the cell is named outright: the Verilog
module ``sterna_add_subtract`` instantiates carry cells where the macro ``STERNA_ECP5`` is defined
and says the same in plain Verilog elsewhere.

Combinational; a simulation in Amaranth uses the plain form.
"""

from __future__ import annotations

from amaranth.hdl import Instance, Module, Signal, Value, signed

from .verilog import VerilogPlatform

__all__ = ["ADD_SUBTRACT_MODULE", "FAMILY_FILES", "add_or_subtract"]

FAMILY_FILES = {
    "ecp5": """\
// To be read before all other files of a design for ECP5.
`define STERNA_ECP5
(* blackbox *)
module CCU2C #(
    parameter [15:0] INIT0 = 0, INIT1 = 0, parameter INJECT1_0 = "NO", INJECT1_1 = "NO"
) (
    input CIN, A0, B0, C0, D0, A1, B1, C1, D1, output S0, S1, COUT
);
endmodule
""",
}
"""By device family: what Yosys reads first, so that the family's own cells are used."""

ADD_SUBTRACT_MODULE = """\
// left - right if subtract, otherwise left + right, modulo 2**WIDTH, in one carry chain.
module sterna_add_subtract #(
    parameter WIDTH = 1
) (
    input  wire [WIDTH-1:0] left,
    input  wire [WIDTH-1:0] right,
    input  wire             subtract,
    output wire [WIDTH-1:0] result
);
`ifdef STERNA_ECP5
    // Two bits a cell. Sum: left ^ right ^ subtract ^ carry in; carry out: left if both agree.
    localparam PAIRS = (WIDTH + 1) / 2;
    wire [2*PAIRS-1:0] a = {{(2*PAIRS-WIDTH){1'b0}}, left};
    wire [2*PAIRS-1:0] b = {{(2*PAIRS-WIDTH){1'b0}}, right};
    wire [2*PAIRS-1:0] y;
    wire [PAIRS:0] carry;
    assign carry[0] = subtract;
    genvar pair;
    generate
        for (pair = 0; pair < PAIRS; pair = pair + 1) begin : cells
            CCU2C #(
                .INIT0(16'h96AA), .INIT1(16'h96AA), .INJECT1_0("NO"), .INJECT1_1("NO")
            ) cell_of_two (
                .CIN(carry[pair]), .COUT(carry[pair+1]),
                .A0(a[2*pair]), .B0(b[2*pair]), .C0(subtract), .D0(1'b1), .S0(y[2*pair]),
                .A1(a[2*pair+1]), .B1(b[2*pair+1]), .C1(subtract), .D1(1'b1), .S1(y[2*pair+1])
            );
        end
    endgenerate
    assign result = y[WIDTH-1:0];
`else
    // The carry goes in through one more bit below.
    wire [WIDTH:0] sum = {left, 1'b1} + {right ^ {WIDTH{subtract}}, subtract};
    assign result = sum[WIDTH:1];
    wire unused = &{1'b0, sum[0]};
`endif
endmodule
"""


def add_or_subtract(
    m: Module, platform: object, left: Value, right: Value, subtract: Value, width: int
) -> Value:
    """``left - right`` if ``subtract``, else ``left + right``, as ``width`` bits, signed.

    Operands are extended by their own signs or cut to ``width``; the result is exact if it fits.
    """
    first, second = Signal(signed(width)), Signal(signed(width))
    result = Signal(signed(width))
    m.d.comb += [first.eq(left), second.eq(right)]
    if isinstance(platform, VerilogPlatform) and width > 1:
        platform.files["sterna_add_subtract.v"] = ADD_SUBTRACT_MODULE
        m.submodules += Instance(
            "sterna_add_subtract",
            p_WIDTH=width,
            i_left=first,
            i_right=second,
            i_subtract=subtract,
            o_result=result,
        )
    else:
        m.d.comb += result.eq(first + (second ^ subtract.replicate(width)) + subtract)
    return result
