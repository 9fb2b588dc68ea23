// Drives a plain input from a file: FOLDER/run<N>/NAME.control holds one value per clock cycle in
// hexadecimal; the last one stays. Each cycle of reset starts over.
module bench_control #(
    parameter NAME = "restart",
    parameter WIDTH = 1
) (
    input wire clk,
    input wire rst,
    input wire [31:0] run,
    output reg [WIDTH-1:0] value
);
    string folder, path;
    integer values = 0, status;
    reg [WIDTH-1:0] next_value;

    initial begin
        value = 0;
        if (!$value$plusargs("folder=%s", folder)) folder = ".";
    end

    always @(posedge clk) begin
        if (rst) begin
            if (values != 0) $fclose(values);
            path = $sformatf("%s/run%0d/%s.control", folder, run, NAME);
            values = $fopen(path, "r");
            value <= 0;
        end
        status = $fscanf(values, "%h\n", next_value);
        if (status == 1) value <= next_value;
    end
endmodule
