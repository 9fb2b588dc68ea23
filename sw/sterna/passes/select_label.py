"""Ends a graph with the label stage: the k best classes instead of all logits."""

from __future__ import annotations

from ..ir import Graph, OutputEdge, TopK

__all__ = ["select_label"]


def select_label(graph: Graph, k: int = 1) -> Graph:
    """A graph whose output is k pairs (index, value), best first, of the old output.

    The output edge has scale 1, since indices have no unit; values are in the old output's codes.

    Raises
    ------
    ValueError
        If k is not 1 to the number of classes.
    """
    name = f"{graph.output_name}.top"
    ops = (*graph.ops, TopK(name, (graph.output_name,), k))
    return graph.with_ops(ops, {name: OutputEdge(1.0)})
