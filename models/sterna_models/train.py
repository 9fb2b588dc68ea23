"""Trains a recipe and writes its three zoo files: ``python -m sterna_models.train NAME [-o DIR]``.

After training, the network is exported to QONNX by Sterna's own exporter, loaded back as a user
would load it, and run over all test samples by the golden integer model and, where qonnx is
installed, by qonnx. The card states how many outputs differ from Brevitas'; a settled network must
have none in either, otherwise nothing is written. Files are first written to a temporary folder, so
a failed run leaves the target as it was.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console

from . import zoo
from .card import Card, file_digest
from .networks import RECIPES
from .recipe import Metrics, Recipe

if TYPE_CHECKING:
    from torch import nn

__all__ = ["compare_file", "find_recipe", "main", "train_to_folder", "write_files"]

_BATCH = 1000


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises
    ------
    ValueError
        If there is none; the message lists the names.
    """
    if name not in RECIPES:
        raise ValueError(f"Recipe must be one of {', '.join(RECIPES)}, not {name!r}")
    return RECIPES[name]


def _check_folder(folder: Path) -> None:
    """Refuses a folder that could not be written, before minutes are spent on training."""
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ValueError(f"Output folder must be writable, not {str(folder)!r}")


def _execute_by_qonnx(path: Path, inputs: np.ndarray) -> np.ndarray | None:
    """Outputs of the file as qonnx executes it, or None where qonnx is not installed."""
    if util.find_spec("qonnx") is None:
        return None
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    outputs = []
    # In pieces, since qonnx keeps every intermediate value of its batch.
    for start in range(0, len(inputs), _BATCH):
        piece = inputs[start : start + _BATCH]
        model = ModelWrapper(str(path))
        (input_name,) = (value.name for value in model.graph.input)
        (output_name,) = (value.name for value in model.graph.output)
        # qonnx executes only fully specified shapes; the file's batch axis is symbolic.
        model.set_tensor_shape(input_name, list(piece.shape))
        model = model.transform(InferShapes())
        outputs.append(np.asarray(execute_onnx(model, {input_name: piece})[output_name]))
    return np.concatenate(outputs)


def compare_file(path: Path, inputs: np.ndarray, reference: np.ndarray) -> dict[str, Any]:
    """How often, and how far, a QONNX file's outputs differ from Brevitas' outputs ``reference``.

    ``inputs`` are real, float32, with the batch on axis 0. Outputs are compared as float32 values,
    exactly. The keys are those of a card's ``agreement``.
    """
    import sterna

    golden = np.asarray(sterna.load(path).run(inputs), dtype=np.float32)
    executed = _execute_by_qonnx(path, inputs)
    agreement: dict[str, Any] = {"samples": len(inputs), "words": reference.size}
    for name, outputs in (("golden", golden), ("qonnx", executed)):
        if outputs is None:
            outputs_differ = labels_differ = difference = None
        else:
            outputs_differ = int((outputs != reference).sum())
            labels_differ = int((outputs.argmax(axis=1) != reference.argmax(axis=1)).sum())
            difference = float(np.abs(outputs.astype(np.float64) - reference).max())
        agreement[f"{name}_word_mismatches"] = outputs_differ
        agreement[f"{name}_label_mismatches"] = labels_differ
        agreement[f"{name}_largest_difference"] = difference
    return agreement


def _make_card(
    recipe: Recipe,
    seed: int,
    metrics: Metrics,
    module: nn.Module,
    correct: np.ndarray,
    agreement: dict[str, Any],
    onnx_path: Path,
    test_set_path: Path,
) -> Card:
    import torch

    data = recipe.data()
    return Card(
        name=recipe.name,
        summary=recipe.summary,
        data={
            "name": data.name,
            "source": data.source,
            "licence": data.licence,
            "synthetic": data.synthetic,
            "split": data.split,
            "split_seed": data.split_seed,
            "train_count": len(data.train_labels),
            "test_count": len(data.test_labels),
            "committed_count": len(correct[: recipe.committed_samples]),
            "input_shape": list(data.input_shape),
            "input_scale": data.scale,
            "class_names": list(data.class_names),
        },
        network={
            **asdict(recipe.network),
            "hidden_sizes": list(recipe.network.hidden_sizes),
            "convolutions": [asdict(layer) for layer in recipe.network.convolutions],
        },
        training={
            "seed": seed,
            **asdict(recipe.training),
            "seconds": round(metrics.seconds, 1),
            "versions": {name: metadata.version(name) for name in ("torch", "brevitas", "numpy")},
            "kernels": torch.backends.cpu.get_cpu_capability(),
        },
        accuracy={
            "float": metrics.float_accuracy,
            "quantized": metrics.quantized_accuracy,
            "golden": float(correct.mean()),
            "committed": float(correct[: recipe.committed_samples].mean()),
            "majority": metrics.majority,
            "recalls": dict(zip(data.class_names, metrics.recalls)),
        },
        agreement=agreement,
        size={
            "weights": sum(value.numel() for value in module.parameters() if value.ndim > 1),
            "onnx_bytes": onnx_path.stat().st_size,
            "onnx_sha256": file_digest(onnx_path),
            "test_set_bytes": test_set_path.stat().st_size,
            "test_set_sha256": file_digest(test_set_path),
        },
        retrain=f"python -m sterna_models.train {recipe.name} --seed {seed}",
    )


