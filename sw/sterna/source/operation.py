"""Float-level operations of a source network: what they are, not how a framework spells them.

An operation maps float tensors to a float tensor. The batch axis stands first and is left out of
shapes. This file holds the base, the quantised linear layer, reshape, and the opaque stand-in for
what a reader did not understand; element-wise operations and quantisers have files of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Linear", "Opaque", "Operation", "Reshape", "Shape", "frozen_array"]

Shape = tuple[int, ...]


def frozen_array(values: np.ndarray) -> np.ndarray:
    """A read-only copy, so that a frozen operation is frozen all through."""
    array = np.array(values)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a source network."""

    def shape(self, x: Shape | None, *others: Shape | None) -> Shape | None:
        """Shape of the result for input shapes, all without the batch axis; ``None`` unknown.
        Most operations read one value.

        Raises
        ------
        ValueError
            If the operation does not fit the input.
        """
        return x

    def evaluate(self, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
        """The float result for a float batch ``[batch, ...]`` of the network's number type."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Linear(Operation):
    """``y = x @ (weights * scale).T`` along the last axis; a bias is a separate addition.

    Parameters
    ----------
    weights : int64 array ``[outputs, inputs]``
        Integer weights, zero point already taken off.
    scale : float array ``[outputs]``
        What a weight of 1 is worth, for each output channel, in the network's number type.
    binary : :class:`bool`
        Whether the weights that are there are -1 and 1 by declaration rather than by chance.
    groups : :class:`int`
        Of a grouped convolution: an output sees the channels of its own group only, and the rest of
        its weights are zeros.
    """

    weights: np.ndarray
    scale: np.ndarray
    binary: bool = False
    groups: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", frozen_array(np.asarray(self.weights, dtype=np.int64)))
        object.__setattr__(self, "scale", frozen_array(self.scale))
        if self.weights.ndim != 2 or self.scale.shape != self.weights.shape[:1]:
            raise ValueError(
                f"Scales of a linear layer must be one for each output of {self.weights.shape}, "
                f"not {self.scale.shape}"
            )

    def seen(self, taps: int) -> np.ndarray:
        """The weights ``[outputs, taps * channels of a group]`` that are there."""
        outputs = len(self.weights)
        split = self.weights.reshape(outputs, taps, self.groups, -1)
        group = np.arange(outputs) // (outputs // self.groups)
        return split[np.arange(outputs), :, group].reshape(outputs, -1)

    def shape(self, x: Shape | None) -> Shape:
        outputs, inputs = self.weights.shape
        if x is None:
            return (outputs,)
        if not x or x[-1] != inputs:
            raise ValueError(f"Last axis of the input must be {inputs}, not of shape {x}")
        return (*x[:-1], outputs)

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        real = self.weights.astype(self.scale.dtype) * self.scale[:, np.newaxis]
        return x @ real.T


@dataclass(frozen=True, eq=False)
class Reshape(Operation):
    """The same elements in the same order under another shape (batch axis left out)."""

    target: Shape

    def shape(self, x: Shape | None) -> Shape:
        if x is not None and math.prod(x) != math.prod(self.target):
            raise ValueError(f"Shape must hold the {math.prod(x)} elements of {x}")
        return self.target

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), *self.target)


@dataclass(frozen=True, eq=False)
class Opaque(Operation):
    """Stands where a reader met something that it refused, so that reading can go on."""

    result: Shape | None = None

    def shape(self, x: Shape | None) -> Shape | None:
        return self.result

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        raise TypeError("A layer that was refused must not be evaluated")
