"""What a model of XGBoost consists of, read from its own JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.trees.categories import CategorySplits
from exporter.conversion.trees.structure import Trees
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from exporter.conversion.trees.structure import Array

LOG_LINK = frozenset({"count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"})
LOGISTIC = frozenset({"binary:logistic", "reg:logistic"})


@dataclass(frozen=True)
class Dump:
    """What a booster consists of.

    Attributes:
        objective: Its name.
        trees: The trees that predict() uses, each as the library's JSON has it.
        groups: The output that each tree adds to.
        weights: What each tree's leaves are multiplied by.
        linear: Weights and biases of a linear booster, ``[features + 1, outputs]``.
        start: The margin of each output without any tree, float32.
        categories: The categories of each column that has any.
    """

    objective: str
    trees: list[dict[str, Any]]
    groups: list[int]
    weights: list[float]
    linear: Array | None
    start: Array
    categories: dict[int, Array]


def read_dump(model: Any) -> Dump:
    """Read a model, without the trees that predict() leaves out after early stopping."""
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    objective = learner["objective"]["name"]
    booster = learner["gradient_booster"]
    start = _read_start(learner["learner_model_param"], objective)
    if booster["name"] == "gblinear":
        weights = np.array(booster["model"]["weights"], dtype=np.float32)
        return Dump(objective, [], [], [], weights.reshape(-1, len(start)), start, {})
    drop = booster.get("weight_drop")
    held = booster.get("gbtree", booster)["model"]
    first, last = _rounds(model, held)
    return Dump(
        objective,
        held["trees"][first:last],
        held["tree_info"][first:last],
        [1.0] * (last - first) if drop is None else drop[first:last],
        None,
        start,
        _read_categories(held.get("cats") or {}),
    )


def _rounds(model: Any, held: dict[str, Any]) -> tuple[int, int]:
    """Return which trees predict() uses: with early stopping, those up to the best round."""
    rounds = held["iteration_indptr"]
    try:
        best = int(model.best_iteration)
    except AttributeError:
        return 0, len(held["trees"])
    return 0, rounds[best + 1]


def _read_start(parameters: dict[str, str], objective: str) -> Array:
    given = json.loads(parameters["base_score"])
    base = np.ravel(np.array(given, dtype=np.float32))
    outputs = max(int(parameters["num_class"]), int(parameters["num_target"]), 1)
    with np.errstate(divide="ignore"):
        if objective in LOGISTIC:
            base = -np.log(np.float32(1) / base - np.float32(1))
        elif objective in LOG_LINK:
            base = np.log(base)
    return np.broadcast_to(base, outputs).astype(np.float32)


def _read_categories(held: dict[str, Any]) -> dict[int, Array]:
    found = {}
    for column, known in enumerate(held.get("enc", [])):
        ends = known.get("offsets")
        if ends:
            text = bytes(byte % 256 for byte in known["values"])
            if not text.isascii():
                # XGBoost counts letters where it cuts bytes, so the names are lost.
                raise ConversionError(
                    "XGBoost has not kept the names of categories with letters beyond ASCII: "
                    "rename them before fit(), or encode them with OneHotEncoder"
                )
            names = [text[first:last].decode() for first, last in pairwise(ends)]
            found[column] = np.array(names, dtype=object)
        elif known["values"]:
            found[column] = np.array(known["values"])
    return found


def join_trees(found: Dump, outputs: int) -> tuple[Trees, Array, Array]:
    """Return all trees, behind one tree of a single leaf for the start of each output.

    Returns:
        The trees, what each leaf holds, and the output that each leaf adds to.
    """
    parts: list[dict[str, Any]] = [_leaf() for _ in range(outputs)]
    values = [np.array([value]) for value in found.start]
    targets = [np.array([output]) for output in range(outputs)]
    for tree, group, weight in zip(found.trees, found.groups, found.weights, strict=True):
        left = np.array(tree["left_children"])
        held = np.array(tree["split_conditions"], dtype=np.float32)
        width = int(tree["tree_param"]["size_leaf_vector"])
        if width > 1:  # one tree for all outputs is repeated for each
            table = np.array(tree["leaf_weights"], dtype=np.float32).reshape(-1, width)
            rows = np.array(tree["right_children"])[left < 0]
        for output in range(width) if width > 1 else [group]:
            own = table[rows, output] if width > 1 else held[left < 0]
            parts.append(tree)
            values.append(own * np.float32(weight))
            targets.append(np.full(len(own), output))

    def join(key: str, dtype: Any) -> Array:
        return np.concatenate([np.array(part[key], dtype=dtype) for part in parts])

    left = join("left_children", np.int64)
    trees = Trees(
        sizes=np.array([len(part["left_children"]) for part in parts]),
        features=np.where(left < 0, 0, join("split_indices", np.int64)),
        # Below a threshold is at most at the float before it.
        thresholds=np.nextafter(join("split_conditions", np.float32), np.float32(-np.inf)),
        left=left,
        right=np.where(left < 0, -1, join("right_children", np.int64)),
        missing_left=join("default_left", bool),
    )
    return trees, np.concatenate(values), np.concatenate(targets)


def _leaf() -> dict[str, Any]:
    return {
        "left_children": [-1],
        "right_children": [-1],
        "split_indices": [0],
        "split_conditions": [0.0],
        "default_left": [0],
    }


def category_splits(found: Dump, trees: Trees) -> list[CategorySplits]:
    """List the splits by category; a category that is listed for a node goes right."""
    nodes: dict[int, list[int]] = {}
    listed: dict[int, list[list[int]]] = {}
    outputs = len(found.start)
    first = outputs
    for tree in found.trees:
        width = int(tree["tree_param"]["size_leaf_vector"])
        for _ in range(max(width, 1)):
            for place, node in enumerate(tree["categories_nodes"]):
                begin = tree["categories_segments"][place]
                codes = tree["categories"][begin : begin + tree["categories_sizes"][place]]
                column = tree["split_indices"][node]
                nodes.setdefault(column, []).append(first + node)
                listed.setdefault(column, []).append(codes)
            first += len(tree["left_children"])
    splits = []
    for column, own in nodes.items():
        if column not in found.categories:
            raise ConversionError(
                "XGBoost has not kept the categories of this model: fit it with XGBoost 3.1 or "
                "later, or encode categories with OneHotEncoder"
            )
        known = found.categories[column]
        left = np.ones((len(known) + 1, len(own)), dtype=bool)
        for place, codes in enumerate(listed[column]):
            left[codes, place] = False
        left[-1] = trees.missing_left[own]
        splits.append(CategorySplits(column, np.array(own), known, left))
    return splits
