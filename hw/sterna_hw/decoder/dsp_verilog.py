"""The hand-written Verilog of `dsp_sums`: DSP48E2 blocks for synthesis, plain Verilog elsewhere.

Operations of the block (UG579): with W, X, Y, Z chosen by OPMODE, ALUMODE 0000 gives Z + W + X + Y,
0011 gives Z - (W + X + Y), 0001 gives -Z + (W + X + Y) - 1. X is A:B, W or Z is C, W may be the
constant RND, Z may be the neighbour's result.
"""

from __future__ import annotations

__all__ = ["DSP_SUMS_FILES"]

_DSP_ADDER = """\
`ifdef SYNTHESIS
`ifdef YOSYS
(* blackbox *)
module DSP48E2 #(
    parameter AREG = 1, BREG = 1, CREG = 1, ACASCREG = 1, BCASCREG = 1, ADREG = 1, DREG = 1,
    parameter MREG = 1, PREG = 1, ALUMODEREG = 1, OPMODEREG = 1, INMODEREG = 1, CARRYINREG = 1,
    parameter CARRYINSELREG = 1, AMULTSEL = "A", BMULTSEL = "B", USE_MULT = "MULTIPLY",
    parameter USE_SIMD = "ONE48", parameter [47:0] RND = 0
) (
    input [29:0] A, input [17:0] B, input [47:0] C, input [26:0] D,
    input [29:0] ACIN, input [17:0] BCIN, input [47:0] PCIN, input CARRYCASCIN, MULTSIGNIN,
    input [3:0] ALUMODE, input [8:0] OPMODE, input [4:0] INMODE, input [2:0] CARRYINSEL,
    input CARRYIN, CLK, CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED,
    input CEINMODE, CEM, CEP, RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD,
    input RSTINMODE, RSTM, RSTP, output [47:0] P, PCOUT
);
endmodule
`endif
// One block that adds words: A:B through STAGES registers, C through one, result registered.
module sterna_dsp_adder #(
    parameter FIELDS = "FOUR12", parameter STAGES = 1, parameter [47:0] ONES = 0
) (
    input  wire        clk,
    input  wire [47:0] ab,
    input  wire [47:0] c,
    input  wire        clear_c,
    input  wire        clear_result,
    input  wire [8:0]  operation,
    input  wire [3:0]  signs,
    input  wire [47:0] cascade_in,
    output wire [47:0] cascade_out,
    output wire [47:0] result
);
    DSP48E2 #(
        .AREG(STAGES), .BREG(STAGES), .ACASCREG(STAGES), .BCASCREG(STAGES), .CREG(1),
        .ADREG(0), .DREG(0), .MREG(0), .PREG(1), .ALUMODEREG(1), .OPMODEREG(1),
        .INMODEREG(0), .CARRYINREG(0), .CARRYINSELREG(0), .AMULTSEL("A"), .BMULTSEL("B"),
        .USE_MULT("NONE"), .USE_SIMD(FIELDS), .RND(ONES)
    ) block (
        .A(ab[47:18]), .B(ab[17:0]), .C(c), .D(27'd0), .ACIN(30'd0), .BCIN(18'd0),
        .PCIN(cascade_in), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0), .ALUMODE(signs),
        .OPMODE(operation), .INMODE(5'd0), .CARRYINSEL(3'd0), .CARRYIN(1'b0), .CLK(clk),
        .CEA1(1'b1), .CEA2(1'b1), .CEAD(1'b0), .CEALUMODE(1'b1), .CEB1(1'b1), .CEB2(1'b1),
        .CEC(1'b1), .CECARRYIN(1'b0), .CECTRL(1'b1), .CED(1'b0), .CEINMODE(1'b0), .CEM(1'b0),
        .CEP(1'b1), .RSTA(1'b0), .RSTALLCARRYIN(1'b0), .RSTALUMODE(1'b0), .RSTB(1'b0),
        .RSTC(clear_c), .RSTCTRL(1'b0), .RSTD(1'b0), .RSTINMODE(1'b0), .RSTM(1'b0),
        .RSTP(clear_result), .P(result), .PCOUT(cascade_out)
    );
endmodule
`endif
"""

_LEAF_CHAIN = """\
// Sums TERMS words of four 12-bit fields with their signs; see dsp_sums.py for when they come.
module sterna_leaf_chain #(
    parameter TERMS = 2
) (
    input  wire                clk,
    input  wire [48*TERMS-1:0] words,
    input  wire [TERMS-1:0]    negative,
    output wire [47:0]         sum
);
    genvar k;
`ifdef SYNTHESIS
    wire [48*TERMS-1:0] results, cascades;
    wire both = negative[0] & negative[1];
    // C + AB, C - AB, -C + AB - 1 + 1, 0 - (C + AB).
    sterna_dsp_adder #(.FIELDS("FOUR12"), .STAGES(1), .ONES({4{12'd1}})) first (
        .clk(clk), .ab(words[48 +: 48]), .c(words[0 +: 48]), .clear_c(1'b0), .clear_result(1'b0),
        .operation({negative[0], both, 1'b0, ~both, ~both, 2'b00, 2'b11}),
        .signs({2'b00, negative[1], negative[0] | negative[1]}), .cascade_in(48'd0),
        .cascade_out(cascades[48 +: 48]), .result(results[48 +: 48])
    );
    generate
        for (k = 2; k < TERMS; k = k + 1) begin : further
            sterna_dsp_adder #(.FIELDS("FOUR12"), .STAGES(2)) next (
                .clk(clk), .ab(words[48*k +: 48]), .c(48'd0), .clear_c(1'b0),
                .clear_result(1'b0), .operation(9'b00_001_00_11), .signs({2'b00, {2{negative[k]}}}),
                .cascade_in(cascades[48*(k-1) +: 48]), .cascade_out(cascades[48*k +: 48]),
                .result(results[48*k +: 48])
            );
        end
    endgenerate
    assign sum = results[48*(TERMS-1) +: 48];
`else
    wire [48*TERMS-1:0] results;
    reg [48*TERMS-1:0] once, twice;
    reg [TERMS-1:0] minus;
    always @(posedge clk) begin
        once <= words;
        twice <= once;
        minus <= negative;
    end
    genvar f;
    generate
        for (k = 1; k < TERMS; k = k + 1) begin : terms
            for (f = 0; f < 4; f = f + 1) begin : fields
                wire [11:0] left, right;
                if (k == 1) begin : first
                    assign left = minus[0] ? -once[12*f +: 12] : once[12*f +: 12];
                    assign right = once[48 + 12*f +: 12];
                end else begin : next
                    assign left = results[48*(k-1) + 12*f +: 12];
                    assign right = twice[48*k + 12*f +: 12];
                end
                reg [11:0] field;
                always @(posedge clk) field <= minus[k] ? left - right : left + right;
                assign results[48*k + 12*f +: 12] = field;
            end
        end
    endgenerate
    assign results[47:0] = 48'd0;
    assign sum = results[48*(TERMS-1) +: 48];
`endif
endmodule
"""

