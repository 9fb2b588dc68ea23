"""A decoder on a board behind a serial port: a token engine, and text from it.

The driver is the one of all boards, its bus the serial port; memory is on the chip, and its image
came with the bitstream. A text that is chosen greedily takes two runs, one to the first token and
one for all others, so that the board's own counter tells the cycles of both; tokens of the second
come as the board makes them. When tokens are drawn each takes a run of its own, and the host's
choice is the prompt of the next. Cycles are the accelerator's: time on the line is not in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from sterna.decoder.engine import Answer, continue_text
from sterna.decoder.sampling import Sampler
from sterna.driver import DecoderDriver, DecoderRun, DriverError, SerialBus, read_record, run

__all__ = ["BoardDecoder", "generate_on_board"]

Take = Callable[[int, int | None], None]
"""Gets a token and the cycles it took, or none where only their sum is known."""


class BoardDecoder:
    """A token engine (`sterna.decoder.engine.TokenEngine`) at a port.

    Parameters
    ----------
    directory : path
        A decoder's build folder, made with ``--board``.
    port : :class:`str`
        The serial port's name.
    timeout : :class:`float`
        Seconds to wait for an answer.

    Raises
    ------
    ValueError
        If the folder is no decoder built for a board.
    OSError
        If the port does not open, or the board does not answer as it should.
    DriverError
        If another design answers.
    """

    def __init__(self, directory: Path, port: str, timeout: float = 5.0) -> None:
        record = read_record(directory)
        if record["kind"] != "decoder":
            raise ValueError(f"Design to generate text must be a decoder, not {record['model']}")
        self.bus = SerialBus.open(port, record, timeout)
        facts = json.loads((directory / "board" / "board.json").read_text())
        self.clock_mhz: float = facts["clock_mhz"]
        self.driver = DecoderDriver(record)
        self.bus.reset()
        run(self.bus, self.driver.identify())
        self.context: int = run(self.bus, self.driver.registers.read("context"))
        self.position = 0

    def run_whole(
        self,
        tokens: Sequence[int],
        count: int,
        stop: int | None = None,
        on_token: Callable[[int], None] | None = None,
    ) -> DecoderRun:
        """Append tokens and make ``count`` more; those are not appended yet.

        Raises
        ------
        DriverError
            If the accelerator reports an error.
        """
        steps = self.driver.run(tokens, count, self.position, stop, on_token)
        made = run(self.bus, steps)
        if made.errors:
            raise DriverError(f"The accelerator reports {', '.join(made.errors)}")
        self.position = made.position
        return made

    def run(self, tokens: Sequence[int]) -> Answer:
        """Append tokens; the candidates after the last."""
        made = self.run_whole(tokens, 1)
        return Answer(tuple(made.best), made.scale, made.counters["busy_cycles"])


def generate_on_board(
    decoder: BoardDecoder,
    prompt: Sequence[int],
    count: int,
    sampler: Sampler,
    stop: int | None,
    take: Take,
) -> float | None:
    """Up to ``count`` tokens behind a prompt, each handed to ``take`` as it comes. Gives the cycles
    of a token after the first, in the mean; none if there is no such token."""
    if not sampler.is_greedy:
        cycles = []
        for token, answer in continue_text(decoder, prompt, count, sampler, stop):
            cycles.append(answer.cycles or 0)
            take(token, answer.cycles)
        return sum(cycles[1:]) / len(cycles[1:]) if len(cycles) > 1 else None
    first = decoder.run_whole(prompt, 1)
    (token,) = first.tokens
    take(token, first.counters["busy_cycles"])
    if count == 1 or token == stop:
        return None
    rest = decoder.run_whole([token], count - 1, stop, lambda token: take(token, None))
    return rest.counters["busy_cycles"] / len(rest.tokens)
