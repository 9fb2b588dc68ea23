"""Builds a source graph step by step, checking what every reader must check.
 Readers add operations by name and get back the name of the value. What does not fit is refused:
the problem is noted, an opaque value of the expected shape takes the place, and reading goes on, so
that in the end every problem of a network is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..unsupported import Problem
from .branches import ConcatBranches
from .elementwise import Add, Divide, Elementwise
from .enlarge import Enlarge
from .graph import IntegerInput, SourceGraph, SourceNode
from .images import CHANNELS_FIRST, CHANNELS_LAST, Transpose, Windows
from .operation import Linear, Opaque, Operation, Reshape, Shape
from .quantiser import ROUNDING_MODES, BipolarQuantiser, IntegerQuantiser, Quantiser

__all__ = ["SourceBuilder"]

_MOST_BITS = 16


class SourceBuilder:
    """Collects the nodes and problems of one network."""

    def __init__(self, name: str, number_type: str, integers: IntegerInput | None = None) -> None:
        self.name = name
        self.number_type = number_type
        self.integers = integers
        self.problems: list[Problem] = []
        self._inputs: dict[str, Shape] = {}
        self._by_name: dict[str, SourceNode] = {}
        self._shapes: dict[str, Shape | None] = {}
        # Values whose channels are last: images brought into that order, and results of matrices,
        # which are in that order by nature.
        self._images: set[str] = set()
        # Images that the source knows as signals (channels, length): they are one pixel wide.
        self._signals: set[str] = set()
        self._rows: set[str] = set()

    def input(
        self, name: str, shape: Shape, is_image: bool = False, is_signal: bool = False
    ) -> str:
        """Declares a network input (batch axis left out of the shape); the channels of an image or
        a signal, which the source has first, are brought to the end."""
        name = self._unique(name)
        self._inputs[name] = shape
        self._shapes[name] = shape
        if is_signal and len(shape) == 2:
            return self.signal(name, name)
        return self.image(name, name) if is_image else name

    def shape(self, value: str) -> Shape | None:
        """Shape of a value without the batch axis, as the source has it; ``None`` if unknown."""
        shape = self._shapes[value]
        if shape is None or value not in self._images:
            return shape
        found = CHANNELS_FIRST.shape(shape)
        return found[:2] if found and value in self._signals else found

    def signal(self, name: str, value: str) -> str:
        """A signal ``(channels, length)`` of the source as an image one pixel wide."""
        shape = self._shapes[value]
        if value in self._images | self._rows or shape is None or len(shape) != 2:
            return value
        value = self._append(f"{name}.wide", Reshape((*shape, 1)), (value,), (*shape, 1))
        made = self.image(name, value)
        self._signals.add(made)
        return made

    def image(self, name: str, value: str) -> str:
        """An image ``(channels, height, width)`` of the source with its channels last."""
        shape = self._shapes[value]
        if value in self._images | self._rows or shape is None or len(shape) != 3:
            return value
        made = self._append(f"{name}.image", CHANNELS_LAST, (value,), CHANNELS_LAST.shape(shape))
        self._images.add(made)
        return made

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and value in self._shapes

    def operation(self, value: str) -> Operation | None:
        """The operation that makes a value, ``None`` for an input."""
        node = self._by_name.get(value)
        return None if node is None else node.operation

    def source_of(self, value: str) -> str:
        """The value that the operation behind a value reads."""
        return self._by_name[value].inputs[0]

    def add(self, name: str, operation: Operation, value: str) -> str:
        """Adds an operation on a value; refuses it if it does not fit.

        Constants with a value for each channel, and windows, make an image of a value with three
        axes; a reshape makes it the source's again.
        """
        if isinstance(operation, Windows | Enlarge) or _by_channel(operation):
            value = self.image(name, value)
        if isinstance(operation, Reshape) and value in self._images:
            if value in self._signals and operation.target == self.shape(value):
                return value
            shape = CHANNELS_FIRST.shape(self._shapes[value])
            value = self._append(f"{name}.channels", CHANNELS_FIRST, (value,), shape)
        try:
            shape = operation.shape(self._shapes[value])
        except ValueError as error:
            return self.refuse(name, value, str(error), "give the layer an input that fits")
        if isinstance(operation, Elementwise):
            if any(not np.isfinite(constant).all() for constant in operation.constants()):
                return self.refuse(
                    name, value, "constants must be finite", "train again without NaN", shape
                )
        if isinstance(operation, Divide) and not operation.constant.all():
            reason = "divisor must not be zero"
            return self.refuse(name, value, reason, "divide by something else", shape)
        return self._append(name, operation, (value,), shape)

    def join(self, name: str, operation: Operation, values: Sequence[str]) -> str:
        """Adds an operation on several values; refuses it if they do not fit.

        The channels of images are brought to the end, so that they are the last axis of all.
        """
        if any(self.is_opaque(value) for value in values):
            return self.opaque(name, values[0])
        values = [self.image(name, value) for value in values]
        shapes = [self._shapes[value] for value in values]
        try:
            if len({value in self._images for value in values}) > 1:
                raise ValueError("branches must be images or vectors, not both")
            if isinstance(operation, ConcatBranches) and any(
                shape is not None and len(shape) != 1 and value not in self._images
                for value, shape in zip(values, shapes)
            ):
                raise ValueError(f"branches must be images or vectors, not of shapes {shapes}")
            shape = operation.shape(*shapes)
        except ValueError as error:
            return self.refuse(name, values[0], str(error), "give it branches that fit")
        return self._append(name, operation, tuple(values), shape)

    def refuse(
        self, name: str, value: str | None, reason: str, remedy: str, shape: Shape | None = None
    ) -> str:
        """Notes a problem and gives an opaque value in the layer's place."""
        self.problems.append(Problem(name, reason, remedy))
        return self.opaque(name, value, shape)

    def opaque(self, name: str, value: str | None, shape: Shape | None = None) -> str:
        """A value that nothing is known of, because it depends on something refused."""
        inputs = (value,) if value is not None else ()
        return self._append(name, Opaque(shape), inputs, shape)

    def is_opaque(self, value: object) -> bool:
        """Whether a value is one that nothing is known of."""
        return isinstance(value, str) and isinstance(self.operation(value), Opaque)

    def linear(
        self,
        name: str,
        value: str,
        weights: np.ndarray,
        scale: ArrayLike,
        bias: np.ndarray | None,
        binary: bool = False,
        groups: int = 1,
    ) -> str:
        """Adds a linear layer with integer weights ``[outputs, inputs]``, and its bias.

        ``scale`` broadcasts to the weights and must not vary over the inputs of a channel.
        """
        outputs = weights.shape[0]
        if problem := self._scale_problem(scale):
            return self.refuse(
                name, value, f"weight {problem}", "train or calibrate again", (outputs,)
            )
        scales = np.broadcast_to(np.asarray(scale, dtype=self.number_type), weights.shape)
        remedy = "use one scale for the tensor or one for each output channel"
        if (scales != scales[:, :1]).any():
            reason = "weight scale must be the same for all inputs of a channel"
            return self.refuse(name, value, reason, remedy, (outputs,))
        result = self.add(name, Linear(weights, scales[:, 0], binary, groups), value)
        if value not in self._images:
            self._rows.add(result)
        if bias is None:
            return result
        return self.add(f"{name}.bias", Add(np.asarray(bias, dtype=self.number_type)), result)

    def quantise(
        self,
        name: str,
        value: str,
        scale: ArrayLike,
        zero_point: float,
        bits: float,
        signed: bool,
        narrow: bool,
        rounding: str,
    ) -> str:
        """Adds an integer quantiser of activations; 1 bit signed is bipolar, as in QONNX."""
        reason, remedy = self._quantiser_problem(scale, zero_point, bits, rounding)
        shape = self._shapes[value]
        if reason:
            return self.refuse(name, value, reason, remedy, shape)
        if shape is not None and not _broadcasts(np.shape(scale), (1, *shape)):
            reason = f"scale must be one or one for each channel of {shape}, not {np.shape(scale)}"
            return self.refuse(name, value, reason, "give it a scale that fits", shape)
        scale = self._per_channel(scale)
        if bits == 1 and signed:
            if zero_point:
                reason = f"zero point of a bipolar quantiser must be 0, not {zero_point}"
                return self.refuse(name, value, reason, "use a symmetric quantiser", shape)
            return self.add(name, BipolarQuantiser(scale), value)
        quantiser = IntegerQuantiser(
            scale, int(zero_point), int(bits), bool(signed), bool(narrow), rounding.upper()
        )
        return self.add(name, quantiser, value)

    def finish(self, output: str) -> SourceGraph:
        """The finished graph with one output."""
        return SourceGraph(
            self.name,
            dict(self._inputs),
            tuple(self._by_name.values()),
            (output,),
            self.number_type,
            tuple(self.problems),
            self.integers,
        )

    def _per_channel(self, scale: ArrayLike) -> np.ndarray:
        """A scalar if all values are equal, otherwise one value for each of the last axis."""
        scale = np.asarray(scale, dtype=self.number_type)
        return scale.flat[0] if (scale == scale.flat[0]).all() else scale.reshape(-1)

    def _scale_problem(self, scale: ArrayLike) -> str:
        """What is wrong with a scale, as the network's number type holds it; empty if nothing."""
        given = np.atleast_1d(np.asarray(scale))
        with np.errstate(over="ignore", under="ignore"):
            held = given.astype(self.number_type)
        wrong = ~(np.isfinite(held) & (held > 0))
        if not wrong.any():
            return ""
        worst = given[wrong].flat[0]
        # A scale may be lost by the conversion alone.
        where = f" as {self.number_type}" if np.isfinite(worst) and worst > 0 else ""
        return f"scale must be finite and above zero{where}, not {worst}"

    def _quantiser_problem(
        self, scale: ArrayLike, zero_point: float, bits: float, rounding: str
    ) -> tuple[str, str]:
        if problem := self._scale_problem(scale):
            return problem, "train or calibrate again"
        if not float(zero_point).is_integer() or abs(zero_point) >= 1 << _MOST_BITS:
            return (
                f"zero point must be a small integer, not {zero_point}",
                "use a symmetric quantiser",
            )
        if not float(bits).is_integer() or not 1 <= bits <= _MOST_BITS:
            return f"bit width must be 1 to {_MOST_BITS}, not {bits}", "choose another bit width"
        if rounding.upper() not in ROUNDING_MODES:
            known = ", ".join(ROUNDING_MODES)
            return f"rounding must be one of {known}, not {rounding!r}", "use ROUND"
        return "", ""

    def _append(
        self, name: str, operation: Operation, inputs: tuple[str, ...], shape: Shape | None
    ) -> str:
        name = self._unique(name)
        self._by_name[name] = SourceNode(name, operation, inputs)
        self._shapes[name] = shape
        if inputs and not isinstance(operation, Reshape | Transpose | Opaque):
            for values in (self._images, self._signals, self._rows):
                if inputs[0] in values:
                    values.add(name)
        return name

    def _unique(self, name: str) -> str:
        if name not in self._shapes:
            return name
        number = 1
        while f"{name}_{number}" in self._shapes:
            number += 1
        return f"{name}_{number}"


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether arrays of two shapes can be combined element by element."""
    try:
        np.broadcast_shapes(shape, target)
    except ValueError:
        return False
    return True


def _by_channel(operation: Operation) -> bool:
    """Whether an operation has a constant for each channel."""
    if isinstance(operation, Quantiser):
        return bool(operation.scale.ndim)
    return isinstance(operation, Elementwise) and any(c.ndim for c in operation.constants())
