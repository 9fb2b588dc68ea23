"""Compares a committed network with its whole data set: ``python -m sterna_models.check_zoo NAME``.

Some networks lie beside a part of their test samples only, and their data come by a package of the
system (see `sterna_models.data.fashion`). This loads the real data, compares the committed samples
with those of the data set, runs the golden model over all test samples, and compares counts and
accuracy with the card. It trains nothing and needs no torch.
"""

from __future__ import annotations

import sys
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

import sterna

from . import zoo
from .networks import RECIPES
from .recipe import Recipe
from .train import find_recipe

__all__ = ["check_network", "main"]

_BATCH = 1000


def check_network(recipe: Recipe) -> float:
    """The golden accuracy over all test samples of the recipe's data, as the card states it.

    Raises
    ------
    ValueError
        If the data cannot be had, or something in the zoo's files differs from them; the message
        says what.
    """
    name, data, card = recipe.name, recipe.data(), zoo.card(recipe.name)
    for part, labels in (("train", data.train_labels), ("test", data.test_labels)):
        stated = card.data[f"{part}_count"]
        if stated != len(labels):
            raise ValueError(
                f"Card of {name} must state {len(labels)} {part} samples, not {stated}"
            )
    inputs, labels = data.test_inputs, data.test_labels
    committed_inputs, committed_labels = zoo.test_set(name)
    chosen = slice(recipe.committed_samples)
    if not (
        np.array_equal(committed_inputs, inputs[chosen])
        and np.array_equal(committed_labels, labels[chosen])
    ):
        raise ValueError(f"Committed samples of {name} must be the first test samples of its data")
    graph = sterna.load(zoo.path(name))
    # In pieces, since the golden model holds every window of its batch.
    found = [
        np.asarray(graph.run(inputs[start : start + _BATCH])).argmax(axis=1)
        for start in range(0, len(inputs), _BATCH)
    ]
    accuracy = float((np.concatenate(found) == labels).mean())
    for kind in ("golden", "quantized"):
        if card.accuracy[kind] != accuracy:
            raise ValueError(
                f"Card of {name} must state the {kind} accuracy {accuracy}, "
                f"not {card.accuracy[kind]}"
            )
    return accuracy


def main(name: Annotated[str, typer.Argument(help=f"One of {', '.join(RECIPES)}.")]) -> None:
    """Compare a committed network, its samples and its card with the whole data set."""
    try:
        recipe = find_recipe(name)
        accuracy = check_network(recipe)
    except (ValueError, OSError) as error:
        Console(stderr=True).print(
            f"sterna_models.check_zoo: {error}", markup=False, soft_wrap=True
        )
        sys.exit(2)
    count = len(recipe.data().test_labels)
    print(f"{name}: {accuracy:.2%} of {count:,} test samples, as its card says")


if __name__ == "__main__":
    typer.run(main)
