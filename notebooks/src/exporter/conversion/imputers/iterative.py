"""Imputation of each column from the others, in several rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - enables the next import
from sklearn.impute import IterativeImputer

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predict, transform, transforms
from exporter.conversion.imputers.simple import is_missing
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


@transforms(IterativeImputer)
def transform_rounds(graph: Graph, imputer: Any, columns: Sequence[Column]) -> list[Column]:
    """Repeat the rounds of the fit; each column has its own estimator."""
    if imputer.sample_posterior:
        raise ConversionError(
            "IterativeImputer(sample_posterior=True) answers at random: use sample_posterior=False"
        )
    total = sum(column.width for column in columns)
    each = [graph.pick(columns, [index])[0] for index in range(total)]
    gaps = [is_missing(graph, column, imputer.missing_values) for column in each]
    first = transform(graph, imputer.initial_imputer_, columns)
    kept = [index for index in range(total) if not imputer._is_empty_feature[index]]  # noqa: SLF001
    if imputer.keep_empty_features:
        kept = list(range(total))
    values = [graph.pick(first, [index])[0].name for index in range(len(kept))]
    missing = [gaps[index] for index in kept]
    for index, others, estimator in imputer.imputation_sequence_ if imputer.n_iter_ else ():
        known = [Column(values[int(i)], "real", 1) for i in others]
        found = predict(graph, estimator, known).need_value()
        low, high = (np.ravel(b)[index] for b in (imputer._min_value, imputer._max_value))  # noqa: SLF001
        bounded = graph.op("Min", graph.op("Max", found, float(low)), float(high))
        values[index] = graph.op("Where", missing[index], bounded, values[index])
    if imputer.add_indicator:
        values += [graph.to_real(gaps[int(i)]) for i in imputer.indicator_.features_]
    return [Column(graph.concat(values), "real", len(values))]
