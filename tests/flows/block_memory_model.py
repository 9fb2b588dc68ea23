"""A model of ECP5's block memory in Verilog, for comparing netlists by simulation.

Written after the vendor's description of the memory and after the shape in which Yosys 0.70 fills
it: 2048 bytes of 9 bits, of which a row takes one, two or four, or a part of one. Modelled are a
write by port A, reads by both, the mode of 36 bits, in which port B reads over both halves of the
outputs, and the output registers, each enabled by its own side's output enable. Reads and writes of
one row in one cycle read what was there before; resets and chip selects must be inactive.
"""

from __future__ import annotations

__all__ = ["BLOCK_MEMORY"]


def _pins(name: str, count: int) -> list[str]:
    return [f"{name}{index}" for index in reversed(range(count))]


def _side(side: str) -> str:
    """Address, clock and read of one side; side A's address also serves its writes."""
    return f"""
    wire [13:0] address_{side} = {{{", ".join(_pins(f"AD{side}", 14))}}};
    wire clock_{side} = CLK{side} ^ (CLK{side}MUX == "INV");
    reg [35:0] row_{side} = 0, register_{side} = 0;
    wire [10:0] first_{side} = DATA_WIDTH_{side} == 36 ? {{address_{side}[13:5], 2'b0}}
        : DATA_WIDTH_{side} == 18 ? {{address_{side}[13:4], 1'b0}} : address_{side}[13:3];
    always @(posedge clock_{side}) begin
        if (RST{side} | CS{side}0 | CS{side}1 | CS{side}2) $fatal(1, "not modelled");
        if (CE{side})
            row_{side} <= {{bytes[first_{side} | 3], bytes[first_{side} | 2],
                bytes[first_{side} | 1], bytes[first_{side}]}}
                >> (DATA_WIDTH_{side} == 36 ? 0 : 9 * (first_{side} & 3 & ~11'd1))
                >> (DATA_WIDTH_{side} < 18 ? 9 * (first_{side} & 1) : 0)
                >> (DATA_WIDTH_{side} < 9 ? address_{side}[2:0] : 0);
    end
    """


_CONTENTS = [f"INITVAL_{number:02X}" for number in range(64)]
_INPUTS = [
    *(pin for side in "AB" for pin in [*_pins(f"DI{side}", 18), *_pins(f"AD{side}", 14)]),
    *(f"{name}{side}" for side in "AB" for name in ("CLK", "CE", "OCE", "WE", "RST")),
    *(f"CS{side}{index}" for side in "AB" for index in range(3)),
]
_OUTPUTS = [pin for side in "AB" for pin in _pins(f"DO{side}", 18)]
_LOAD = "\n".join(
    f"""        for (i = 0; i < 16; i = i + 1)
            {{bytes[{32 * number} + 2 * i + 1], bytes[{32 * number} + 2 * i]}}
                = {name}[20 * i +: 18];"""
    for number, name in enumerate(_CONTENTS)
)

BLOCK_MEMORY = f"""
module DP16KD(
    input {", ".join(_INPUTS)},
    output {", ".join(_OUTPUTS)});
    parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
    parameter [8*6-1:0] REGMODE_A = "NOREG", REGMODE_B = "NOREG";
    parameter [8*4-1:0] CLKAMUX = "CLKA", CLKBMUX = "CLKB";
    parameter GSR = "", RESETMODE = "", ASYNC_RESET_RELEASE = "", WRITEMODE_A = "",
        WRITEMODE_B = "", CSDECODE_A = "", CSDECODE_B = "";
    parameter [319:0] {" = 0, ".join(_CONTENTS)} = 0;

    reg [8:0] bytes [0:2047];
    integer i;
    initial begin
{_LOAD}
    end
    {_side("A")}
    {_side("B")}
    wire [35:0] written = {{{", ".join([*_pins("DIB", 18), *_pins("DIA", 18)])}}};
    wire [8:0] mask = ((9'd1 << DATA_WIDTH_A) - 9'd1) << address_A[2:0];
    always @(posedge clock_A) if (CEA & WEA) begin
        if (DATA_WIDTH_A >= 18) begin
            for (i = 0; i < DATA_WIDTH_A / 9; i = i + 1)
                if (address_A[i]) bytes[first_A | i] <= written[9 * i +: 9];
        end else if (DATA_WIDTH_A == 9) bytes[first_A] <= written[8:0];
        else bytes[first_A] <= bytes[first_A] & ~mask | (written[8:0] << address_A[2:0]) & mask;
    end
    always @(posedge clock_B) if (WEB) $fatal(1, "not modelled");

    // A wide memory's side A holds the low half of what side B reads.
    localparam WIDE = DATA_WIDTH_A == 36;
    wire [35:0] read_A = WIDE ? row_B : row_A;
    wire [35:0] read_B = WIDE & DATA_WIDTH_B == 36 ? row_B >> 18 : row_B;
    always @(posedge (WIDE ? clock_B : clock_A)) if (OCEA) register_A <= read_A;
    always @(posedge clock_B) if (OCEB) register_B <= read_B;
    assign {{{", ".join(_pins("DOA", 18))}}} =
        REGMODE_A == "OUTREG" ? register_A[17:0] : read_A[17:0];
    assign {{{", ".join(_pins("DOB", 18))}}} =
        REGMODE_B == "OUTREG" ? register_B[17:0] : read_B[17:0];
endmodule
"""
