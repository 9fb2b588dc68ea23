"""`sterna generate`: text from a built decoder, by the golden model or by its Verilog.

The prompt is text for a model that has characters, and otherwise token numbers with commas between
them. Tokens are handed on as they come. With the Verilog the accelerator itself goes on from token
to token when the choice is greedy; when tokens are drawn, the host draws from the best logits and
gives the choice back. What the hardware would reach is counted in clock cycles of the simulation
and told at the device's clock, beside the share of the memory roofline: the bytes that a token must
move, over what the ports can move in these cycles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sterna.decoder.design import DecoderDesign
from sterna.decoder.engine import GoldenEngine, continue_text
from sterna.decoder.sampling import Sampler
from sterna_hw.base import find_device
from sterna_sim.decoder.rtl_decoder import RtlDecoder, RunResult

__all__ = ["ENGINES", "Generation", "generate", "read_tokens"]

ENGINES = ("golden", "rtl")

Say = Callable[[str], None]


@dataclass
class Generation:
    """What was generated.

    ``cycles`` are those between the interrupts of successive tokens after the first (none for the
    golden model), ``first_cycles`` those up to the first token, ``seconds`` the time it took here,
    ``clock_mhz`` the clock that cycles are told at, ``roofline`` the mean share of what memory
    could have moved.
    """

    tokens: list[int] = field(default_factory=list)
    text: str = ""
    first_cycles: int | None = None
    cycles: list[int] = field(default_factory=list)
    seconds: float = 0.0
    clock_mhz: float = 0.0
    roofline: float | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """What the hardware reaches at its clock, after the first token."""
        if not self.cycles:
            return None
        return self.clock_mhz * 1e6 * len(self.cycles) / sum(self.cycles)


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
    directory: Path,
    prompt: str,
    count: int,
    *,
    engine: str = "golden",
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
        ``"golden"`` or ``"rtl"``.
    sampler : :class:`Sampler`, optional
        How tokens are chosen; greedily without it.
    stop : :class:`str`, optional
        A token (one character, or a number) that ends the text.
    say, tell : callables
        Get the text as it comes, and lines of progress.

    Raises
    ------
    ValueError
        If the folder, the prompt or an option is not usable.
    """
    if engine not in ENGINES:
        raise ValueError(f"Engine must be {' or '.join(ENGINES)}, not {engine!r}")
    if count < 1:
        raise ValueError(f"Number of tokens must be 1 or more, not {count}")
    design = DecoderDesign(Path(directory))
    sampler = sampler or Sampler()
    tokens = read_tokens(design, prompt)
    ending = None if stop is None else _stop_token(design, stop)
    best = design.config.core.best_count
    if engine == "rtl" and not sampler.is_greedy and sampler.top_k > best:
        raise ValueError(
            f"Top-k must be at most the {best} logits that this design gives, not {sampler.top_k}: "
            "build it with --best"
        )
    room = min(count, design.model.shape.context - len(tokens))
    result = Generation(clock_mhz=find_device(design.target).clock_mhz)
    began = time.monotonic()
    if engine == "golden":
        golden = GoldenEngine(design.model, max(sampler.top_k, 1))
        stream = continue_text(golden, tokens, room, sampler, ending)
        for token, _ in stream:
            _add(design, result, token, say)
    else:
        tell("Compiling the Verilog")
        with open_rtl(design) as decoder:
            tell("Simulating")
            for token, cycles in _rtl(decoder, tokens, room, sampler, ending):
                if result.first_cycles is None:
                    result.first_cycles = cycles
                else:
                    result.cycles.append(cycles)
                _add(design, result, token, say)
        result.roofline = _roofline(design, len(tokens), result.cycles)
    result.seconds = time.monotonic() - began
    return result


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


def _add(design: DecoderDesign, result: Generation, token: int, say: Say) -> None:
    characters = design.source.characters
    text = f"{token} " if characters is None else characters.decode([token])
    result.tokens.append(token)
    result.text += text
    say(text)


def _stop_token(design: DecoderDesign, stop: str) -> int:
    characters = design.source.characters
    tokens = characters.encode(stop) if characters is not None else [int(stop)]
    if len(tokens) != 1:
        raise ValueError(f"Stop must be one token, not {stop!r}")
    return tokens[0]


def _roofline(design: DecoderDesign, prompt: int, cycles: Sequence[int]) -> float | None:
    """Bytes of the decode steps over what all ports could move in their cycles."""
    if not cycles:
        return None
    moved = sum(design.layout.token_bytes(prompt + step) for step in range(len(cycles)))
    return moved / (sum(cycles) * design.layout.word_bytes)
