"""Readers of networks and their lowering to the integer graph."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from ..ir import Graph, LayerNote
from .brevitas import read_brevitas
from .integer_input import INPUT_TYPES
from .lowering import Lowering, lower
from .qonnx import read_qonnx

__all__ = [
    "INPUT_TYPES",
    "LayerNote",
    "Lowering",
    "from_brevitas",
    "load_qonnx",
    "lower",
    "read_brevitas",
    "read_qonnx",
]


def load_qonnx(
    path: str | PathLike[str], approximate: bool = False, input_type: str | None = None
) -> Graph:
    """The integer graph of a QONNX file.

    Parameters
    ----------
    path : path
        The file.
    approximate : :class:`bool`
        Accept what cannot be exact; see `lower`. The graph's ``notes`` tell how far each layer is
        from exact.
    input_type : :class:`str`, optional
        What the input holds, one of `INPUT_TYPES` (``"uint8"`` pixels; ``"uint8/255"`` where the
        network is given them divided by 255) or ``"float"``; what the file says by default.

    Raises
    ------
    UnsupportedError
        If the file is not QONNX or holds anything that cannot be represented; every problem listed.
    """
    return lower(read_qonnx(path, input_type), approximate).graph


def from_brevitas(
    module: Any,
    input_shape: Sequence[int],
    name: str | None = None,
    approximate: bool = False,
    input_type: str | None = None,
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
        Accept what cannot be exact; see `lower`. The graph's ``notes`` tell how far each layer is
        from exact.
    input_type : :class:`str`, optional
        What the input holds: ``"uint8"`` for pixels, ``"uint8/255"`` for pixels that the network is
        given divided by 255, or another of `INPUT_TYPES`; any real by default.

    Raises
    ------
    UnsupportedError
        If anything in the network cannot be represented; every problem listed.
    """
    return lower(read_brevitas(module, input_shape, name, input_type), approximate).graph
