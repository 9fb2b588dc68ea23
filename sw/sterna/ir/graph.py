"""The graph: operations in order, each reading values made before it.

A graph is immutable; a pass makes a new one. `verify` proves every type anew and is called by the
constructor, so a graph that exists is well formed: names unique, inputs defined before use, every
operation fits its inputs, every input and output has its edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, overload

import numpy as np

from .note import LayerNote
from .op import Op
from .ops import Input
from .types import InputEdge, OutputEdge, TensorType

__all__ = ["Graph"]


@dataclass(frozen=True)
class Graph:
    """A network of integer operations.

    Parameters
    ----------
    name : :class:`str`
        Name of the network.
    ops : tuple of :class:`Op`
        Operations in an order in which each reads only values made before.
    inputs : mapping of input name to :class:`InputEdge`
        One for each ``Input`` operation.
    outputs : mapping of value name to :class:`OutputEdge`
        The values that leave the graph.
    source_shape : tuple of :class:`int` or ``None``
        Shape of one sample in the source's own layout, as `run` takes it.
    notes : tuple of :class:`LayerNote`
        How layers' floats became integers, as the importer says; no part of the graph's meaning.

    Raises
    ------
    ValueError
        If the graph is not well formed.
    """

    name: str
    ops: tuple[Op, ...]
    inputs: Mapping[str, InputEdge]
    outputs: Mapping[str, OutputEdge]
    source_shape: tuple[int, ...] | None = None
    notes: tuple[LayerNote, ...] = field(default=(), compare=False, repr=False)
    types: Mapping[str, TensorType] = field(init=False, compare=False, repr=False)

    def __str__(self) -> str:
        """A line for each operation, with its note but without weights and thresholds, which
        `print_graph` has."""
        lines = [f"{self.name}: {len(self.ops)} operations"]
        for op in self.ops:
            kind = self.types[op.name]
            shape = "x".join(str(axis) for axis in kind.shape)
            note = self.note(op.name)
            told = "" if note is None else f" ({note})"
            lines.append(f"  {op.name}: {op.kind}, {shape} of {kind.range}{told}")
        return "\n".join(lines)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ops", tuple(self.ops))
        object.__setattr__(self, "inputs", dict(self.inputs))
        object.__setattr__(self, "outputs", dict(self.outputs))
        object.__setattr__(self, "types", self.verify())

    def verify(self) -> dict[str, TensorType]:
        """Checks the whole graph and proves the type of every value, by name."""
        types: dict[str, TensorType] = {}
        for op in self.ops:
            if op.name in types:
                raise ValueError(f"Name of an operation must be unique, not {op.name!r} again")
            for source in op.inputs:
                if source not in types:
                    raise ValueError(f"Input of {op.name} must be defined before, not {source!r}")
            types[op.name] = op.result_type(tuple(types[source] for source in op.inputs))
        entries = {op.name for op in self.ops if isinstance(op, Input)}
        if entries != set(self.inputs):
            raise ValueError(
                f"Input edges must be for {sorted(entries)}, not {sorted(self.inputs)}"
            )
        if not self.outputs:
            raise ValueError("Outputs of a graph must be one or more, not none")
        for name in self.outputs:
            if name not in types:
                raise ValueError(f"Output of a graph must be a defined value, not {name!r}")
        return types

    def __getitem__(self, name: str) -> Op:
        for op in self.ops:
            if op.name == name:
                return op
        raise KeyError(name)

    def note(self, name: str) -> LayerNote | None:
        """What the importer says of an operation."""
        return next((note for note in self.notes if note.layer == name), None)

    def users(self, name: str) -> list[Op]:
        """The operations that read a value."""
        return [op for op in self.ops if name in op.inputs]

    def reader_count(self, name: str) -> int:
        """How often a value is read, leaving the graph included."""
        return sum(op.inputs.count(name) for op in self.ops) + (name in self.outputs)

    @property
    def input_name(self) -> str:
        """The name of the only input."""
        (name,) = self.inputs
        return name

    @property
    def output_name(self) -> str:
        """The name of the only output."""
        (name,) = self.outputs
        return name

    def with_ops(
        self, ops: tuple[Op, ...], outputs: Mapping[str, OutputEdge] | None = None
    ) -> Graph:
        """A new, verified graph with other operations (and outputs)."""
        return replace(self, ops=ops, outputs=self.outputs if outputs is None else outputs)

    def run(self, x: np.ndarray) -> np.ndarray:
        """Real values in and out: quantises, runs the golden model, dequantises.

        ``x`` has shape ``(batch, *source_shape)`` or any shape with as many elements a sample.
        """
        from .. import golden

        return golden.run(self, x)

    @overload
    def run_integers(
        self, codes: np.ndarray, checkpoints: Literal[False] = False
    ) -> np.ndarray: ...

    @overload
    def run_integers(
        self, codes: np.ndarray, checkpoints: Literal[True]
    ) -> dict[str, np.ndarray]: ...

    def run_integers(
        self, codes: np.ndarray, checkpoints: bool = False
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Integer codes in and out, exact; with ``checkpoints`` every value, by name."""
        from .. import golden

        values = golden.run_values(self, codes)
        return values if checkpoints else values[self.output_name]
