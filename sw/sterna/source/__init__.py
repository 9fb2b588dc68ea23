"""The neutral, float-level description of a network that every reader produces."""

from .branches import AddBranches, ConcatBranches
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
from .enlarge import Enlarge, PixelShuffle, Upsample
from .functions import FUNCTIONS, Function, LeakyRelu
from .graph import IntegerInput, SourceGraph, SourceNode
from .images import CHANNELS_FIRST, CHANNELS_LAST, Pooling, Transpose, Windows
from .operation import Linear, Opaque, Operation, Reshape
from .quantiser import BipolarQuantiser, IntegerQuantiser, Quantiser

__all__ = [
    "CHANNELS_FIRST",
    "CHANNELS_LAST",
    "FUNCTIONS",
    "Add",
    "AddBranches",
    "BipolarQuantiser",
    "Cast",
    "Clip",
    "ConcatBranches",
    "Divide",
    "Elementwise",
    "Enlarge",
    "Function",
    "IntegerInput",
    "IntegerQuantiser",
    "LeakyRelu",
    "Linear",
    "Multiply",
    "MultiplyAdd",
    "Opaque",
    "Operation",
    "PixelShuffle",
    "Pooling",
    "Quantiser",
    "Relu",
    "Reshape",
    "SourceBuilder",
    "SourceGraph",
    "SourceNode",
    "Transpose",
    "Upsample",
    "Windows",
]
