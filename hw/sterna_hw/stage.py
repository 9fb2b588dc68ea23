"""A stage of an accelerator, and what must hold between two neighbours.

A stage is a part with a name; a matrix engine brings the weight buffer that feeds it. Whatever its
kind, a part's configuration says what its ports carry, and this file reads that: how many elements
make a frame, their proven range, and how many come in a beat. Two ports fit when beats hold equally
many elements, frames are equally long, elements have the same width and sign, and when the range
that is sent lies in the range that the receiver was built for. This is the gate that keeps any
width from holding less than it must.

Parts that can be loaded have a port ``load``, take a row in one cycle, and say how many rows there
are. It does not know what a part computes, and adapts nothing: a misfit is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from amaranth.lib import wiring

from .base import Cost, Device, IntegerRange, Timing
from .beat import beat_layout

__all__ = ["PartConfig", "PortShape", "Stage", "check_link", "port_shape"]


class PartConfig(Protocol):
    """What every part's configuration can do."""

    def timing(self) -> Timing: ...

    def cost(self, device: Device) -> Cost: ...

    def create(self) -> wiring.Component: ...


@dataclass(frozen=True)
class PortShape:
    """What a stream port carries: frames of ``elements`` in ``values``, ``count`` a beat."""

    elements: int
    values: IntegerRange
    count: int


# Configurations name these facts by what they mean for the part: a multi-threshold has channels, an
# engine has inputs. The first name that a configuration has is the one that counts.
_ELEMENTS = {"i": ("inputs", "elements", "channels"), "o": ("outputs", "elements", "channels")}
_VALUES = {"i": ("input_range", "values"), "o": ("result_range", "output_range", "values")}
_COUNT = {"i": ("input_count", "count"), "o": ("output_count", "count")}


def port_shape(part: PartConfig, port: str) -> PortShape:
    """What a port of a part carries. A part with other ports than ``i`` and ``o`` has
    ``port_shapes``.

    Raises
    ------
    ValueError
        If the configuration does not say.
    """

    shapes = getattr(part, "port_shapes", None)
    if shapes is not None:
        return shapes[port]

    def fact(names: tuple[str, ...]) -> Any:
        for name in names:
            if hasattr(part, name):
                return getattr(part, name)
        raise ValueError(f"{type(part).__name__} must say one of {', '.join(names)} of {port}")

    if hasattr(part, "lanes") and hasattr(part, "queries"):
        engine: Any = part
        beat = engine.block_inputs if port == "i" else engine.queries
        elements = fact(_ELEMENTS[port]) * engine.lanes
        return PortShape(elements, fact(_VALUES[port]), beat * engine.lanes)
    return PortShape(fact(_ELEMENTS[port]), fact(_VALUES[port]), fact(_COUNT[port]))


def check_link(
    name: str,
    part: PartConfig,
    next_name: str,
    next_part: PartConfig,
    port: str = "o",
    next_port: str = "i",
) -> None:
    """Checks that what ``part`` gives at a port fits what ``next_part`` takes.

    Raises
    ------
    ValueError
        If not; both are named.
    """
    sent, taken = port_shape(part, port), port_shape(next_part, next_port)
    link = f"from {name} to {next_name}"
    for subject in ("elements", "count"):
        a, b = getattr(sent, subject), getattr(taken, subject)
        if a != b:
            what = "Elements of a frame" if subject == "elements" else "Elements of a beat"
            raise ValueError(f"{what} {link} must be {b}, not {a}")
    if not taken.values.contains(sent.values):
        raise ValueError(f"Range {link} must lie in {taken.values}, not be {sent.values}")
    if (sent.values.width, sent.values.signed) != (taken.values.width, taken.values.signed):
        raise ValueError(
            f"Range {link} must have the width and sign of {taken.values}, not of {sent.values}"
        )


@dataclass(frozen=True)
class Stage:
    """A named part of an accelerator.

    Parameters
    ----------
    name : :class:`str`
        Name of the instance; layers keep their names from the network.
    part
        Configuration of the part: streams ``i`` and ``o``, or several of each by other names.
    weights
        Configuration of the weight buffer of an engine, None for other parts.
    """

    name: str
    part: PartConfig
    weights: PartConfig | None = None

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Its input streams but the weights, in the order in which `compute` takes them."""
        return tuple(port for port in self.part.timing().inputs if port != "weights")

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Its output streams; all of them carry what `compute` gives."""
        return self.part.timing().outputs

    def check_weights(self) -> None:
        """Checks that an engine has the buffer that it needs, and that no other part has one.

        Raises
        ------
        ValueError
            If not.
        """
        needs = "weights" in self.part.timing().inputs
        if needs != (self.weights is not None):
            rule = "have a weight buffer" if needs else "have no weight buffer"
            raise ValueError(f"Stage {self.name} must {rule}")
        if self.weights is None:
            return
        part: Any = self.part
        weights: Any = self.weights
        if part.row_count != weights.row_count:
            raise ValueError(
                f"Rows of the weight buffer of {self.name} must be {part.row_count}, "
                f"not {weights.row_count}"
            )
        needed = part.weights_signature.members["payload"].shape
        found = beat_layout(weights.element_range, weights.count)
        if needed != found:
            bits = (needed.size - 1, found.size - 1)
            raise ValueError(
                f"Beats of the weight buffer of {self.name} must have the form of its engine's "
                f"({bits[0]} bits), not another ({bits[1]} bits)"
            )

    def compute(self, *frames: np.ndarray) -> np.ndarray:
        """The part's meaning on int64 ``(frames, elements)`` of each input, an engine's with its
        own rows."""
        part: Any = self.part
        weights: Any = self.weights
        if weights is None:
            return part.compute(*frames)
        return part.compute_packed(*frames, weights.compute(1))

    def memories(self) -> Iterator[tuple[str, int, int]]:
        """Kind, rows and row width of what can be loaded, weights first."""
        for kind, config in (("weights", self.weights), ("parameters", self.part)):
            if getattr(config, "reloadable", False):
                part: Any = config
                yield kind, part.row_count, part.row_width
