"""The sum of three operands with fixed signs, in one carry chain of Xilinx devices.

As in `add_three`, one table with two outputs and one position of the carry chain add three bits;
since the signs never change, inverting an operand is part of the tables' contents and costs
nothing. The one that two's complement adds to an inverted operand enters as the majority below bit
0, the two for two such operands as a carry into bit 1. So a sum of ``width`` bits is ``width``
tables, where two adders one after the other take two a bit. At least one operand must be positive.

Yosys does not find this in ``a + b + c``, so the Verilog module ``sterna_add_fixed`` names LUT6_2
and CARRY4 where it is synthesised, unless for ECP5, and says the same in plain Verilog elsewhere.
Combinational; a simulation in Amaranth uses the plain form.
"""

from __future__ import annotations

from amaranth.hdl import Instance, Module, Signal, Value, signed

from .add_three import XILINX_CELLS
from .verilog import VerilogPlatform

__all__ = ["ADD_FIXED_MODULE", "add_fixed"]

ADD_FIXED_MODULE = (
    XILINX_CELLS
    + """\
// first +- second +- third modulo 2**WIDTH, in one carry chain.
module sterna_add_fixed #(
    parameter WIDTH = 1,
    parameter SECOND_NEGATIVE = 0,
    parameter THIRD_NEGATIVE = 0
) (
    input  wire [WIDTH-1:0] first,
    input  wire [WIDTH-1:0] second,
    input  wire [WIDTH-1:0] third,
    output wire [WIDTH-1:0] result
);
`ifdef STERNA_XILINX_CELLS
    // O5: the majority of the three bits, O6: their sum modulo two with the majority below, each
    // with the negative operands inverted.
    localparam [31:0] SUM =
        SECOND_NEGATIVE != THIRD_NEGATIVE ? 32'h96966969 : 32'h69699696;
    localparam [7:0] MAJORITY =
        SECOND_NEGATIVE ? (THIRD_NEGATIVE ? 8'h2B : 8'hB2) : (THIRD_NEGATIVE ? 8'h8E : 8'hE8);
    // Two inverted operands need two ones: they are a carry into bit 1, and bit 0 has no carry.
    localparam START = SECOND_NEGATIVE != 0 && THIRD_NEGATIVE != 0 ? 1 : 0;
    localparam CELLS = WIDTH > START ? (WIDTH - START + 3) / 4 : 1;
    wire [WIDTH:0] below;
    wire [4*CELLS:0] half, carried, sums;
    wire [4*CELLS-1:0] carries;
    assign below[0] = START == 0 && (SECOND_NEGATIVE != 0 || THIRD_NEGATIVE != 0);
    genvar n;
    generate
        for (n = 0; n < 4 * CELLS + 1; n = n + 1) begin : bits
            if (n < WIDTH) begin : table_of_bit
                LUT6_2 #(.INIT({SUM, {4{MAJORITY}}})) reduce (
                    .I0(first[n]), .I1(second[n]), .I2(third[n]), .I3(1'b0), .I4(below[n]),
                    .I5(1'b1), .O5(below[n+1]), .O6(half[n])
                );
                assign carried[n] = below[n];
            end else begin : beyond
                assign half[n] = 1'b0;
                assign carried[n] = 1'b0;
            end
        end
        for (n = 0; n < CELLS; n = n + 1) begin : chain
            wire carry_in, carry_start;
            if (n == 0) begin : first_cell
                assign carry_in = 1'b0;
                assign carry_start = START != 0;
            end else begin : next_cell
                assign carry_in = carries[4*n-1];
                assign carry_start = 1'b0;
            end
            CARRY4 cell_of_four (
                .CI(carry_in), .CYINIT(carry_start), .DI(carried[START + 4*n +: 4]),
                .S(half[START + 4*n +: 4]), .O(sums[START + 4*n +: 4]), .CO(carries[4*n +: 4])
            );
        end
        if (START != 0) begin : no_carry
            assign sums[0] = half[0];
        end else begin : unused
            assign sums[4*CELLS] = 1'b0;
        end
    endgenerate
    assign result = sums[WIDTH-1:0];
`else
    assign result = first + (SECOND_NEGATIVE != 0 ? -second : second)
        + (THIRD_NEGATIVE != 0 ? -third : third);
`endif
endmodule
"""
)


def add_fixed(
    m: Module,
    platform: object,
    operands: tuple[Value, Value, Value],
    negative: tuple[bool, bool],
    width: int,
) -> Value:
    """``first ± second ± third`` as ``width`` bits, signed; ``negative`` of the second and third.

    Operands are extended by their own signs or cut to ``width``; the result is exact if it fits.
    """
    extended = [Signal(signed(width)) for _ in operands]
    m.d.comb += [bits.eq(operand) for bits, operand in zip(extended, operands)]
    first, second, third = extended
    result = Signal(signed(width))
    if isinstance(platform, VerilogPlatform):
        platform.files["sterna_add_fixed.v"] = ADD_FIXED_MODULE
        m.submodules += Instance(
            "sterna_add_fixed",
            p_WIDTH=width,
            p_SECOND_NEGATIVE=int(negative[0]),
            p_THIRD_NEGATIVE=int(negative[1]),
            i_first=first,
            i_second=second,
            i_third=third,
            o_result=result,
        )
    else:
        total = first - second if negative[0] else first + second
        m.d.comb += result.eq(total - third if negative[1] else total + third)
    return result
