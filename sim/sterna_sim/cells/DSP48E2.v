// A simulation model of the adder of the DSP48E2 block, written from AMD's user guide UG579.
// It covers what sterna_hw.decoder.dsp_verilog uses: no multiplier, no carries in or out, SIMD
// fields of 48, 24 or 12 bits, A:B with one or two registers, C, OPMODE, ALUMODE and P with one.
// A setting outside of that stops the simulation.
module DSP48E2 #(
    parameter AREG = 1, BREG = 1, CREG = 1, ACASCREG = 1, BCASCREG = 1, ADREG = 1, DREG = 1,
    parameter MREG = 1, PREG = 1, ALUMODEREG = 1, OPMODEREG = 1, INMODEREG = 1, CARRYINREG = 1,
    parameter CARRYINSELREG = 1, AMULTSEL = "A", BMULTSEL = "B", USE_MULT = "MULTIPLY",
    parameter USE_SIMD = "ONE48", parameter [47:0] RND = 48'd0
) (
    input [29:0] A, input [17:0] B, input [47:0] C, input [26:0] D,
    input [29:0] ACIN, input [17:0] BCIN, input [47:0] PCIN, input CARRYCASCIN, MULTSIGNIN,
    input [3:0] ALUMODE, input [8:0] OPMODE, input [4:0] INMODE, input [2:0] CARRYINSEL,
    input CARRYIN, CLK, CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2, CEC, CECARRYIN, CECTRL, CED,
    input CEINMODE, CEM, CEP, RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD,
    input RSTINMODE, RSTM, RSTP, output [47:0] P, PCOUT
);
    localparam FIELD = USE_SIMD == "FOUR12" ? 12 : USE_SIMD == "TWO24" ? 24 : 48;

    initial begin
        if (USE_MULT != "NONE" || MREG != 0 || CREG != 1 || PREG != 1 || ALUMODEREG != 1
            || OPMODEREG != 1 || AREG != BREG || (AREG != 1 && AREG != 2) || ACASCREG != AREG
            || BCASCREG != BREG) begin
            $display("DSP48E2: attributes outside of this model");
            $stop;
        end
    end

    reg [29:0] a1, a2;
    reg [17:0] b1, b2;
    reg [47:0] c, p;
    reg [8:0] opmode;
    reg [3:0] alumode;
    reg [47:0] w, x, y, z, sum;
    reg unknown;

    always @(posedge CLK) begin
        if (RSTA) {a1, a2} <= 60'd0;
        else begin
            if (CEA1) a1 <= A;
            if (CEA2) a2 <= AREG == 2 ? a1 : A;
        end
        if (RSTB) {b1, b2} <= 36'd0;
        else begin
            if (CEB1) b1 <= B;
            if (CEB2) b2 <= BREG == 2 ? b1 : B;
        end
        if (RSTC) c <= 48'd0; else if (CEC) c <= C;
        if (RSTCTRL) opmode <= 9'd0; else if (CECTRL) opmode <= OPMODE;
        if (RSTALUMODE) alumode <= 4'd0; else if (CEALUMODE) alumode <= ALUMODE;
        if (RSTP) p <= 48'd0; else if (CEP) p <= sum;
    end

    integer low;
    always @* begin
        unknown = CARRYIN | (CARRYINSEL != 3'd0) | CARRYCASCIN;
        case (opmode[1:0])
            2'b00: x = 48'd0;
            2'b10: x = p;
            2'b11: x = {a2, b2};
            default: begin x = 48'd0; unknown = 1'b1; end
        endcase
        case (opmode[3:2])
            2'b00: y = 48'd0;
            2'b10: y = {48{1'b1}};
            2'b11: y = c;
            default: begin y = 48'd0; unknown = 1'b1; end
        endcase
        case (opmode[6:4])
            3'b000: z = 48'd0;
            3'b001: z = PCIN;
            3'b010: z = p;
            3'b011: z = c;
            default: begin z = 48'd0; unknown = 1'b1; end
        endcase
        case (opmode[8:7])
            2'b00: w = 48'd0;
            2'b01: w = p;
            2'b10: w = RND;
            2'b11: w = c;
        endcase
        sum = 48'd0;
        for (low = 0; low < 48; low = low + FIELD)
            case (alumode)
                4'b0000:
                    sum[low +: FIELD] = z[low +: FIELD]
                        + (w[low +: FIELD] + x[low +: FIELD] + y[low +: FIELD]);
                4'b0011:
                    sum[low +: FIELD] = z[low +: FIELD]
                        - (w[low +: FIELD] + x[low +: FIELD] + y[low +: FIELD]);
                4'b0001:
                    sum[low +: FIELD] = ~z[low +: FIELD]
                        + (w[low +: FIELD] + x[low +: FIELD] + y[low +: FIELD]);
                4'b0010:
                    sum[low +: FIELD] = ~(z[low +: FIELD]
                        + (w[low +: FIELD] + x[low +: FIELD] + y[low +: FIELD]));
                default: unknown = 1'b1;
            endcase
    end

    // A setting is judged from the second edge on: registers start with anything.
    reg [1:0] edges = 2'd0;
    always @(posedge CLK) begin
        if (edges != 2'd3) edges <= edges + 2'd1;
        else if (unknown) begin
            $display("DSP48E2: operation outside of this model");
            $stop;
        end
    end

    assign P = p;
    assign PCOUT = p;
endmodule
