// Takes beats from a stream in the cycles that a row allows, and checks the rules of streams.
//
// FOLDER/run<N>/NAME.row holds one character per clock cycle: 1 where this end is ready (and, with
// `waits`, valid is high too). NAME.expect holds how many beats are expected
// and whether more may follow. Every transfer goes to
// NAME.given as its cycle in decimal and its payload in hexadecimal; broken rules go to
// NAME.faults. Each cycle of reset starts everything over but the list of faults.
module bench_sink #(
    parameter NAME = "o",
    parameter WIDTH = 8
) (
    input wire clk,
    input wire rst,
    input wire [31:0] run,
    input wire [31:0] cycle,
    input wire waits,
    input wire done,
    input wire valid,
    output wire ready,
    input wire [WIDTH-1:0] payload,
    output wire finished
);
    string folder, path;
    integer row = 0, log = 0, faults = 0, expect_file, status, letter;
    integer expected, endless, given = 0;
    reg may_take = 0, is_held = 0;
    reg [WIDTH-1:0] held;

    assign ready = may_take && (valid || !waits);
    assign finished = given >= expected;

    initial if (!$value$plusargs("folder=%s", folder)) folder = ".";

    // The row starts again at its end.
    task automatic next_letter;
        letter = $fgetc(row);
        if (letter < 0) begin
            status = $rewind(row);
            letter = $fgetc(row);
        end
    endtask

    always @(posedge clk) begin
        if (rst) begin
            if (row != 0) begin
                $fclose(row);
                $fclose(log);
                $fclose(faults);
            end
            path = $sformatf("%s/run%0d/%s", folder, run, NAME);
            row = $fopen({path, ".row"}, "r");
            log = $fopen({path, ".given"}, "w");
            faults = $fopen({path, ".faults"}, "a");
            expect_file = $fopen({path, ".expect"}, "r");
            status = $fscanf(expect_file, "%d %d", expected, endless);
            $fclose(expect_file);
            given <= 0;
            is_held <= 0;
        end else begin
            if (is_held && !valid)
                $fwrite(faults, "Cycle %0d: %s took back a beat before it was taken\n", cycle, NAME);
            else if (is_held && payload !== held)
                $fwrite(faults, "Cycle %0d: %s changed its beat from 0x%0h to 0x%0h\n",
                        cycle, NAME, held, payload);
            is_held <= valid && !ready;
            held <= payload;
            if (valid && ready) begin
                if (done && given >= expected && endless == 0)
                    $fwrite(faults, "Cycle %0d: %s gave beat 0x%0h that nobody expected\n",
                            cycle, NAME, payload);
                else $fwrite(log, "%0d %0h\n", cycle, payload);
                given <= given + 1;
            end
        end
        next_letter();
        may_take <= letter == "1";
        if (done) begin
            $fflush(log);
            $fflush(faults);
        end
    end
endmodule
