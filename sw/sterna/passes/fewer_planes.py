"""Writes a layer's weights in fewer planes of ternary digits, so that its engine has less to do.

A layer's weights W become ``s[m] T[m, n]`` for output m, T in so many planes (one holds -1 to 1,
two -4 to 4, three -13 to 13) and s a positive multiple of 1/16. Only T goes into the matmul. Scale
s goes into what reads the sums, exactly: ``s u >= t`` for a whole number u is ``u >= ceil(t / s)``,
so a threshold is divided and rounded up; a requantiser's multiplier is multiplied by ``16 s``, its
offset by 16, and it drops four bits more. So the new network means ``s T`` and not something near
it, and all that is lost is the difference between ``s T`` and W.

For each output s is the one for which that difference, squared and weighted by the mean square of
each input (if that is known), is the least among `CANDIDATES` tried. A layer can be rewritten if
its sums are read by a threshold or a requantiser alone, and if it has more than one plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sterna_hw.base import TERNARY

from ..ir import Graph, MatMul, Op, Requantize, Threshold

__all__ = ["CANDIDATES", "SCALE_UNIT", "fewer_planes", "fit_planes", "plane_counts"]

SCALE_UNIT = 16
"""Scales are whole numbers of 1/16."""

SHIFT = SCALE_UNIT.bit_length() - 1
CANDIDATES = 64


def plane_counts(graph: Graph) -> dict[str, int]:
    """The planes that write the weights of each layer that could have fewer, by its name."""
    found = {}
    for op in graph.ops:
        if not isinstance(op, MatMul) or graph.reader_count(op.name) != 1:
            continue
        (reader,) = graph.users(op.name) or (None,)
        if isinstance(reader, Threshold | Requantize) and op.planes > 1:
            found[op.name] = op.planes
    return found


def fewer_planes(
    graph: Graph,
    planes: Mapping[str, int],
    mean_squares: Mapping[str, np.ndarray] | None = None,
) -> Graph:
    """The graph with some layers' weights written in so many planes.

    Parameters
    ----------
    graph : :class:`Graph`
    planes : mapping of layer to :class:`int`
        Planes of each layer to change; as many as it has leave it as it is.
    mean_squares : mapping of layer to array ``[inputs]``, optional
        Mean square of each input of a layer.

    Raises
    ------
    ValueError
        If a layer cannot be changed, or not to so many planes, or a requantiser gets too wide.
    """
    known = plane_counts(graph)
    changed: dict[str, Op] = {}
    for name, count in planes.items():
        if name not in known:
            raise ValueError(f"Layer with fewer planes must be one of {list(known)}, not {name!r}")
        if not 1 <= count <= known[name]:
            raise ValueError(f"Planes of {name} must be 1 to {known[name]}, not {count!r}")
        if count == known[name]:
            continue
        layer = graph[name]
        assert isinstance(layer, MatMul)
        letters, scales = fit_planes(layer.weights, count, (mean_squares or {}).get(name))
        changed[name] = replace(layer, weights=letters, alphabet=TERNARY, planes=count)
        (reader,) = graph.users(name)
        changed[reader.name] = _scaled(reader, scales)
    ops = tuple(changed.get(op.name, op) for op in graph.ops)
    # What the importer noted is about the weights as they were.
    return replace(graph, ops=ops, notes=() if changed else graph.notes)


def fit_planes(
    weights: np.ndarray, planes: int, mean_squares: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers in so many planes, int64 ``[outputs, inputs]``, and a scale for each output in
    units of 1/16, int64 ``[outputs]``, whose products are as near to the weights as was found."""
    largest = TERNARY.plane_range(planes).high
    weighing = np.ones(weights.shape[1]) if mean_squares is None else mean_squares + 1e-9
    letters, scales = np.zeros_like(weights), np.full(len(weights), SCALE_UNIT, dtype=np.int64)
    for output, row in enumerate(weights):
        highest = int(np.abs(row).max(initial=0))
        if not highest:
            continue
        full = SCALE_UNIT * highest / largest
        steps = np.geomspace(0.25 * full, 1.25 * full, CANDIDATES)
        tried = np.unique(np.maximum(steps.round().astype(np.int64), 1))
        units = tried[:, np.newaxis] / SCALE_UNIT
        numbers = np.clip(np.rint(row / units), -largest, largest)
        errors = ((row - units * numbers) ** 2 * weighing).sum(axis=1)
        best = int(errors.argmin())
        letters[output], scales[output] = numbers[best].astype(np.int64), tried[best]
    return letters, scales


def _scaled(reader: Op, scales: np.ndarray) -> Op:
    """What reads sums that are to be taken times ``scales / 16``."""
    if isinstance(reader, Threshold):
        table = -(-reader.thresholds * SCALE_UNIT // scales[:, np.newaxis])
        return replace(reader, thresholds=table)
    assert isinstance(reader, Requantize)
    return replace(
        reader,
        multiplier=reader.multiplier * scales,
        offset=reader.offset * SCALE_UNIT,
        shift=reader.shift + SHIFT,
    )
