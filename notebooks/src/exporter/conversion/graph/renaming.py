"""Renaming the tensors of another model's nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def rename_node(node: Any, rename: Callable[[str], str]) -> None:
    """Rename the inputs and outputs of a node, also in the graphs that it contains."""
    node.input[:] = [rename(name) for name in node.input]
    node.output[:] = [rename(name) for name in node.output]
    node.name = ""
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            _rename_graph(graph, rename)


def _rename_graph(graph: Any, rename: Callable[[str], str]) -> None:
    for entry in [*graph.input, *graph.output, *graph.initializer]:
        entry.name = rename(entry.name)
    for node in graph.node:
        rename_node(node, rename)
