"""Cleaning up a graph: unused outputs, nodes and operator sets are removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import helper

if TYPE_CHECKING:
    from collections.abc import Iterable

_FLOAT_ONLY = frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor"})
_MISSING = "nodes_missing_value_tracks_true"


def keep_outputs(model: Any, names: Iterable[str]) -> None:
    """Drop all other outputs, and the nodes, constants and inputs that only they needed."""
    wanted = set(names)
    graph = model.graph
    _keep(graph.output, [o for o in graph.output if o.name in wanted])
    needed = set(wanted)
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(_reads(node))
    _keep(graph.node, list(reversed(nodes)))
    _keep(graph.initializer, [i for i in graph.initializer if i.name in needed])
    _keep(graph.input, [i for i in graph.input if i.name in needed])


def make_portable(model: Any) -> None:
    """Remove what a server may lack.

    Operator sets of which no operator is used are not imported, and strings are lowered in a locale
    that slim images have: ONNX's default is ``en_US``.
    """
    nodes = _all_nodes(model.graph)
    used = {""} | {node.domain for node in nodes}
    once = {entry.domain: entry for entry in model.opset_import if entry.domain in used}
    _keep(model.opset_import, list(once.values()))
    for node in nodes:
        if node.op_type == "StringNormalizer":
            kept = [a for a in node.attribute if a.name != "locale"]
            _keep(node.attribute, kept)
            node.attribute.append(helper.make_attribute("locale", "C.UTF-8"))


def opsets(model: Any) -> dict[str, int]:
    """Return the version of each operator set that the graph needs."""
    return {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}


def _keep(field: Any, kept: list[Any]) -> None:
    # Nothing is copied, for a node may hold a forest.
    wanted = {id(entry) for entry in kept}
    for place in reversed(range(len(field))):
        if id(field[place]) not in wanted:
            del field[place]


def _reads(node: Any) -> set[str]:
    names = set(node.input)
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            for inner in graph.node:  # a subgraph may read names of the graph around it
                names |= _reads(inner)
            names.update(output.name for output in graph.output)
    return names


def _all_nodes(graph: Any) -> list[Any]:
    nodes = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                nodes += _all_nodes(inner)
    return nodes
