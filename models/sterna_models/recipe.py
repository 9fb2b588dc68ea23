"""What a recipe says: data, network and training, as plain data that needs no torch to be read.

A recipe names a data set, describes a multi-layer perceptron and the quantisers in it, and fixes
every number of its training. `Recipe.train` builds and trains it from a seed; torch and Brevitas
are imported only then. The same seed gives the same network, bit for bit, on machines whose torch
uses the same processor kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from .data.data_set import DataSet

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "Activation",
    "ConvolutionLayer",
    "Metrics",
    "MlpDescription",
    "Recipe",
    "ResidualBlock",
    "Training",
]


@dataclass(frozen=True)
class Activation:
    """A uniform quantiser of activations.

    ``bit_width`` is 1 to 8. The step is ``full_scale / 2**bit_width`` when unsigned and
    ``full_scale / 2**(bit_width - 1)`` when ``signed``; ``full_scale`` is a power of two. Where it
    is ``learned``, the exponent of the step is trained from there.
    """

    bit_width: int
    full_scale: float
    signed: bool = False
    learned: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bit_width <= 8:
            raise ValueError(f"Bit width must be from 1 to 8, not {self.bit_width!r}")
        if self.full_scale <= 0 or np.frexp(self.full_scale)[0] != 0.5:
            raise ValueError(f"Full scale must be a power of two, not {self.full_scale!r}")

    @property
    def step(self) -> float:
        return self.full_scale / 2 ** (self.bit_width - self.signed)

    @property
    def largest_magnitude(self) -> int:
        """Largest absolute value of a code."""
        return 2 ** (self.bit_width - 1) if self.signed else 2**self.bit_width - 1


@dataclass(frozen=True)
class ConvolutionLayer:
    """A convolution of ``channels`` outputs, batch norm and quantised ReLU, and a maximum over
    ``pool`` elements if that is more than 1. ``kernel``, ``stride``, ``padding`` (on both sides)
    and ``pool`` are those of every axis, of which images have two and signals one. A ``depthwise``
    one looks at each channel by itself."""

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 0
    pool: int = 1
    depthwise: bool = False


@dataclass(frozen=True)
class ResidualBlock:
    """Two convolutions and a shortcut around them, added, and a quantised ReLU over the sum.

    The long way is convolution (with ``stride``), batch norm, quantised ReLU, convolution, batch
    norm; both have ``channels`` outputs and an odd ``kernel`` with as much padding as keeps the
    size. The shortcut is the input itself where that has the same shape, otherwise a convolution of
    kernel 1 with ``stride`` and a batch norm. ``branch``, a signed activation, quantises what comes
    from a batch norm in front of the sum: the branches' steps are powers of two, so sums are exact.
    """

    channels: int
    branch: Activation
    kernel: int = 3
    stride: int = 1

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"Kernel of a residual block must be odd, not {self.kernel!r}")
        if not self.branch.signed:
            raise ValueError("Branch activation of a residual block must be signed, not unsigned")


@dataclass(frozen=True)
class MlpDescription:
    """A multi-layer perceptron: quantised input; linear, batch norm and quantised ReLU for each
    hidden layer; linear output. With ``convolutions`` these come first.

    Parameters
    ----------
    hidden_sizes : tuple of :class:`int`
        Outputs of the hidden layers.
    weight_quantizer : :class:`str`
        Name of a class in `sterna_models.quantizers`.
    input_activation, hidden_activation : :class:`Activation`
        Quantisers of the input and after each ReLU.
    weight_bit_width : :class:`int` or None
        Overrides the quantiser's bit width.
    convolutions : tuple of :class:`ConvolutionLayer` and :class:`ResidualBlock`
        In front of the hidden layers.
    output_bias : :class:`bool`
        Whether the output layer has a float bias.
    settled : :class:`bool`
        Whether batch norms are settled after training (see `sterna_models.settle`), which makes
        the network's float arithmetic exact.
    """

    hidden_sizes: tuple[int, ...]
    weight_quantizer: str
    input_activation: Activation
    hidden_activation: Activation
    weight_bit_width: int | None = None
    output_bias: bool = False
    settled: bool = True
    convolutions: tuple[ConvolutionLayer | ResidualBlock, ...] = ()


@dataclass(frozen=True)
class Training:
    """The numbers of a training run: a float network first, which then starts and teaches the
    quantised one.

    ``distillation`` is the share of the teacher's opinion in the loss, softened by ``temperature``;
    ``balanced`` weighs classes by the inverse square root of their frequency; ``augmentation``
    moves, turns and bends images in training. Learning rates rise for the first twentieth of the
    steps and then fall to zero along a cosine.
    """

    float_epochs: int
    quantized_epochs: int
    batch_size: int = 128
    float_learning_rate: float = 2e-3
    quantized_learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    distillation: float = 0.5
    temperature: float = 2.0
    dropout: float = 0.0
    label_smoothing: float = 0.0
    balanced: bool = False
    augmentation: bool = False


@dataclass(frozen=True)
class Metrics:
    """Results of a run on the test samples; accuracies are shares from 0 to 1.

    ``recalls`` are the quantised network's shares of correctly recognised samples by class,
    ``majority`` the accuracy of always answering the most frequent class.
    """

    float_accuracy: float
    quantized_accuracy: float
    majority: float
    recalls: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class Recipe:
    """A network that can be trained from nothing.

    Parameters
    ----------
    name : :class:`str`
        Name in the zoo.
    summary : :class:`str`
        One line for lists.
    load_data : callable
        Gives the data set.
    network : :class:`MlpDescription`
    training : :class:`Training`
    seed : :class:`int`
        Seed of the committed artefact.
    committed_samples : :class:`int` or None
        How many of the test samples, the first ones, lie beside the network; all by default.
        Accuracies are those over all test samples in any case.
    """

    name: str
    summary: str
    load_data: Callable[[], DataSet]
    network: MlpDescription
    training: Training
    seed: int = 1
    committed_samples: int | None = None
    _cache: dict[str, DataSet] = field(default_factory=dict, repr=False, compare=False)

    def data(self) -> DataSet:
        """The data set with its fixed split."""
        if "data" not in self._cache:
            self._cache["data"] = self.load_data()
        return self._cache["data"]

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.data().input_shape

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.data().class_names

    def test_inputs(self) -> tuple[np.ndarray, np.ndarray]:
        """Real test inputs (float32, exact multiples of the data set's scale) and labels."""
        return self.data().test_inputs, self.data().test_labels

    def build(self) -> nn.Module:
        """The untrained quantised network, in training mode; draws from torch's random state."""
        from .mlp import build_quantized

        return build_quantized(self.network, self.input_shape, len(self.class_names))

    def train(
        self, seed: int | None = None, progress: Callable[[str], None] | None = None
    ) -> tuple[nn.Module, Metrics]:
        """Trains from nothing and evaluates on the test samples.

        ``progress`` is called with a line of text now and then. The module comes back in evaluation
        mode. No choice during training looks at a test sample.
        """
        from .training import train_recipe

        return train_recipe(self, self.seed if seed is None else seed, progress)

    def shortened(self, epochs: int, train_count: int, test_count: int) -> Recipe:
        """The same recipe with few epochs on few samples, to try the machinery in seconds."""
        data = self.data().limited(train_count, test_count)
        training = replace(self.training, float_epochs=epochs, quantized_epochs=epochs)
        return replace(self, training=training, load_data=lambda: data, _cache={})
