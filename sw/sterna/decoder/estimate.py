"""How many cycles a run takes: the program, instruction by instruction, with the units' own cycles.

The estimate walks through the same program as the hardware. A fetcher runs ahead and asks for
transfers (`transfer_sequence`), memory brings words (`memory_stream`), and an executor gives
commands (`executor_walk`); each command ends as many cycles later as its unit's configuration says,
or later if its words came late or another unit's results did. What is known of a part is asked of
that part; the estimate adds how they wait for each other. It is not exact (look-ups of large
matrices are followed in groups, ports in step) but within 1 % of simulation under an ideal or a
capped memory, which tests hold it to.

`DecoderEstimate.run` is a host's run: passes of a prompt, then tokens. It says when each pass and
each of its instructions ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from sterna_hw.decoder.decoder_core import DecoderCoreConfig

from .assembler import disassemble
from .executor_walk import ExecutorWalk
from .memory_timing import MemoryTiming
from .run_times import InstructionTimes, PassTimes, RunTimes
from .transfer_sequence import Pass, RunSchedule

__all__ = ["DecoderEstimate", "InstructionTimes", "MemoryTiming", "PassTimes", "RunTimes"]


class DecoderEstimate:
    """Cycles of one accelerator with one memory.

    Parameters
    ----------
    core : :class:`DecoderCoreConfig`
        With the program that it runs.
    memory : :class:`MemoryTiming`
    """

    def __init__(self, core: DecoderCoreConfig, memory: MemoryTiming) -> None:
        self.core, self.memory = core, memory
        self.program = disassemble(core.program)

    def run(
        self, prompt: int, generate: int = 1, position: int = 0, tokens: Sequence[int] = ()
    ) -> RunTimes:
        """A prompt of so many tokens at a position, then so many tokens drawn; which ones makes a
        small difference, and may be told as far as it is known.

        Time 0 is the first cycle in which the run control is at work; a pass ends with its last
        instruction.

        Raises
        ------
        ValueError
            If the prompt is empty, a number is negative, or the positions do not fit the context.
        """
        if prompt < 1:
            raise ValueError(f"Tokens of a prompt must be 1 or more, not {prompt!r}")
        for subject, number in (("Tokens to generate", generate), ("Position", position)):
            if number < 0:
                raise ValueError(f"{subject} must be 0 or more, not {number!r}")
        end = position + prompt + max(generate - 1, 0)
        if end > self.core.context:
            raise ValueError(
                f"Positions must end within the context of {self.core.context}, not at {end}"
            )
        passes = _passes(self.core.lanes, prompt, generate, position)
        schedule = RunSchedule(self.core.lanes, passes, prompt, tokens)
        return ExecutorWalk(self.core, self.program, self.memory, schedule).run()

    def decode(self, position: int) -> PassTimes:
        """A single token at a position, with memory that has nothing ahead."""
        return self.run(1, 1, position).passes[0]


def _passes(lanes: int, prompt: int, generate: int, position: int) -> list[Pass]:
    found = []
    for first in range(0, prompt, lanes):
        count = min(lanes, prompt - first)
        found.append(Pass(position + first, count, generate > 0 and first + count == prompt))
    found += [Pass(position + prompt + drawn, 1, True) for drawn in range(generate - 1)]
    return found
