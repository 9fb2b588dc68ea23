"""One case of the fuzzer: a network, how it is folded, and what is played through it.

A case is all that is needed to repeat a run. As text it has a version, a line of JSON for the
options, and then the network in the text form of the graph, so that a case that once failed can be
read, kept in ``tests/crashers`` and replayed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sterna.folding import LayerFolding, as_record, foldings_of
from sterna.ir import Graph, MatMul, parse_graph, print_graph

__all__ = ["Case", "read_case"]

VERSION = 1
_TITLE = f"sterna-case {VERSION}"


@dataclass(frozen=True)
class Case:
    """A case.

    Parameters
    ----------
    graph : :class:`Graph`
        The network.
    foldings : mapping of layer to :class:`Folding`
        One for each matmul.
    queues : mapping of layer to :class:`int`
        Rows of the queue in front of a layer.
    target : :class:`str`
        The device.
    reloadable : :class:`bool`
        Whether weights and thresholds can be loaded.
    profiles : tuple of :class:`str`
        Stall profiles that are played.
    frames : :class:`int`
        Samples that are played.
    seed : :class:`int`
        Seed of samples and stalls.
    """

    graph: Graph
    foldings: Mapping[str, LayerFolding]
    queues: Mapping[str, int]
    target: str
    reloadable: bool
    profiles: tuple[str, ...]
    frames: int
    seed: int

    def codes(self) -> np.ndarray:
        """The samples: int64, shape ``(frames, *input shape)``."""
        kind = self.graph.types[self.graph.input_name]
        generator = np.random.default_rng(self.seed)
        bounds = (kind.range.low, kind.range.high + 1)
        codes = generator.integers(*bounds, (self.frames, *kind.shape))
        if self.frames > 1:
            # The ends of the range are where widths show.
            codes[0] = generator.choice([kind.range.low, kind.range.high], kind.shape)
        return codes

    @property
    def summary(self) -> str:
        """Kinds of operations and input shape, in a few words."""
        kinds = [op.kind for op in self.graph.ops[1:]]
        shape = "x".join(str(axis) for axis in self.graph.types[self.graph.input_name].shape)
        return f"{shape}: {', '.join(kinds)}" + (" (reloadable)" if self.reloadable else "")

    @property
    def size(self) -> int:
        """A measure of how much there is: what shrinking makes smaller."""
        values = sum(kind.size for kind in self.graph.types.values())
        weights = [op.weights for op in self.graph.ops if isinstance(op, MatMul)]
        letters = sum(int((matrix != 0).sum()) + matrix.size for matrix in weights)
        return 20 * len(self.graph.ops) + values + letters

    def to_text(self) -> str:
        """The text form."""
        options = {
            "foldings": as_record(self.foldings),
            "queues": dict(self.queues),
            "target": self.target,
            "reloadable": self.reloadable,
            "profiles": list(self.profiles),
            "frames": self.frames,
            "seed": self.seed,
        }
        return f"{_TITLE}\n{json.dumps(options)}\n{print_graph(self.graph)}"


def read_case(path: Path) -> Case:
    """The case in a file.

    Raises
    ------
    ValueError
        If the file is not one.
    """
    title, _, rest = path.read_text().partition("\n")
    if title != _TITLE:
        raise ValueError(f"First line of {path} must be {_TITLE!r}, not {title!r}")
    line, _, text = rest.partition("\n")
    try:
        options = json.loads(line)
        foldings = foldings_of(options.pop("foldings"), str(path))
        profiles = tuple(options.pop("profiles"))
        return Case(parse_graph(text), foldings, profiles=profiles, **options)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"Case {path} must have its options in line 2: {error}") from error
