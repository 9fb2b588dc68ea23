"""The intermediate representation: an immutable graph of integer tensor operations."""

from .branch_ops import Add, Concat
from .graph import Graph
from .group_op import GroupMatMul
from .image_ops import GlobalPool, PixelShuffle, Upsample
from .note import LayerNote
from .op import Op
from .ops import Input, MatMul, Requantize, Reshape, Threshold, TopK
from .table_op import Table
from .text import parse_graph, print_graph
from .types import InputEdge, OutputEdge, TensorType
from .window_ops import Pool, Window

__all__ = [
    "Add",
    "Concat",
    "GlobalPool",
    "Graph",
    "GroupMatMul",
    "Input",
    "InputEdge",
    "LayerNote",
    "MatMul",
    "Op",
    "OutputEdge",
    "PixelShuffle",
    "Pool",
    "Requantize",
    "Reshape",
    "Table",
    "TensorType",
    "Threshold",
    "TopK",
    "Upsample",
    "Window",
    "parse_graph",
    "print_graph",
]
