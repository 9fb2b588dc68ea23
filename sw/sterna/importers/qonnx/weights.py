"""Quantised constants of QONNX files: integer weights and the scale of each.
 A quantiser of a constant is evaluated when the file is read, by the same arithmetic as one of an
activation. Integers and scales stay together, so that a matrix product can take the integers
exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...source import IntegerQuantiser, SourceBuilder

__all__ = ["KNOWN", "QuantisedConstant", "UnfitError", "quantise_constant"]

KNOWN = (
    "use MatMul, Gemm, Conv, MaxPool, AveragePool, Quant, BipolarQuant, BatchNormalization, Relu, "
    "Clip, Mul, Add, Reshape"
)
"""What a reader of files knows, as a remedy."""


class UnfitError(ValueError):
    """Raised for a node that cannot be taken, with a reason and a remedy."""

    def __init__(self, reason: str, remedy: str = KNOWN) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, eq=False)
class QuantisedConstant:
    """Integers (int64, zero point taken off), the scale of each, and whether they are -1 and 1."""

    integers: np.ndarray
    scale: np.ndarray
    binary: bool

    def real(self) -> np.ndarray:
        """The constant's real values."""
        return self.integers.astype(self.scale.dtype) * self.scale

    def of_images(self) -> QuantisedConstant:
        """Weights of a convolution of signals as those of images one pixel wide."""
        if self.integers.ndim == 4:
            return self
        return QuantisedConstant(
            self.integers[..., np.newaxis], self.scale[..., np.newaxis], self.binary
        )

    def transposed(self, axes: list[int] | None) -> QuantisedConstant:
        """The constant with its axes in another order."""
        return QuantisedConstant(
            np.transpose(self.integers, axes), np.transpose(self.scale, axes), self.binary
        )


def quantise_constant(
    real: np.ndarray,
    scale: np.ndarray,
    zero_point: float,
    bits: float,
    signed: bool,
    narrow: bool,
    rounding: str,
) -> QuantisedConstant:
    """What a quantiser makes of constant reals; 1 bit signed is bipolar.

    ``real`` and ``scale`` are of the network's number type, and ``scale`` broadcasts to ``real``.

    Raises
    ------
    UnfitError
        If a weight or a scale is not finite, a scale not above zero, or a parameter out of bounds.
    """
    if not np.isfinite(real).all():
        worst = real[~np.isfinite(real)].flat[0]
        raise UnfitError(f"weights must be finite, not {worst}", "train again")
    # The builder checks activations by the same rules; a trial keeps the weights out of the net.
    trial = SourceBuilder("weights", str(real.dtype))
    made = trial.quantise(
        "weights",
        trial.input("x", (scale.size,)),
        scale,
        zero_point,
        bits,
        signed,
        narrow,
        rounding,
    )
    if trial.problems:
        raise UnfitError(f"weight {trial.problems[0].reason}", trial.problems[0].remedy)
    scales = np.broadcast_to(scale, real.shape)
    quantiser = trial.operation(made)
    if isinstance(quantiser, IntegerQuantiser):
        grid = IntegerQuantiser(
            scales, quantiser.zero_point, quantiser.bits, signed, narrow, quantiser.rounding
        )
        return QuantisedConstant(grid.codes(real), scales, False)
    return QuantisedConstant(np.where(real >= 0, 1, -1).astype(np.int64), scales, True)
