"""The sum of three operands, two of them with signs, in one carry chain of Xilinx devices.

A bit of three operands is first reduced to two: their sum modulo two, and their majority, which
belongs to the next bit. Both are functions of the same inputs, and so is the sum of the first one
with the majority of the bit below, which is what a carry chain wants to know: one six-input table
with two outputs and one position of the chain add three bits. Such a table has five inputs when
both outputs are used; three bits, the majority below and one sign are five, so the sign of `right`
costs nothing. That of `middle` is applied before, two bits a table. The ones that two's complement
adds to an inverted operand enter where nothing else does: as the majority below bit 0, and as the
carry into the chain, through a position of its own (the wire into the chain's first position and
the carry into the chain are the same in a slice). In all ``width + middle/2`` tables, where two
chains one after the other take two a bit.

No tool puts this together from ``a + b + c`` in the way it is counted here: Yosys builds two adders
with tables of their own (Vivado finds three operands without signs). So the Verilog module
``sterna_add_three`` names LUT6_2 and CARRY4 where it is synthesised, unless for ECP5, and says the
same in plain Verilog elsewhere. CARRY4 is what Yosys itself uses for UltraScale+ too; Vivado takes
two of them for a CARRY8 there, which was not tried here.

Combinational; a simulation in Amaranth uses the plain form.
"""

from __future__ import annotations

from amaranth.hdl import Instance, Module, Mux, Signal, Value, signed

from .verilog import VerilogPlatform

__all__ = ["ADD_THREE_MODULE", "XILINX_CELLS", "add_three", "add_three_luts"]

XILINX_CELLS = """\
`ifdef SYNTHESIS
`ifndef STERNA_ECP5
`ifndef STERNA_XILINX_CELLS
`define STERNA_XILINX_CELLS
`ifdef YOSYS
(* blackbox *)
module LUT6_2 #(
    parameter [63:0] INIT = 0
) (
    output O6, output O5, input I0, I1, I2, I3, I4, I5
);
endmodule
(* blackbox *)
module CARRY4 (
    output [3:0] CO, output [3:0] O, input CI, input CYINIT, input [3:0] DI, input [3:0] S
);
endmodule
`endif
`endif
`endif
`endif
"""
"""What the modules begin with that name cells of Xilinx devices: once in a design."""

