"""A source network as an SSA graph of float-level operations, in topological order.

Readers of files and of live modules all produce this one form, keeping the names of the source's
layers; lowering to integers and writing of files start from it. `run` evaluates it in the network's
own number type. It may hold `Opaque` operations where a reader refused something: the reasons stand
in `problems`, and lowering raises them together with its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sterna_hw.base import IntegerRange

from ..unsupported import Problem
from .operation import Operation, Shape

__all__ = ["IntegerInput", "SourceGraph", "SourceNode"]


@dataclass(frozen=True)
class SourceNode:
    """One operation with the name of its result and the names of the values that it reads."""

    name: str
    operation: Operation
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class IntegerInput:
    """Integers of a range, and what the network is given for 1 of them."""

    values: IntegerRange
    scale: float = 1.0


@dataclass(frozen=True)
class SourceGraph:
    """A float-level network.

    Parameters
    ----------
    name : :class:`str`
        Name of the network.
    inputs : mapping of name to shape
        Network inputs with their shapes in the source's layout, batch axis left out.
    nodes : tuple of :class:`SourceNode`
        In an order in which each reads only inputs and earlier nodes.
    outputs : tuple of :class:`str`
        Names of the values that leave the network.
    number_type : :class:`str`
        The float type that the network computes in, ``"float32"`` or ``"float64"``.
    problems : tuple of :class:`Problem`
        What the reader refused.
    integers : :class:`IntegerInput`, optional
        The only input holds such integers, for example pixels; otherwise any reals.
    """

    name: str
    inputs: Mapping[str, Shape]
    nodes: tuple[SourceNode, ...]
    outputs: tuple[str, ...]
    number_type: str = "float32"
    problems: tuple[Problem, ...] = ()
    integers: IntegerInput | None = None
    _by_name: Mapping[str, SourceNode] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {node.name: node for node in self.nodes})

    def __getitem__(self, name: str) -> SourceNode:
        return self._by_name[name]

    def needed(self) -> tuple[SourceNode, ...]:
        """The nodes that some output depends on, in order."""
        wanted = set(self.outputs)
        for node in reversed(self.nodes):
            if node.name in wanted:
                wanted.update(node.inputs)
        return tuple(node for node in self.nodes if node.name in wanted)

    def run_values(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Every value, by name, for a batch ``[batch, ...]`` given to the only input."""
        ((name, shape),) = self.inputs.items()
        values = {name: np.asarray(x, dtype=self.number_type).reshape(len(x), *shape)}
        for node in self.needed():
            inputs = (values[name] for name in node.inputs)
            values[node.name] = node.operation.evaluate(*inputs)
        return values

    def run(self, x: np.ndarray) -> np.ndarray:
        """The only output, real, in the network's own number type."""
        (name,) = self.outputs
        return self.run_values(x)[name]
