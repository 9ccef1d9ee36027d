from __future__ import annotations

import numpy as np
from skl2onnx.common import tree_ensemble
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from exporter.conversion.estimator_patches import low_level_trees, plain_flags

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X[:, 0] + RNG.normal(size=60) > 0


def test_lists_the_trees_of_a_forest() -> None:
    """One entry for each tree; none for what has no trees."""
    assert len(low_level_trees(RandomForestClassifier(3, random_state=0).fit(X, Y))) == 3
    assert low_level_trees(LogisticRegression().fit(X, Y)) == []


def test_leaves_skl2onnx_as_it_was() -> None:
    """What is replaced during a conversion is put back, also after a failure."""
    before = tree_ensemble.add_node
    with plain_flags():
        assert tree_ensemble.add_node is not before
    assert tree_ensemble.add_node is before
