"""Readers of networks and their lowering to the integer graph."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from ..ir import Graph
from .brevitas import read_brevitas
from .lower import lower
from .lowering import LayerNote, Lowering
from .qonnx import read_qonnx

__all__ = [
    "LayerNote",
    "Lowering",
    "from_brevitas",
    "load_qonnx",
    "lower",
    "read_brevitas",
    "read_qonnx",
]


def load_qonnx(path: str | PathLike[str], approximate: bool = False) -> Graph:
    """The integer graph of a QONNX file.

    Parameters
    ----------
    path : path
        The file.
    approximate : :class:`bool`
        Accept what cannot be exact; see `lower`, which also tells how far it is from exact.

    Raises
    ------
    UnsupportedError
        If the file is not QONNX or holds anything that cannot be represented; every problem listed.
    """
    return lower(read_qonnx(path), approximate).graph


def from_brevitas(
    module: Any,
    input_shape: Sequence[int],
    name: str | None = None,
    approximate: bool = False,
) -> Graph:
    """The integer graph of a live Brevitas module.

    Parameters
    ----------
    module : :class:`torch.nn.Module`
        The network, read as in evaluation mode.
    input_shape : sequence of :class:`int`
        Shape of one sample, without the batch axis.
    name : :class:`str`, optional
        Name of the network; the module's class by default.
    approximate : :class:`bool`
        Accept what cannot be exact; see `lower`.

    Raises
    ------
    UnsupportedError
        If anything in the network cannot be represented; every problem listed.
    """
    return lower(read_brevitas(module, input_shape, name), approximate).graph
