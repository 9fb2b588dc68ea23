"""Trains a text recipe and writes its folder and card: ``python -m sterna_models.train_text NAME``.

Losses and samples of the card are measured on the files as they were written and read back, not on
the module that was trained; if the two differ by more than float32 explains, nothing is written. A
model is put together in a temporary folder, so a failed run leaves the target as it was. The loss
of the integer model is filled in by whoever measures it (`with_golden_loss`).
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from .card import file_digest
from .data.shakespeare import TextCorpus, decode, encode
from .networks.shakespeare_ternary import RECIPE as SHAKESPEARE_TERNARY
from .networks.shakespeare_tiny import RECIPE as SHAKESPEARE_TINY
from .text_card import TextCard
from .text_recipe import TextRecipe
from .text_zoo import VALIDATION_FILE

if TYPE_CHECKING:
    from .decoder import Decoder

__all__ = [
    "TEXT_RECIPES",
    "find_text_recipe",
    "main",
    "train_text_to_folder",
    "with_golden_loss",
    "write_text_files",
]

TEXT_RECIPES = {recipe.name: recipe for recipe in (SHAKESPEARE_TERNARY, SHAKESPEARE_TINY)}

_SAMPLED_WINDOWS = 32
_SAMPLE_LENGTH = 200
_TEMPERATURE = 0.7
_LARGEST_DIFFERENCE = 0.01


def find_text_recipe(name: str) -> TextRecipe:
    """The recipe of that name.

    Raises
    ------
    ValueError
        If there is none; the message lists the names.
    """
    if name not in TEXT_RECIPES:
        raise ValueError(f"Text recipe must be one of {', '.join(TEXT_RECIPES)}, not {name!r}")
    return TEXT_RECIPES[name]


def unigram_loss(corpus: TextCorpus) -> float:
    """Loss of saying each character with its share in the training text, counted once more."""
    size = len(corpus.characters)
    counts = np.bincount(corpus.train, minlength=size) + 1
    return float(-np.log(counts / counts.sum())[corpus.validation].mean())


def _losses(decoder: Decoder, corpus: TextCorpus) -> dict[str, Any]:
    from .decoder_training import evaluate

    losses: dict[str, Any] = {"unigram": unigram_loss(corpus)}
    for suffix, limit in (("", None), ("_sampled", _SAMPLED_WINDOWS)):
        for name, quantised in (("float", False), ("quantised", True)):
            loss = evaluate(decoder, corpus.validation, quantised, limit)
            losses[name + suffix] = loss
    windows = (len(corpus.validation) - 1) // decoder.shape.context
    return {
        **losses,
        "golden_sampled": None,
        "windows": windows,
        "sampled_windows": min(windows, _SAMPLED_WINDOWS),
    }


def _sample(decoder: Decoder, prompt: str, seed: int) -> dict[str, Any]:
    from .decoder_training import generate

    tokens = encode(prompt)
    count = min(_SAMPLE_LENGTH, decoder.shape.context - len(tokens))
    return {
        "prompt": prompt,
        "greedy": decode(generate(decoder, tokens, count)),
        "drawn": decode(generate(decoder, tokens, count, _TEMPERATURE, seed)),
        "temperature": _TEMPERATURE,
        "seed": seed,
    }


def write_text_files(
    recipe: TextRecipe, seed: int, decoder: Decoder, seconds: float, output: Path
) -> TextCard:
    """Writes ``NAME/`` and ``NAME.json`` of a trained decoder into ``output``.

    Raises
    ------
    ValueError
        If the files read back do not give the decoder's logits.
    """
    import torch

    from .decoder_files import export, load

    corpus = recipe.load_corpus()
    with tempfile.TemporaryDirectory() as temporary:
        files = Path(temporary) / recipe.name
        export(decoder, files, corpus.characters)
        (files / VALIDATION_FILE).write_text(decode(corpus.validation), encoding="utf-8")
        written = load(files)
        tokens = torch.from_numpy(corpus.validation[: recipe.shape.context]).long()[None]
        difference = float(
            (written.float_logits(tokens) - decoder.float_logits(tokens)).abs().max()
        )
        if not difference <= _LARGEST_DIFFERENCE:
            raise ValueError(
                f"Logits of {recipe.name} must be the same from its files, not {difference} apart"
            )
        paths = sorted(files.iterdir())
        edges = (1 if recipe.shape.tied else 2) * recipe.shape.vocabulary * recipe.shape.hidden
        card = TextCard(
            name=recipe.name,
            summary=recipe.summary,
            data={
                "name": corpus.name,
                "source": corpus.source,
                "licence": corpus.licence,
                "split": corpus.split,
                "train_tokens": len(corpus.train),
                "validation_tokens": len(corpus.validation),
            },
            network={**asdict(recipe.shape), "statistic": recipe.training.statistic},
            training={
                "seed": seed,
                **asdict(recipe.training),
                "tokens": recipe.training.token_count,
                "seconds": round(seconds, 1),
                "versions": {
                    name: metadata.version(name) for name in ("torch", "brevitas", "numpy")
                },
                "kernels": torch.backends.cpu.get_cpu_capability(),
            },
            loss=_losses(written, corpus),
            sample=_sample(written, recipe.prompt, seed),
            size={
                "ternary_weights": recipe.shape.ternary_count,
                "head_and_embedding": edges,
                "gains": recipe.shape.layers * sum(recipe.shape.norm_sizes.values())
                + recipe.shape.hidden,
                "bytes": sum(path.stat().st_size for path in paths),
                "sha256": {path.name: file_digest(path) for path in paths},
            },
            retrain=f"sterna train {recipe.name} --seed {seed}",
        )
        output.mkdir(parents=True, exist_ok=True)
        shutil.copytree(files, output / recipe.name, dirs_exist_ok=True)
        (output / f"{recipe.name}.json").write_text(card.to_json(), encoding="utf-8")
    return card


def train_text_to_folder(
    name: str,
    output: Path,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> TextCard:
    """Trains the recipe ``name`` and writes its files into ``output``; gives the card.

    Raises
    ------
    ValueError
        If there is no such recipe or its corpus is not to be had.
    """
    recipe = find_text_recipe(name)
    seed = recipe.seed if seed is None else seed
    began = time.monotonic()
    decoder = recipe.train(seed, progress)
    return write_text_files(recipe, seed, decoder, time.monotonic() - began, output)


def with_golden_loss(card: TextCard, loss: float) -> TextCard:
    """The card with the integer model's loss on the sampled windows."""
    return replace(card, loss={**card.loss, "golden_sampled": loss})


def main(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(TEXT_RECIPES)}.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the files.")] = Path(
        "."
    ),
    seed: Annotated[int | None, typer.Option(help="Another seed than the recipe's.")] = None,
) -> None:
    """Train a text recipe and write its model and card."""
    console = Console()
    try:
        with console.status(f"Training {name}") as status:
            card = train_text_to_folder(
                name, output, seed, lambda line: status.update(f"Training {name}: {line}")
            )
    except (ValueError, OSError, ImportError) as error:
        Console(stderr=True).print(
            f"sterna_models.train_text: {error}", markup=False, soft_wrap=True
        )
        sys.exit(2)
    losses = ", ".join(
        f"{kind} {card.loss[kind]:.4f} nats (perplexity {math.exp(card.loss[kind]):.2f})"
        for kind in ("float", "quantised")
    )
    console.print(f"{card.name}: {losses}; files in {output}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