def write_files(
    recipe: Recipe, seed: int, module: nn.Module, metrics: Metrics, folder: Path
) -> Card:
    """Writes ``NAME.onnx``, ``NAME.npz`` and ``NAME.json`` of a trained module into ``folder``.

    Raises
    ------
    ValueError
        If the network is settled, so that exact equality is promised, and an output differs.
    """
    import sterna
    from sterna.exporters.qonnx import write_qonnx

    from .training import predict

    data = recipe.data()
    with tempfile.TemporaryDirectory() as temporary:
        onnx_path = Path(temporary) / f"{recipe.name}.onnx"
        test_set_path = Path(temporary) / f"{recipe.name}.npz"
        card_path = Path(temporary) / f"{recipe.name}.json"
        write_qonnx(module, onnx_path, recipe.input_shape, recipe.name)
        committed = slice(recipe.committed_samples)
        zoo.write_test_set(
            test_set_path, data.test_codes[committed], data.test_labels[committed], data.scale
        )
        reference = predict(module, data.test_inputs)
        agreement = compare_file(onnx_path, data.test_inputs, reference)
        if recipe.network.settled and (
            agreement["golden_word_mismatches"] or agreement["qonnx_word_mismatches"]
        ):
            raise ValueError(
                f"Outputs of {recipe.name} must equal Brevitas' in the golden model and in qonnx, "
                f"not differ in {agreement['golden_word_mismatches']} and "
                f"{agreement['qonnx_word_mismatches']} of {agreement['words']} words"
            )
        labels = np.asarray(sterna.load(onnx_path).run(data.test_inputs)).argmax(axis=1)
        correct = labels == data.test_labels
        card = _make_card(
            recipe,
            seed,
            metrics,
            module,
            correct,
            agreement,
            onnx_path,
            test_set_path,
        )
        card_path.write_text(card.to_json(), encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        for path in (onnx_path, test_set_path, card_path):
            shutil.copyfile(path, folder / path.name)
    return card


def train_to_folder(
    name: str,
    folder: Path,
    seed: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Card:
    """Trains the recipe ``name`` and writes its files into ``folder``; gives the card.

    Raises
    ------
    ValueError
        If there is no such recipe, the folder cannot be written, or a promised equality does not
        hold.
    """
    recipe = find_recipe(name)
    _check_folder(folder)
    seed = recipe.seed if seed is None else seed
    module, metrics = recipe.train(seed, progress)
    return write_files(recipe, seed, module, metrics, folder)


def main(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(RECIPES)}.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the files.")] = Path(
        "."
    ),
    seed: Annotated[int | None, typer.Option(help="Another seed than the recipe's.")] = None,
) -> None:
    """Train a recipe and write its network, test samples and card."""
    console = Console()
    try:
        find_recipe(name)
        if util.find_spec("brevitas") is None or util.find_spec("torch") is None:
            raise ValueError("Training must have torch and Brevitas: pip install 'sterna[train]'")
        with console.status(f"Training {name}") as status:
            card = train_to_folder(
                name, output, seed, lambda line: status.update(f"Training {name}: {line}")
            )
    except (ValueError, OSError) as error:
        Console(stderr=True).print(f"sterna_models.train: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
    console.print(
        f"{card.name}: {card.accuracy['float']:.2%} float, {card.accuracy['quantized']:.2%} "
        f"quantised, {card.accuracy['golden']:.2%} golden; files in {output}",
        markup=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    typer.run(main)
