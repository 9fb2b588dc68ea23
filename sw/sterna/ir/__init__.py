"""The intermediate representation: an immutable graph of integer tensor operations."""

from .branch_ops import Add, Concat
from .graph import Graph
from .op import Op
from .ops import Input, MatMul, Requantize, Reshape, Threshold, TopK
from .text import parse_graph, print_graph
from .types import InputEdge, OutputEdge, TensorType
from .window_ops import Pool, Window

__all__ = [
    "Add",
    "Concat",
    "Graph",
    "Input",
    "InputEdge",
    "MatMul",
    "Op",
    "OutputEdge",
    "Pool",
    "Requantize",
    "Reshape",
    "TensorType",
    "Threshold",
    "TopK",
    "Window",
    "parse_graph",
    "print_graph",
]
