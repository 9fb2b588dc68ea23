"""An operator of your own: written once in Python, checked as hardware, written as Verilog."""

from pathlib import Path

import numpy as np

from sterna_hw.base import IntegerRange
from sterna_hw.kernel import HALF_EVEN, Integer, KernelConfig, clip, kernel, round_shift
from sterna_hw.verilog import emit
from sterna_sim.part_bench import run_part
from sterna_sim.payloads import frames_to_payloads, payloads_to_frames


@kernel
def hard_swish(x: Integer) -> Integer:
    """x * min(max(x + 3, 0), 6) / 6, where x has 5 fraction bits; 171 / 1024 stands for 1 / 6."""
    gate = clip(x + 96, 0, 192)
    return clip(round_shift(x * gate * 171, 15, HALF_EVEN), -128, 127)


config = KernelConfig(hard_swish, {"x": IntegerRange(-128, 127)}, elements=64, count=4)
frames = np.random.default_rng(0).integers(-128, 128, (5, 64))
beats = frames_to_payloads(frames, config.input_range, config.count)
run = run_part(config.create(), {"i": beats}, {"o": len(beats)})
given = payloads_to_frames(run.payloads(), config.output_range, config.count, 64)
print("equal:", np.array_equal(given, hard_swish(frames)))
print("first beat out after", run.cycles("o")[0] - run.cycles("i")[0], "cycles")
print("promised:", config.pipeline_latency + 1, "cycles, results in", config.output_range)
for name, text in emit(config.create(), "hard_swish").items():
    Path(name).write_text(text)
