"""Trains a recipe: float network first, then the quantised one that starts from it and learns
from it, all from one seed.

The float network is the reference whose accuracy the card states, the starting point of the
quantised weights, and the teacher: the quantised network is trained on the labels and on the float
network's softened answers to the same distorted inputs. One thread, deterministic kernels and one
random state make a run repeatable bit for bit. The last state is taken; nothing is chosen by
looking at test samples.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .augment import distort
from .data.data_set import DataSet
from .mlp import build_float, build_quantized
from .recipe import Metrics, Recipe, Training
from .settle import settle_batch_norms

__all__ = ["predict", "reproducible", "train_recipe"]

_WARM_UP = 0.05


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """One thread, deterministic kernels and a seeded random state inside; restored afterwards."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)


def predict(module: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """Real outputs (float32, shape (samples, classes)) of a module in evaluation mode."""
    was_training = module.training
    module.eval()
    with torch.no_grad():
        outputs = module(torch.from_numpy(inputs)).numpy()
    module.train(was_training)
    return outputs


def _accuracy(module: nn.Module, data: DataSet) -> float:
    labels = predict(module, data.test_inputs).argmax(axis=1)
    return float((labels == data.test_labels).mean())


def _class_weights(data: DataSet, balanced: bool) -> Tensor | None:
    if not balanced:
        return None
    counts = np.bincount(data.train_labels, minlength=len(data.class_names))
    weights = 1 / np.sqrt(np.maximum(counts, 1))
    return torch.tensor(weights / weights.mean(), dtype=torch.float32)


def _fit(
    student: nn.Module,
    teacher: nn.Module | None,
    data: DataSet,
    training: Training,
    epochs: int,
    learning_rate: float,
    report: Callable[[str], None],
) -> None:
    """Trains ``student`` in place; ends in evaluation mode."""
    inputs, labels = torch.from_numpy(data.train_inputs), torch.from_numpy(data.train_labels)
    class_weights = _class_weights(data, training.balanced)
    batch_count = math.ceil(len(labels) / training.batch_size)
    step_count = max(1, epochs * batch_count)
    decayed = [value for value in student.parameters() if value.ndim > 1]
    others = [value for value in student.parameters() if value.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": training.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=learning_rate,
    )
    warm_up = max(1, round(_WARM_UP * step_count))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / warm_up, (1 + math.cos(math.pi * step / step_count)) / 2),
    )
    student.train()
    for epoch in range(epochs):
        order, total = torch.randperm(len(labels)), 0.0
        for batch in order.split(training.batch_size):
            if len(batch) < 2:  # a batch norm cannot learn from one sample
                continue
            samples = distort(inputs[batch]) if training.augmentation else inputs[batch]
            outputs = student(samples)
            loss = functional.cross_entropy(
                outputs, labels[batch], class_weights, label_smoothing=training.label_smoothing
            )
            if teacher is not None and training.distillation > 0:
                with torch.no_grad():
                    advice = functional.softmax(teacher(samples) / training.temperature, dim=1)
                softened = functional.cross_entropy(outputs / training.temperature, advice)
                loss = torch.lerp(
                    loss, softened * training.temperature**2, float(training.distillation)
                )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(batch)
        report(f"epoch {epoch + 1}/{epochs}: loss {total / len(labels):.4f}")
    student.eval()


def train_recipe(
    recipe: Recipe, seed: int, progress: Callable[[str], None] | None = None
) -> tuple[nn.Module, Metrics]:
    """Trains a recipe from a seed: the settled quantised module and its metrics."""
    report = progress or (lambda line: None)
    data, description, training = recipe.data(), recipe.network, recipe.training
    class_count = len(data.class_names)
    began = time.monotonic()
    with reproducible(seed):
        twin = build_float(
            description.hidden_sizes,
            data.input_shape,
            class_count,
            training.dropout,
            description.convolutions,
        )
        _fit(
            twin, None, data, training, training.float_epochs, training.float_learning_rate, report
        )
        float_accuracy = _accuracy(twin, data)
        report(f"float network: {float_accuracy:.2%} of the test samples")
        student = build_quantized(description, data.input_shape, class_count)
        start = {
            name: value
            for name, value in twin.state_dict().items()
            if description.output_bias or name != "output.bias"
        }
        # What only quantisers have keeps its start: strict would ask for learned steps as well.
        unknown = student.load_state_dict(start, strict=False).unexpected_keys
        if unknown:
            raise ValueError(f"Layers of the float twin must be the network's, not {unknown}")
        _fit(
            student,
            twin,
            data,
            training,
            training.quantized_epochs,
            training.quantized_learning_rate,
            report,
        )
        if description.settled:
            settle_batch_norms(student)
        labels = predict(student, data.test_inputs).argmax(axis=1)
    correct = labels == data.test_labels
    counts = np.bincount(data.test_labels, minlength=class_count)
    recalls = tuple(
        float(correct[data.test_labels == label].mean()) if counts[label] else 0.0
        for label in range(class_count)
    )
    metrics = Metrics(
        float_accuracy=float_accuracy,
        quantized_accuracy=float(correct.mean()),
        majority=float(counts.max() / counts.sum()),
        recalls=recalls,
        seconds=time.monotonic() - began,
    )
    report(f"quantised network: {metrics.quantized_accuracy:.2%} of the test samples")
    return student, metrics
