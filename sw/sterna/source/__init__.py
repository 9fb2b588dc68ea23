"""The neutral, float-level description of a network that every reader produces."""

from .builder import SourceBuilder
from .elementwise import (
    Add,
    Cast,
    Clip,
    Divide,
    Elementwise,
    Multiply,
    MultiplyAdd,
    Relu,
)
from .graph import SourceGraph, SourceNode
from .images import CHANNELS_FIRST, CHANNELS_LAST, Pooling, Transpose, Windows
from .operation import Linear, Opaque, Operation, Reshape
from .quantiser import BipolarQuantiser, IntegerQuantiser, Quantiser

__all__ = [
    "CHANNELS_FIRST",
    "CHANNELS_LAST",
    "Add",
    "BipolarQuantiser",
    "Cast",
    "Clip",
    "Divide",
    "Elementwise",
    "IntegerQuantiser",
    "Linear",
    "Multiply",
    "MultiplyAdd",
    "Opaque",
    "Operation",
    "Pooling",
    "Quantiser",
    "Relu",
    "Reshape",
    "SourceBuilder",
    "SourceGraph",
    "SourceNode",
    "Transpose",
    "Windows",
]