_TOTAL_CHAIN = """\
// Adds TERMS words (1 to 3) of two 24-bit fields to the previous totals; see dsp_sums.py.
module sterna_total_chain #(
    parameter TERMS = 1
) (
    input  wire                clk,
    input  wire [48*TERMS-1:0] words,
    input  wire [47:0]         previous,
    input  wire                clear,
    output wire [47:0]         total
);
    // Without a third word nothing but zero stands on its port.
    wire [143:0] padded = {{(144-48*TERMS){1'b0}}, words};
`ifdef SYNTHESIS
    wire [47:0] cascade, unused_result, unused_cascade;
    generate
        if (TERMS == 1) begin : single
            assign cascade = 48'd0;
            sterna_dsp_adder #(.FIELDS("TWO24"), .STAGES(1)) last (
                .clk(clk), .ab(padded[0 +: 48]), .c(previous), .clear_c(clear),
                .clear_result(1'b0), .operation(9'b00_011_00_11), .signs(4'd0), .cascade_in(48'd0),
                .cascade_out(unused_cascade), .result(total)
            );
        end else begin : double
            sterna_dsp_adder #(.FIELDS("TWO24"), .STAGES(1)) first (
                .clk(clk), .ab(padded[0 +: 48]), .c(padded[48 +: 48]), .clear_c(1'b0),
                .clear_result(1'b0), .operation(9'b00_011_00_11), .signs(4'd0), .cascade_in(48'd0),
                .cascade_out(cascade), .result(unused_result)
            );
            sterna_dsp_adder #(.FIELDS("TWO24"), .STAGES(2)) last (
                .clk(clk), .ab(padded[96 +: 48]), .c(previous), .clear_c(clear),
                .clear_result(1'b0), .operation(9'b11_001_00_11), .signs(4'd0),
                .cascade_in(cascade), .cascade_out(unused_cascade), .result(total)
            );
        end
    endgenerate
`else
    reg [143:0] once;
    reg [47:0] third, kept;
    always @(posedge clk) begin
        once <= padded;
        third <= once[96 +: 48];
        kept <= clear ? 48'd0 : previous;
    end
    genvar f;
    generate
        for (f = 0; f < 2; f = f + 1) begin : fields
            reg [23:0] partial, field;
            always @(posedge clk) partial <= once[24*f +: 24] + once[48 + 24*f +: 24];
            if (TERMS == 1) begin : single
                always @(posedge clk) field <= once[24*f +: 24] + kept[24*f +: 24];
            end else begin : double
                always @(posedge clk)
                    field <= partial + third[24*f +: 24] + kept[24*f +: 24];
            end
            assign total[24*f +: 24] = field;
        end
    endgenerate
`endif
endmodule
"""

_RUNNING_SUM = """\
// Adds or subtracts a word of four 12-bit fields in every cycle; see dsp_sums.py.
module sterna_running_sum (
    input  wire        clk,
    input  wire [47:0] word,
    input  wire        negative,
    input  wire        clear,
    output wire [47:0] sum
);
`ifdef SYNTHESIS
    wire [47:0] unused_cascade;
    sterna_dsp_adder #(.FIELDS("FOUR12"), .STAGES(1)) block (
        .clk(clk), .ab(word), .c(48'd0), .clear_c(1'b0), .clear_result(clear),
        .operation(9'b00_010_00_11), .signs({2'b00, {2{negative}}}), .cascade_in(48'd0),
        .cascade_out(unused_cascade), .result(sum)
    );
`else
    reg [47:0] once;
    reg minus;
    always @(posedge clk) begin
        once <= word;
        minus <= negative;
    end
    genvar f;
    generate
        for (f = 0; f < 4; f = f + 1) begin : fields
            reg [11:0] field;
            wire [11:0] part = once[12*f +: 12];
            always @(posedge clk)
                field <= clear ? 12'd0 : minus ? field - part : field + part;
            assign sum[12*f +: 12] = field;
        end
    endgenerate
`endif
endmodule
"""

DSP_SUMS_FILES = {
    "sterna_dsp_adder.v": _DSP_ADDER,
    "sterna_leaf_chain.v": _LEAF_CHAIN,
    "sterna_total_chain.v": _TOTAL_CHAIN,
    "sterna_running_sum.v": _RUNNING_SUM,
}
"""By file name: one module each; the first one is empty but for synthesis."""
