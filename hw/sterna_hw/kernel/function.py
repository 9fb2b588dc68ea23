"""The decorator: a Python function that computes, and that can be traced into a graph.

Positional parameters are a kernel's inputs; keyword-only parameters and what the function closes
over are constants. Called on integers the function simply runs. Called on arrays it runs on
`Array`, element by element, exactly. Called by another kernel on traced values it becomes part of
that kernel. `Kernel.trace` runs it once on values that only know their ranges.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any

import numpy as np

from ..base import IntegerRange
from .arrays import Array
from .errors import KernelError, located
from .graph import Graph, Node
from .values import Number, Traced, is_integer

__all__ = ["Kernel", "Trace", "kernel"]


@dataclass(frozen=True)
class Trace:
    """The graph of a kernel: nodes of its inputs and of its named results."""

    inputs: Mapping[str, Node]
    outputs: Mapping[str, Node]


class Kernel:
    """A function of integers; see `kernel`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        parameters = inspect.signature(function).parameters.values()
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise KernelError(
                    f"Parameters of kernel {self.name}", "named", f"* {parameter.name}"
                )
        self.inputs = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        self.constants = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)

    def __repr__(self) -> str:
        return f"kernel {self.name}"

    def __call__(self, *values: Any, **constants: Any) -> Any:
        """The meaning: integers from integers, arrays from arrays (int64; Python integers where
        more than 62 bits are needed), elementwise with numpy's broadcasting."""
        if any(isinstance(value, Number) for value in values):
            return self._run(values, constants)
        if all(is_integer(value) for value in values):
            return self._run(tuple(int(value) for value in values), constants)
        try:
            arrays = [Array.of(value) for value in values]
        except KernelError as error:
            raise located(error, self.name, self.function.__code__) from None
        results = self._run(tuple(arrays), constants)
        shape = np.broadcast_shapes(*(array.values.shape for array in arrays))
        return _map_results(results, lambda result: _plain(result, shape))

    def trace(
        self, ranges: Mapping[str, IntegerRange], constants: Mapping[str, Any] | None = None
    ) -> Trace:
        """Runs the function once on values of these ranges.

        Raises
        ------
        ValueError
            If the ranges are not those of the inputs, or the function does what hardware cannot:
            the message names the kernel and the line.
        """
        if set(ranges) != set(self.inputs):
            raise ValueError(
                f"Inputs of kernel {self.name} must be {', '.join(self.inputs)}, "
                f"not {', '.join(ranges)}"
            )
        graph = Graph()
        # An input of which only one value is possible is that value.
        inputs = {
            name: graph.constant(ranges[name].low)
            if ranges[name].low == ranges[name].high
            else graph.input(name, ranges[name])
            for name in self.inputs
        }
        results = self._run(tuple(Traced(node) for node in inputs.values()), constants or {})
        named = _named(results)
        outputs: dict[str, Node] = {}
        for name, result in named.items():
            if is_integer(result):
                outputs[name] = graph.constant(int(result))
            elif isinstance(result, Traced):
                outputs[name] = result.node
            else:
                raise KernelError(f"Result of kernel {self.name}", "an integer", repr(result))
        return Trace(inputs, outputs)

    def _run(self, values: tuple[Any, ...], constants: Mapping[str, Any]) -> Any:
        try:
            return self.function(*values, **constants)
        except (KernelError, TypeError, AttributeError, OverflowError, ValueError) as error:
            raise located(error, self.name, self.function.__code__) from None


def _named(results: Any) -> dict[str, Any]:
    """One result is ``data``, several are ``result0``, ... unless they come as a dictionary."""
    if isinstance(results, dict):
        return results
    if isinstance(results, tuple):
        return {f"result{number}": result for number, result in enumerate(results)}
    return {"data": results}


def _map_results(results: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(results, dict):
        return {name: change(result) for name, result in results.items()}
    if isinstance(results, tuple):
        return tuple(change(result) for result in results)
    return change(results)


def _plain(result: Any, shape: tuple[int, ...]) -> Any:
    values = result.values if isinstance(result, Array) else np.asarray(result)
    return np.broadcast_to(values, shape).copy()


def kernel(function: Callable[..., Any]) -> Kernel:
    """Decorates a function of integers that shall also become hardware.

    Positional parameters are inputs, keyword-only parameters constants; the result is an integer, a
    tuple or a dictionary of integers. Inside, use ``+ - * & | ^ ~ << >>``, comparisons, ``abs`` and
    the functions of this package.
    """
    return Kernel(function)
