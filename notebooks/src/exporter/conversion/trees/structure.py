"""The nodes of trees as arrays, for all libraries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Array = np.ndarray[Any, Any]

# onnxruntime takes some hundred bytes a node while it loads an ensemble, one ensemble at a time.
_NODES_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Trees:
    """All nodes of some trees, tree after tree.

    Attributes:
        sizes: Nodes of each tree.
        features: The column that a node compares.
        thresholds: Rows with a value of at most this go left; float32 or float64 as in the library.
        left: The left child, an index within the tree; negative for a leaf.
        right: The right child.
        missing_left: Whether a missing value goes left.
    """

    sizes: Array
    features: Array
    thresholds: Array
    left: Array
    right: Array
    missing_left: Array

    @property
    def leaves(self) -> Array:
        """Which nodes are leaves, as booleans."""
        found: Array = self.left < 0
        return found

    @property
    def starts(self) -> Array:
        """The root of each tree."""
        roots: Array = np.cumsum(self.sizes) - self.sizes
        return roots

    @property
    def tree_numbers(self) -> Array:
        """The tree of each node."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def node_numbers(self) -> Array:
        """The index of each node within its tree."""
        numbers: Array = np.arange(self.sizes.sum()) - np.repeat(self.starts, self.sizes)
        return numbers

    @property
    def leaf_counts(self) -> Array:
        """Leaves of each tree."""
        counts: Array = np.bincount(self.tree_numbers[self.leaves], minlength=len(self.sizes))
        return counts

    def with_thresholds(self, dtype: type[np.floating[Any]]) -> Trees:
        """Return the trees with thresholds of another type, at least as wide."""
        return replace(self, thresholds=self.thresholds.astype(dtype))

    def take(self, first: int, last: int) -> Trees:
        """Return the trees from ``first`` to before ``last``."""
        ends = np.concatenate([[0], np.cumsum(self.sizes)])
        nodes = slice(ends[first], ends[last])
        return Trees(
            self.sizes[first:last],
            self.features[nodes],
            self.thresholds[nodes],
            self.left[nodes],
            self.right[nodes],
            self.missing_left[nodes],
        )


@dataclass(frozen=True)
class Shares:
    """The leaves' values for each class, as a sparse matrix.

    Attributes:
        leaves: The leaf of each value.
        columns: The class of each value.
        values: The values that are not 0.
        shape: Numbers of leaves and classes.
    """

    leaves: Array
    columns: Array
    values: Array
    shape: tuple[int, int]

    @classmethod
    def of_targets(cls, targets: Array, values: Array, classes: int) -> Shares:
        """Return the values of leaves that have one each."""
        return cls(np.arange(len(values)), targets, values, (len(values), classes))

    @classmethod
    def of_table(cls, table: Array) -> Shares:
        """Return all values, zeros included, of ``[leaves, classes]``."""
        leaves, columns = np.indices(table.shape).reshape(2, -1)
        return cls(leaves, columns, table.ravel(), (len(table), table.shape[1]))

    @property
    def are_votes(self) -> bool:
        """Whether each leaf has a single class."""
        return bool((self.values == 1.0).all())

    @property
    def dense(self) -> Array:
        """All values, ``[leaves, classes]``."""
        table = np.zeros(self.shape)
        table[self.leaves, self.columns] = self.values
        return table


def split_trees(trees: Trees) -> Iterator[Trees]:
    """Split trees into parts of some hundred thousand nodes, in their order."""
    part = (np.cumsum(trees.sizes) - 1) // _NODES_AT_ONCE
    bounds = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(trees.sizes)]
    for first, last in pairwise(bounds):
        yield trees.take(first, last)


def with_constants(trees: Trees, count: int) -> Trees:
    """Prepend trees with a single leaf, one for each starting value of a sum."""
    return _join(_leaves(trees, count), trees)


def with_leaves(trees: Trees, count: int) -> Trees:
    """Append trees with a single leaf, for values that are added in the end."""
    return _join(trees, _leaves(trees, count))


def _leaves(like: Trees, count: int) -> Trees:
    one, none = np.ones(count, dtype=int), np.zeros(count, dtype=int)
    thresholds = none.astype(like.thresholds.dtype)
    return Trees(one, none, thresholds, -one, -one, none.astype(bool))


def _join(first: Trees, second: Trees) -> Trees:
    names = ("sizes", "features", "thresholds", "left", "right", "missing_left")
    pairs = {name: [getattr(first, name), getattr(second, name)] for name in names}
    return Trees(**{name: np.concatenate(pair) for name, pair in pairs.items()})


def from_sklearn(trees: Sequence[Any], columns: Sequence[Array] | None = None) -> Trees:
    """Read scikit-learn's low-level trees.

    Thresholds are rounded down to float32. No float32 lies between a threshold and its rounded
    value, so comparisons have the same result.

    Args:
        trees: ``tree_`` of each estimator.
        columns: For each tree, the input's column for each of its features.
    """
    features = [np.maximum(tree.feature, 0).astype(np.int32) for tree in trees]
    if columns is not None:
        features = [np.asarray(chosen)[own] for own, chosen in zip(features, columns, strict=True)]
    return Trees(
        sizes=np.array([tree.node_count for tree in trees]),
        features=np.concatenate(features),
        thresholds=np.concatenate([_round_down(tree.threshold) for tree in trees]),
        left=np.concatenate([tree.children_left.astype(np.int32) for tree in trees]),
        right=np.concatenate([tree.children_right.astype(np.int32) for tree in trees]),
        missing_left=np.concatenate([tree.missing_go_to_left for tree in trees]).astype(bool),
    )


def leaf_values(trees: Sequence[Any]) -> Array:
    """Return the leaves' values of scikit-learn's trees: ``[leaves, outputs, classes]``."""
    return np.concatenate([tree.value[tree.children_left < 0] for tree in trees])


def leaf_shares(trees: Sequence[Any]) -> Shares:
    """Return the shares of classes in the leaves of scikit-learn's trees, without zeros."""
    leaves, columns, values, count = [], [], [], 0
    for tree in trees:
        held = tree.value[:, 0, :][tree.children_left < 0]
        numbers, found = np.nonzero(held)
        leaves.append(numbers + count)
        columns.append(found)
        values.append(held[numbers, found])
        count += len(held)
    return Shares(
        np.concatenate(leaves),
        np.concatenate(columns),
        np.concatenate(values),
        (count, trees[0].value.shape[2]),
    )


def _round_down(thresholds: Array) -> Array:
    rounded = thresholds.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > thresholds, below, rounded)
