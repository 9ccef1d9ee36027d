"""Mending the graph that skl2onnx has made: fewer outputs, right shapes, faster to serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterable

_FLOAT_ONLY = frozenset({"TreeEnsembleClassifier", "TreeEnsembleRegressor"})
_MISSING = "nodes_missing_value_tracks_true"
_NEAREST = 1e-12


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


def correct_distance_weights(model: Any) -> None:
    """Weight neighbours by their distance, where the graph weights by its negative.

    From opset 11 on skl2onnx 1.20 multiplies the distances of ``TopK`` by -1 before it takes
    ``1 / max(distance, 1e-6)``, so that all neighbours weigh the same. The bound is lowered as
    well: for scikit-learn a neighbour at distance 0 outweighs all others.
    """
    makers = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if node.op_type != "Max" or len(node.input) != 2:
            continue
        negated = makers.get(node.input[0])
        if negated is None or negated.op_type != "Mul":
            continue
        source = makers.get(negated.input[0])
        constants = {i.name: i for i in model.graph.initializer}
        if source is None or source.op_type != "TopK" or node.input[1] not in constants:
            continue
        dtype = numpy_helper.to_array(constants[node.input[1]]).dtype
        bound = f"{node.input[1]}_nearest"
        model.graph.initializer.append(
            numpy_helper.from_array(np.array([_NEAREST], dtype=dtype), bound)
        )
        node.input[:] = [negated.input[0], bound]


def make_portable(model: Any) -> None:
    """Ask the server for nothing that it may lack.

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
    """Tell which version of which operator set the graph wants."""
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
