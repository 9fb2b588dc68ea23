"""Makes a failing case smaller while it still fails in the same way.

Changes are tried from the coarse to the fine: fewer frames and profiles, operations taken out,
smaller images and fewer channels, plainer windows and parameters, weights of zero, plainer
foldings. Each change that keeps the kind of failure is kept, and the list begins anew; when none is
left, or the attempts are used up, what remains is the smallest case that was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from sterna.folding import Folding, SelectFolding, TableFolding
from sterna.grouping import GroupFolding
from sterna.ir import GroupMatMul, Input, MatMul, Op, Requantize, Threshold, Window
from sterna_hw.base import WindowAxis

from .case import Case
from .examine import Failure, examine
from .refit import refit_folding, refit_graph

__all__ = ["shrink"]

ATTEMPTS = 150


def shrink(
    case: Case,
    failure: Failure,
    check: Callable[[Case], Failure | None] = examine,
    attempts: int = ATTEMPTS,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[Case, Failure]:
    """The smallest case found that fails with the same kind of failure, and its failure."""
    tried = 0
    seen: set[str] = {case.to_text()}
    smaller = True
    while smaller:
        smaller = False
        for candidate in _candidates(case):
            text = candidate.to_text()
            if text in seen:
                continue
            seen.add(text)
            if tried >= attempts:
                return case, failure
            tried += 1
            found = check(candidate)
            if found is not None and found.kind == failure.kind:
                case, failure, smaller = candidate, found, True
                progress(f"Attempt {tried}: {case.summary}")
                break
    return case, failure


def _candidates(case: Case) -> Iterator[Case]:
    """Cases that are a little smaller, the largest steps first."""
    for change in (_play_less, _take_out, _make_smaller, _make_plainer, _fold_plainly):
        yield from change(case)


def _play_less(case: Case) -> Iterator[Case]:
    if len(case.profiles) > 1:
        for profile in case.profiles:
            yield replace(case, profiles=(profile,))
    for frames in range(1, case.frames):
        yield replace(case, frames=frames)
    if case.reloadable:
        yield replace(case, reloadable=False)
    if case.queues:
        yield replace(case, queues={})


def _with_ops(case: Case, ops: list[Op], aliases: dict[str, str] | None = None) -> Iterator[Case]:
    """The case with other operations, if they can be made to fit."""
    try:
        graph = refit_graph(case.graph, ops, aliases or {})
    except ValueError:
        return
    layers = {op.name: op for op in graph.ops if isinstance(op, MatMul)}
    foldings = {
        name: refit_folding(layers[name], folding)
        for name, folding in case.foldings.items()
        if name in layers and not isinstance(folding, GroupFolding)
    }
    queues = {name: rows for name, rows in case.queues.items() if name in layers}
    yield replace(case, graph=graph, foldings=foldings, queues=queues)


def _take_out(case: Case) -> Iterator[Case]:
    """Without a run of operations: whoever read the last one reads what the first one read."""
    ops = list(case.graph.ops)
    for length in range(len(ops) - 2, 0, -1):
        for first in range(1, len(ops) - length + 1):
            gone = ops[first : first + length]
            names = {op.name for op in gone}
            outside = [name for op in gone for name in op.inputs if name not in names]
            aliases = {op.name: outside[0] for op in gone}
            yield from _with_ops(case, [op for op in ops if op.name not in names], aliases)


def _exchanged(case: Case, op: Op, other: Op) -> Iterator[Case]:
    yield from _with_ops(case, [other if item is op else item for item in case.graph.ops])


def _less(size: int) -> Iterator[int]:
    """Smaller sizes to try."""
    yield from dict.fromkeys(n for n in (1, size // 2, size - 1) if 1 <= n < size)


def _make_smaller(case: Case) -> Iterator[Case]:
    for op in case.graph.ops:
        if isinstance(op, Input):
            for axis, size in enumerate(op.type.shape):
                for count in _less(size):
                    shape = (*op.type.shape[:axis], count, *op.type.shape[axis + 1 :])
                    yield from _exchanged(case, op, replace(op, type=replace(op.type, shape=shape)))
        elif isinstance(op, MatMul):
            for count in _less(len(op.weights)):
                yield from _exchanged(case, op, replace(op, weights=op.weights[:count]))
                # Branches that are added have equally many channels.
                yield from _with_ops(case, [_cut(other, op, count) for other in case.graph.ops])
        elif isinstance(op, Threshold):
            for count in _less(op.thresholds.shape[1]):
                yield from _exchanged(case, op, replace(op, thresholds=op.thresholds[:, :count]))


def _cut(op: Op, like: MatMul, count: int) -> Op:
    """A matmul of as many outputs as another one, with fewer; anything else as it is."""
    if isinstance(op, MatMul) and len(op.weights) == len(like.weights):
        return replace(op, weights=op.weights[:count])
    return op


def _make_plainer(case: Case) -> Iterator[Case]:
    for op in case.graph.ops:
        for other in _plainer(op):
            yield from _exchanged(case, op, other)


def _plainer(op: Op) -> Iterator[Op]:
    match op:
        case Window():
            rows, columns = WindowAxis(op.rows.size), WindowAxis(op.columns.size)
            yield replace(op, rows=rows, columns=columns)
            yield replace(op, rows=rows)
            yield replace(op, columns=columns)
            for name in ("rows", "columns"):
                axis = getattr(op, name)
                for change in ({"stride": 1}, {"dilation": 1}, {"before": 0}, {"after": 0}):
                    try:
                        yield replace(op, **{name: replace(axis, **change)})
                    except ValueError:
                        continue
        case MatMul() | GroupMatMul():
            yield from _fewer_weights(op)
        case Requantize():
            yield replace(op, multiplier=np.ones_like(op.multiplier))
            yield replace(op, offset=np.zeros_like(op.offset))
            yield replace(op, shift=0)
        case Threshold():
            yield replace(op, descending=np.zeros_like(op.descending))


def _fewer_weights(op: MatMul | GroupMatMul) -> Iterator[Op]:
    """All weights zero (or the first letter), then halves, then rows, columns and single ones."""
    empty = op.alphabet.pad_value
    rows, columns = op.weights.shape
    places = [np.s_[:, :], np.s_[: rows // 2], np.s_[rows // 2 :], np.s_[:, : columns // 2]]
    places += [np.s_[row] for row in range(rows)] + [np.s_[:, column] for column in range(columns)]
    for place in places:
        weights = op.weights.copy()
        weights[place] = empty
        if (weights != op.weights).any():
            yield replace(op, weights=weights)
    if op.planes > 1 and op.alphabet.contains(op.weights):
        yield replace(op, planes=1)


def _fold_plainly(case: Case) -> Iterator[Case]:
    layers = {op.name: op for op in case.graph.ops if isinstance(op, MatMul)}
    for name, folding in case.foldings.items():
        if isinstance(folding, GroupFolding):  # it can do without
            others = {key: value for key, value in case.foldings.items() if key != name}
            yield replace(case, foldings=others)
            continue
        for other in _plainer_folding(layers[name], folding):
            yield replace(case, foldings={**case.foldings, name: other})
    for name, rows in case.queues.items():
        for count in _less(rows):
            yield replace(case, queues={**case.queues, name: count})


def _plainer_folding(layer: MatMul, folding: Folding) -> Iterator[Folding]:
    yield SelectFolding(1, 1)
    match folding:
        case TableFolding():
            yield replace(folding, sign_fold=False)
            yield replace(folding, buffers=1)
            for name in ("group", "tables", "queries"):
                for count in _less(getattr(folding, name)):
                    yield refit_folding(layer, replace(folding, **{name: count}))
        case SelectFolding():
            for name in ("block_inputs", "queries"):
                for count in _less(getattr(folding, name)):
                    yield replace(folding, **{name: count})
