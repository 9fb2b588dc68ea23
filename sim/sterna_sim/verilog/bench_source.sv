// Plays beats from a file into a stream, offering new ones only in the cycles that a row allows.
//
// FOLDER/run<N>/NAME.beats holds one beat per line in hexadecimal, NAME.row one character per clock
// cycle: 1 where a new beat may be put forward. Once offered, a beat is held until it is taken.
// While nothing is offered, the payload is random. Every transfer's cycle goes to NAME.taken, one
// decimal number a line. Each cycle of reset starts everything over.
module bench_source #(
    parameter NAME = "i",
    parameter WIDTH = 8
) (
    input wire clk,
    input wire rst,
    input wire [31:0] run,
    input wire [31:0] cycle,
    input wire done,
    output reg valid,
    input wire ready,
    output reg [WIDTH-1:0] payload,
    output reg finished
);
    string folder, path;
    integer beats = 0, row = 0, log = 0, status, letter;
    reg [WIDTH-1:0] next_beat;
    reg has_beat;

    initial begin
        valid = 0;
        finished = 0;
        if (!$value$plusargs("folder=%s", folder)) folder = ".";
    end

    // The row starts again at its end.
    task automatic next_letter;
        letter = $fgetc(row);
        if (letter < 0) begin
            status = $rewind(row);
            letter = $fgetc(row);
        end
    endtask

    task automatic fetch_beat;
        status = $fscanf(beats, "%h\n", next_beat);
        has_beat = status == 1;
    endtask

    function automatic [WIDTH-1:0] junk;
        for (int low = 0; low < WIDTH; low += 32) begin
            reg [31:0] word;
            word = $urandom;
            for (int bit_number = 0; bit_number < 32 && low + bit_number < WIDTH; bit_number++)
                junk[low + bit_number] = word[bit_number];
        end
    endfunction

    // One cycle ahead: what is decided here is seen by the part in the cycle that begins.
    task automatic decide;
        next_letter();
        if (letter == "1" && has_beat) begin
            valid <= 1;
            payload <= next_beat;
        end else begin
            valid <= 0;
            payload <= junk();
        end
    endtask

    always @(posedge clk) begin
        if (rst) begin
            if (beats != 0) begin
                $fclose(beats);
                $fclose(row);
                $fclose(log);
            end
            path = $sformatf("%s/run%0d/%s", folder, run, NAME);
            beats = $fopen({path, ".beats"}, "r");
            row = $fopen({path, ".row"}, "r");
            log = $fopen({path, ".taken"}, "w");
            fetch_beat();
            decide();
            finished <= !has_beat;
        end else if (valid && !ready) begin
            next_letter();
        end else begin
            if (valid) begin
                if (!done) $fwrite(log, "%0d\n", cycle);
                fetch_beat();
                finished <= !has_beat;
            end
            decide();
        end
        if (done) $fflush(log);
    end
endmodule
