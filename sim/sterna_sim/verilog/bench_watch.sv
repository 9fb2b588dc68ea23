// Writes down every beat that passes a stream inside the design: cycle in decimal and payload in
// hexadecimal, one line each, in FOLDER/run<N>/NAME.given. It drives nothing. Each cycle of reset
// starts the file over.
module bench_watch #(
    parameter NAME = "stream",
    parameter WIDTH = 8
) (
    input wire clk,
    input wire rst,
    input wire [31:0] run,
    input wire [31:0] cycle,
    input wire done,
    input wire valid,
    input wire ready,
    input wire [WIDTH-1:0] payload
);
    string folder;
    integer log = 0;

    initial if (!$value$plusargs("folder=%s", folder)) folder = ".";

    always @(posedge clk) begin
        if (rst) begin
            if (log != 0) $fclose(log);
            log = $fopen($sformatf("%s/run%0d/%s.given", folder, run, NAME), "w");
        end else if (valid && ready) $fwrite(log, "%0d %0h\n", cycle, payload);
        if (done) $fflush(log);
    end
endmodule
