"""Trains a decoder on a stream of tokens, and measures it.

Batches are windows at random positions of the stream. AdamW with a linear warm-up and a cosine down
to a tenth; weights decay in the first half of the steps only, as BitNet b1.58 does it: near the end
the ternary weights should settle, not drift towards zero. The first steps see short windows, which
cost less, the last ones the full context; rotary positions carry over. Products are summed in
bfloat16 and layers go through torch's compiler, so the same seed need not give the same network on
another machine; measuring always sums in float32.

The loss is the mean cross entropy of the next token in nats over windows of the stream that do not
overlap (`data.windows`), every position counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .data.windows import window_starts
from .decoder import Decoder
from .text_recipe import DecoderTraining

__all__ = ["evaluate", "generate", "train_decoder"]


def _windows(stream: Tensor, starts: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Inputs and next tokens, both (windows, length) int64."""
    rows = stream[starts[:, None] + torch.arange(length + 1)].long()
    return rows[:, :-1], rows[:, 1:]


def _loss(decoder: Decoder, inputs: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(decoder(inputs).flatten(0, 1), targets.flatten())


def train_decoder(
    decoder: Decoder,
    stream: np.ndarray,
    training: DecoderTraining,
    seed: int,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Trains ``decoder`` in place on ``stream`` (tokens, one axis); ends in evaluation mode.

    ``report`` gets the number of each finished step and its loss. Windows are drawn from ``seed``;
    the start of the weights is the caller's.
    """
    torch.set_num_threads(training.threads)
    tokens = torch.from_numpy(np.asarray(stream))
    generator = torch.Generator().manual_seed(seed)
    matrices = [value for value in decoder.parameters() if value.ndim > 1]
    gains = [value for value in decoder.parameters() if value.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices}, {"params": gains, "weight_decay": 0.0}],
        lr=training.learning_rate,
        betas=(0.9, 0.95),
        weight_decay=training.weight_decay,
    )
    if training.compiled:
        for layer in decoder.layers:
            layer.compile(dynamic=False)
    decoder.train()
    decoder.matmul_dtype = torch.bfloat16
    step = 0
    for steps, sequences, length in training.phases:
        for _ in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = training.learning_rate * _share(step, training)
            if step == training.step_count // 2:
                optimiser.param_groups[0]["weight_decay"] = 0.0
            starts = torch.randint(len(tokens) - length, (sequences,), generator=generator)
            loss = _loss(decoder, *_windows(tokens, starts, length))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(decoder.parameters(), training.gradient_norm)
            optimiser.step()
            step += 1
            report(step, loss.item())
    decoder.eval()
    decoder.matmul_dtype = torch.float32


def _share(step: int, training: DecoderTraining) -> float:
    """The learning rate of a step as a share of its peak."""
    cosine = (1 + math.cos(math.pi * step / training.step_count)) / 2
    return min((step + 1) / training.warm_up, 0.1 + 0.9 * cosine)


@torch.no_grad()
def evaluate(
    decoder: Decoder,
    stream: np.ndarray,
    quantised: bool = True,
    limit: int | None = None,
    batch: int = 16,
) -> float:
    """Loss in nats a token over ``limit`` windows of ``stream``, spread evenly; all by default.

    Raises
    ------
    ValueError
        If the stream does not hold one window.
    """
    length = decoder.shape.context
    starts = torch.from_numpy(window_starts(len(stream), length, limit))
    tokens, total = torch.from_numpy(np.asarray(stream)), 0.0
    for part in starts.split(batch):
        inputs, targets = _windows(tokens, part, length)
        logits = decoder(inputs, quantised).flatten(0, 1)
        total += float(functional.cross_entropy(logits, targets.flatten(), reduction="sum"))
    return total / (len(starts) * length)


@torch.no_grad()
def generate(
    decoder: Decoder, prompt: np.ndarray, count: int, temperature: float = 0.0, seed: int = 0
) -> np.ndarray:
    """``count`` tokens after ``prompt``: the likeliest ones, or drawn when ``temperature`` > 0.

    The whole text so far is computed anew for every token.

    Raises
    ------
    ValueError
        If prompt and tokens do not fit into the context, or there is no prompt.
    """
    if not 0 < len(prompt) <= decoder.shape.context - count:
        raise ValueError(
            f"Prompt must be from 1 to {decoder.shape.context - count} tokens, not {len(prompt)}"
        )
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.from_numpy(np.asarray(prompt)).long()[None]
    for _ in range(count):
        logits = decoder.quantised_logits(tokens)[:, -1]
        if temperature > 0:
            shares = (logits / temperature).softmax(dim=-1)
            following = torch.multinomial(shares, 1, generator=generator)
        else:
            following = logits.argmax(dim=-1, keepdim=True)
        tokens = torch.cat([tokens, following], dim=1)
    return tokens[0, len(prompt) :].numpy()