ADD_THREE_MODULE = (
    XILINX_CELLS
    + """\
// left +- middle +- right modulo 2**WIDTH, in one carry chain; MIDDLE_SIGN 0: middle is added.
module sterna_add_three #(
    parameter WIDTH = 1,
    parameter MIDDLE_WIDTH = 1,
    parameter MIDDLE_SIGN = 1
) (
    input  wire [WIDTH-1:0]        left,
    input  wire [MIDDLE_WIDTH-1:0] middle,
    input  wire [WIDTH-1:0]        right,
    input  wire                    subtract_middle,
    input  wire                    subtract_right,
    output wire [WIDTH-1:0]        result
);
`ifdef STERNA_XILINX_CELLS
    genvar n;
    // The middle operand, inverted to subtract it: two bits a table.
    localparam PAIRS = (MIDDLE_WIDTH + 1) / 2;
    wire [2*PAIRS-1:0] padded = {{(2*PAIRS-MIDDLE_WIDTH){1'b0}}, middle};
    wire [2*PAIRS-1:0] turned;
    generate
        if (MIDDLE_SIGN != 0) begin : signs
            for (n = 0; n < PAIRS; n = n + 1) begin : pairs
                LUT6_2 #(.INIT(64'h3C3C3C3C_5A5A5A5A)) invert (
                    .I0(padded[2*n]), .I1(padded[2*n+1]), .I2(subtract_middle),
                    .I3(1'b0), .I4(1'b0), .I5(1'b1), .O5(turned[2*n]), .O6(turned[2*n+1])
                );
            end
        end else begin : no_signs
            assign turned = padded;
        end
    endgenerate
    wire [WIDTH-1:0] second = {
        {(WIDTH-MIDDLE_WIDTH){turned[MIDDLE_WIDTH-1]}}, turned[MIDDLE_WIDTH-1:0]
    };
    // O6: left ^ second ^ right ^ subtract_right ^ below. O5: the majority of the first three, the
    // third one inverted to subtract it.
    localparam CELLS = (WIDTH + 4) / 4;
    wire [WIDTH:0] below;
    wire [WIDTH-1:0] half;
    assign below[0] = (MIDDLE_SIGN != 0) & subtract_middle;
    generate
        for (n = 0; n < WIDTH; n = n + 1) begin : bits
            LUT6_2 #(.INIT(64'h96696996_8EE88EE8)) reduce (
                .I0(left[n]), .I1(second[n]), .I2(right[n]), .I3(subtract_right), .I4(below[n]),
                .I5(1'b1), .O5(below[n+1]), .O6(half[n])
            );
        end
    endgenerate
    // The lowest position lets the other carry in.
    wire [4*CELLS-1:0] same = {{(4*CELLS-WIDTH-1){1'b0}}, half, 1'b0};
    wire [4*CELLS-1:0] carried = {{(4*CELLS-WIDTH-1){1'b0}}, below[WIDTH-1:0], subtract_right};
    wire [4*CELLS-1:0] carries, sums;
    generate
        for (n = 0; n < CELLS; n = n + 1) begin : chain
            wire carry_in;
            if (n == 0) begin : first
                assign carry_in = 1'b0;
            end else begin : next
                assign carry_in = carries[4*n-1];
            end
            CARRY4 cell_of_four (
                .CI(carry_in), .CYINIT(1'b0), .DI(carried[4*n +: 4]), .S(same[4*n +: 4]),
                .O(sums[4*n +: 4]), .CO(carries[4*n +: 4])
            );
        end
    endgenerate
    assign result = sums[WIDTH:1];
`else
    wire [WIDTH-1:0] second = {
        {(WIDTH-MIDDLE_WIDTH){middle[MIDDLE_WIDTH-1]}}, middle
    };
    wire minus = (MIDDLE_SIGN != 0) & subtract_middle;
    assign result = left + (minus ? -second : second) + (subtract_right ? -right : right);
`endif
endmodule
"""
)


def add_three_luts(width: int, signed_middle: int = 0) -> int:
    """Look-up tables of a sum of ``width`` bits, of whose middle operand ``signed_middle`` bits
    come with a sign (0: it has none)."""
    return width + -(-signed_middle // 2)


def add_three(
    m: Module,
    platform: object,
    left: Value,
    middle: Value,
    right: Value,
    subtract_middle: Value | None,
    subtract_right: Value | None,
    width: int,
) -> Value:
    """``left ± middle ± right`` as ``width`` bits, signed; without a sign an operand is added.

    Operands are extended by their own signs or cut to ``width``; the result is exact if it fits.
    The narrower one of two that have signs makes the cheaper ``middle``.
    """
    needed = len(middle) + (not middle.shape().signed)
    first, third = Signal(signed(width)), Signal(signed(width))
    second = Signal(signed(min(width, needed)))
    result = Signal(signed(width))
    minus_second, minus_third = Signal(), Signal()
    m.d.comb += [first.eq(left), second.eq(middle), third.eq(right)]
    if subtract_middle is not None:
        m.d.comb += minus_second.eq(subtract_middle)
    if subtract_right is not None:
        m.d.comb += minus_third.eq(subtract_right)
    if isinstance(platform, VerilogPlatform):
        platform.files["sterna_add_three.v"] = ADD_THREE_MODULE
        m.submodules += Instance(
            "sterna_add_three",
            p_WIDTH=width,
            p_MIDDLE_WIDTH=len(second),
            p_MIDDLE_SIGN=int(subtract_middle is not None),
            i_left=first,
            i_middle=second,
            i_right=third,
            i_subtract_middle=minus_second,
            i_subtract_right=minus_third,
            o_result=result,
        )
    else:
        turned = [Mux(minus_second, -second, second), Mux(minus_third, -third, third)]
        m.d.comb += result.eq(first + turned[0] + turned[1])
    return result
