"""`sterna generate`: text from a built decoder, by the golden model, its Verilog, or a board.

The prompt is text for a model that has characters, and otherwise token numbers with commas between
them. Tokens are handed on as they come. With the Verilog the accelerator itself goes on from token
to token when the choice is greedy; when tokens are drawn, the host draws from the best logits and
gives the choice back. So it is on a board; there all tokens are compared with the golden model's
in the end. A text ends at a stop token (the model's own end of text unless another is
given), after the tokens asked for, or with the context. What the hardware would reach is counted in
clock cycles, of the simulation or, for the golden model, of the analytic model, and told at the
device's clock, beside the share of the memory roofline: the bytes that a token must move, over what
the ports can move in these cycles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sterna.decoder.design import DecoderDesign
from sterna.decoder.engine import GoldenEngine, continue_text
from sterna.decoder.estimate import DecoderEstimate
from sterna.decoder.sampling import Sampler
from sterna_hw.base import find_device
from sterna_sim.decoder.rtl_decoder import RtlDecoder, RunResult

from .board_decoder import BoardDecoder, generate_on_board
from .generated import Generation
from .report_file import check_files, read_report

__all__ = ["ENGINES", "Generation", "generate", "read_tokens"]

ENGINES = ("golden", "rtl", "board")

Say = Callable[[str], None]


def read_tokens(design: DecoderDesign, prompt: str) -> list[int]:
    """Token numbers of a prompt.

    Raises
    ------
    ValueError
        If it has no token, one that the model does not know, or too many.
    """
    shape = design.model.shape
    characters = design.source.characters
    if characters is not None:
        tokens = characters.encode(prompt)
    else:
        try:
            tokens = [int(number) for number in prompt.replace(" ", "").split(",") if number]
        except ValueError:
            raise ValueError(
                f"Prompt must be token numbers with commas between them, not {prompt!r}: "
                "this model has no characters"
            ) from None
    if not tokens:
        raise ValueError("Prompt must have one token or more, not none")
    for token in tokens:
        if not 0 <= token < shape.vocabulary:
            raise ValueError(f"Token must be 0 to {shape.vocabulary - 1}, not {token}")
    if len(tokens) >= shape.context:
        raise ValueError(
            f"Prompt must be shorter than the context of {shape.context} tokens,"
            f" not {len(tokens)} long"
        )
    return tokens


def generate(
    directory: str | Path,
    prompt: str,
    count: int = 64,
    *,
    engine: str = "golden",
    port: str | None = None,
    sampler: Sampler | None = None,
    stop: str | None = None,
    say: Say = lambda text: None,
    tell: Say = lambda text: None,
) -> Generation:
    """Continue a prompt.

    Parameters
    ----------
    directory : path
        A decoder's build folder.
    prompt : :class:`str`
        Text, or token numbers.
    count : :class:`int`
        Tokens at most.
    engine : :class:`str`
        ``"golden"``, ``"rtl"`` or ``"board"``.
    port : :class:`str`, optional
        The serial port of the board.
    sampler : :class:`Sampler`, optional
        How tokens are chosen; greedily without it. One without ``top_k`` draws from all logits
        that the build shows.
    stop : :class:`str`, optional
        A token (one character, or a number) that ends the text; the model's end of text without
        it, if the model names one.
    say, tell : callables
        Get the text as it comes, and lines of progress.

    Raises
    ------
    ValueError
        If the folder, the prompt or an option is not usable.
    OSError, DriverError
        What `BoardDecoder` raises.
    """
    if engine not in ENGINES:
        raise ValueError(f"Engine must be {', '.join(ENGINES[:-1])} or board, not {engine!r}")
    if (engine == "board") != (port is not None):
        raise ValueError(
            f"Engine {engine} must {'have' if port is None else 'not have'} a serial port (--port)"
        )
    if count < 1:
        raise ValueError(f"Number of tokens must be 1 or more, not {count}")
    design = DecoderDesign(Path(directory))
    if engine == "rtl":
        check_files(design.directory, read_report(design.directory))
    sampler = _able(sampler or Sampler(), engine, design.hardware.best_count)
    tokens = read_tokens(design, prompt)
    shape = design.model.shape
    ending = shape.end_of_text if stop is None else _stop_token(design, stop)
    room = min(count, shape.context - len(tokens))
    result = Generation(clock_mhz=find_device(design.target).clock_mhz, wanted=count)

    def take(token: int, cycles: int | None = None) -> None:
        if result.first_cycles is None:
            result.first_cycles = cycles
        elif cycles is not None:
            result.cycles.append(cycles)
        result.tokens.append(token)
        text = _text_of(design, token)
        result.text += text
        say(text)

    began = time.monotonic()
    if port is not None:
        tell("Opening the board")
        board = BoardDecoder(design.directory, port)
        result.clock_mhz = board.clock_mhz
        result.token_cycles = generate_on_board(board, tokens, room, sampler, ending, take)
        result.source = "by the board's counter"
        result.seconds = time.monotonic() - began
        tell("Comparing with the golden model")
        # A sampler of its own, since this one has drawn already.
        result.expected = list(_golden(design, tokens, room, replace(sampler), ending))
    elif engine == "golden":
        for token in _golden(design, tokens, room, sampler, ending):
            take(token)
        result.seconds = time.monotonic() - began
        _estimate_speed(design, result, len(tokens))
    else:
        tell("Compiling the Verilog")
        with open_rtl(design) as decoder:
            tell("Simulating")
            for token, cycles in _rtl(decoder, tokens, room, sampler, ending):
                take(token, cycles)
        result.seconds = time.monotonic() - began
        if result.cycles:
            result.token_cycles = sum(result.cycles) / len(result.cycles)
            result.source = "by simulated cycles"
    if result.token_cycles and result.roofline is None:
        steps = len(result.tokens) - 1
        moved = sum(design.layout.token_bytes(len(tokens) + step) for step in range(steps))
        result.roofline = moved / (steps * result.token_cycles * design.layout.word_bytes)
    if len(result.tokens) == room < count and result.tokens[-1] != ending:
        result.context = shape.context
    return result


def _able(sampler: Sampler, engine: str, best: int) -> Sampler:
    """The sampler, told to draw from the ``best`` logits that the build shows if nobody says how
    many; refused if it cannot draw."""
    if sampler.is_greedy:
        return sampler
    if sampler.top_k is None:
        if best == 1:
            raise ValueError(
                "Temperature must be 0 for a build that shows one logit only, not"
                f" {sampler.temperature:g}: build it with --best 8, for example"
            )
        return replace(sampler, top_k=best)
    if engine != "golden" and sampler.top_k > best:
        raise ValueError(
            f"Top-k must be at most the {best} logits that this design gives, not {sampler.top_k}: "
            "build it with --best"
        )
    return sampler


def _estimate_speed(design: DecoderDesign, result: Generation, prompt: int) -> None:
    """Cycles of a token after the first by the analytic model: the mean of the first and the last,
    between which they grow evenly with the position."""
    steps = len(result.tokens) - 1
    if steps < 1:
        return
    positions = (prompt, prompt + steps - 1)
    core = design.hardware.core(design.model.shape)
    model = DecoderEstimate(core, design.hardware.memory_timing)
    # From the choice of the token before it to its own, as `sterna estimate` tells it.
    cycles = [model.run(1, 2, position - 1).passes[1].cycles for position in sorted(set(positions))]
    result.token_cycles = sum(cycles) / len(cycles)
    result.source = "estimated"
    moved = sum(map(design.layout.token_bytes, positions)) / 2
    result.roofline = moved / (result.token_cycles * design.layout.word_bytes)


def open_rtl(design: DecoderDesign, **options: object) -> RtlDecoder:
    """The design in simulation, with the memory image of its folder.

    Raises
    ------
    ValueError
        If the image is not the one that was built.
    """
    design.check_image()
    return RtlDecoder(
        design.config,
        design.files(),
        design.layout,
        design.image,
        head_constant=design.model.head_constant.real,
        **options,  # pyright: ignore[reportArgumentType]
    )


def _rtl(
    decoder: RtlDecoder, prompt: Sequence[int], count: int, sampler: Sampler, stop: int | None
) -> Iterator[tuple[int, int]]:
    """Tokens with the cycles that each took."""
    if not sampler.is_greedy:
        for token, answer in continue_text(decoder, prompt, count, sampler, stop):
            yield token, answer.cycles or 0
        return
    before = 0
    for item in decoder.produce(prompt, count, 0, stop):
        if isinstance(item, RunResult):
            if item.errors:
                raise ValueError(f"The accelerator reports {', '.join(item.errors)}")
            return
        yield item[0], item[1] - before
        before = item[1]


def _golden(
    design: DecoderDesign, prompt: Sequence[int], count: int, sampler: Sampler, stop: int | None
) -> Iterator[int]:
    golden = GoldenEngine(design.model, sampler.top_k or 1)
    for token, _ in continue_text(golden, prompt, count, sampler, stop):
        yield token


def _text_of(design: DecoderDesign, token: int) -> str:
    characters = design.source.characters
    return f"{token} " if characters is None else characters.decode([token])


def _stop_token(design: DecoderDesign, stop: str) -> int:
    characters, last = design.source.characters, design.model.shape.vocabulary - 1
    if characters is not None:
        if len(stop) != 1 or stop not in characters.characters:
            raise ValueError(f"Stop must be one character that the model knows, not {stop!r}")
        return characters.encode(stop)[0]
    if not stop.isdecimal() or int(stop) > last:
        raise ValueError(
            f"Stop must be a token number from 0 to {last}, not {stop!r}: this model has no"
            " characters"
        )
    return int(stop)
