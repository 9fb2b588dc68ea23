"""The text form of a graph: one line an operation, versioned, and exact both ways.

    sterna-ir 1
    graph "digits" source [1, 28, 28]
    %x = input() {...} : 784 [0, 255]
    %fc1 = matmul(%x) {"alphabet": ..., "weights": ...} : 256 [-90, 87]
    edge in %x {"scale": "0x1.0p-8", "zero_point": 0}
    edge out %fc1 {...}

Attributes are JSON. Small arrays are lists; large ones are deflated and written in base 85 with
their shape. Floats (edges only) are written in hexadecimal, so that nothing is lost. The type after
the colon is for the reader; parsing proves it anew and refuses a line whose type is not the proven
one.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import astuple
from typing import Any

import numpy as np

from sterna_hw.base import Alphabet, IntegerRange, Rounding, WindowAxis

from .branch_ops import Add, Concat
from .graph import Graph
from .group_op import GroupMatMul
from .image_ops import GlobalPool, PixelShuffle, Upsample
from .op import Op
from .ops import Input, MatMul, Requantize, Reshape, Threshold, TopK
from .table_op import Table
from .types import InputEdge, OutputEdge, TensorType
from .window_ops import Pool, Window

__all__ = ["OPERATIONS", "VERSION", "parse_graph", "print_graph"]

VERSION = 1

_OPS: dict[str, type[Op]] = {
    op.kind: op
    for op in (
        *(Input, MatMul, Threshold, Requantize, Reshape, TopK, Window, Pool, Add, Concat),
        *(GroupMatMul, GlobalPool, Table, Upsample, PixelShuffle),
    )
}
OPERATIONS = tuple(_OPS)
"""Kinds of operations that a graph may have."""

_LINE = re.compile(r"%(?P<name>\S+) = (?P<kind>\w+)\((?P<inputs>[^)]*)\) (?P<rest>\{.*)")
_EDGE = re.compile(r"edge (?P<side>in|out) %(?P<name>\S+) (?P<rest>\{.*)")
_GRAPH = re.compile(r"graph (?P<name>\".*\") source (?P<shape>.*)")
_SMALL_ARRAY = 24


def print_graph(graph: Graph) -> str:
    """The text form of a graph."""
    shape = json.dumps(graph.source_shape)
    lines = [f"sterna-ir {VERSION}", f"graph {json.dumps(graph.name)} source {shape}"]
    for op in graph.ops:
        inputs = ", ".join(f"%{name}" for name in op.inputs)
        attributes = json.dumps({key: _encode(value) for key, value in op.attributes().items()})
        lines.append(f"%{op.name} = {op.kind}({inputs}) {attributes} : {graph.types[op.name]}")
    for side, edges in (("in", graph.inputs), ("out", graph.outputs)):
        for name, edge in edges.items():
            record: dict[str, Any] = {"scale": edge.scale.hex(), "zero_point": edge.zero_point}
            if isinstance(edge, InputEdge) and edge.axes:
                record["axes"] = edge.axes
            lines.append(f"edge {side} %{name} {json.dumps(record)}")
    return "\n".join(lines) + "\n"


def parse_graph(text: str) -> Graph:
    """The graph that a text form describes.

    Raises
    ------
    ValueError
        If the text is not of this version, a line is not understood, or a type is not the proven
        one; the message names the line.
    """
    lines = text.splitlines()
    if not lines or lines[0] != f"sterna-ir {VERSION}":
        first = lines[0] if lines else ""
        raise ValueError(f"First line of a graph must be 'sterna-ir {VERSION}', not {first!r}")
    name, shape = "", None
    ops: list[Op] = []
    stated: list[tuple[int, str, str]] = []
    edges: dict[str, dict[str, Any]] = {"in": {}, "out": {}}
    for number, line in enumerate(lines[1:], start=2):
        try:
            if match := _GRAPH.fullmatch(line):
                name = json.loads(match["name"])
                axes = json.loads(match["shape"])
                shape = None if axes is None else tuple(axes)
            elif match := _LINE.fullmatch(line):
                record, end = json.JSONDecoder().raw_decode(match["rest"])
                ops.append(_build(match["kind"], match["name"], match["inputs"], record))
                stated.append((number, match["name"], match["rest"][end:].removeprefix(" : ")))
            elif match := _EDGE.fullmatch(line):
                record = json.loads(match["rest"])
                edge = InputEdge if match["side"] == "in" else OutputEdge
                record["scale"] = float.fromhex(record["scale"])
                edges[match["side"]][match["name"]] = edge(**record)
            elif line.strip():
                raise ValueError("form is unknown")
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise ValueError(f"Line {number} of a graph must be readable: {error}") from error
    graph = Graph(name, tuple(ops), edges["in"], edges["out"], shape)
    for number, value, type_text in stated:
        if str(graph.types[value]) != type_text:
            raise ValueError(
                f"Type in line {number} must be the proven {graph.types[value]}, not {type_text}"
            )
    return graph


def _build(kind: str, name: str, inputs: str, record: dict[str, Any]) -> Op:
    if kind not in _OPS:
        raise ValueError(f"operation {kind!r} is unknown")
    names = tuple(part.strip().removeprefix("%") for part in inputs.split(",") if part.strip())
    return _OPS[kind](name, names, **{key: _decode(value) for key, value in record.items()})


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.size <= _SMALL_ARRAY:
            return {"array": value.tolist()}
        packed = zlib.compress(value.astype("<i8").tobytes(), 9)
        return {"shape": value.shape, "deflated": base64.b85encode(packed).decode()}
    if isinstance(value, IntegerRange):
        return {"range": [value.low, value.high]}
    if isinstance(value, Alphabet):
        return {"alphabet": value.name, "values": value.values}
    if isinstance(value, Rounding):
        return {"rounding": value.value}
    if isinstance(value, WindowAxis):
        return {"window": astuple(value)}
    if isinstance(value, TensorType):
        return {"type": value.shape, "range": [value.range.low, value.range.high]}
    if isinstance(value, tuple):
        return list(value)
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return np.array(value["array"], dtype=np.int64)
    if "deflated" in value:
        packed = zlib.decompress(base64.b85decode(value["deflated"]))
        return np.frombuffer(packed, dtype="<i8").reshape(value["shape"])
    if "alphabet" in value:
        return Alphabet(value["alphabet"], tuple(value["values"]))
    if "window" in value:
        return WindowAxis(*value["window"])
    if "rounding" in value:
        return Rounding(value["rounding"])
    bounds = IntegerRange(*value["range"])
    return TensorType(tuple(value["type"]), bounds) if "type" in value else bounds
