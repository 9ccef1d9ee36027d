"""Encoders of categories, bins, and naive Bayes on numbers of categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.naive_bayes import CategoricalNB
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    TargetEncoder,
)

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predicts, transforms
from exporter.conversion.graph.scores import largest
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph

_INT64 = 7


@transforms(OneHotEncoder)
def transform_one_hot(
    graph: Graph, encoder: OneHotEncoder, columns: Sequence[Column]
) -> list[Column]:
    """Write one indicator for each category that is neither dropped nor infrequent."""
    parts = []
    for place, categories in enumerate(encoder.categories_):
        targets = _one_hot_targets(encoder, place, len(categories))
        width = encoder._n_features_outs[place]  # noqa: SLF001 - after dropping and grouping
        code = encode(graph, graph.pick(columns, [place])[0], categories)
        if not np.array_equal(targets[:-1], np.arange(width)) or targets[-1] >= 0:
            code = graph.op("Gather", targets, code)
        if width:
            hits = graph.op("Equal", code, np.arange(width)[None, :])
            parts.append(graph.to_real(hits))
    return [Column(graph.concat(parts), "real", sum(encoder._n_features_outs))]  # noqa: SLF001


@transforms(OrdinalEncoder)
def transform_ordinal(
    graph: Graph, encoder: OrdinalEncoder, columns: Sequence[Column]
) -> list[Column]:
    """Write the number of each category."""
    parts = []
    for place, categories in enumerate(encoder.categories_):
        values = np.arange(len(categories) + 1, dtype=np.float64)
        missing = encoder._missing_indices.get(place)  # noqa: SLF001 - not public otherwise
        grouped = _grouping(encoder, place)
        if grouped is not None:
            values[: len(grouped)] = grouped
        if missing is not None:
            values[missing] = encoder.encoded_missing_value
        unknown = encoder.unknown_value if encoder.handle_unknown != "error" else np.nan
        values[-1] = np.nan if unknown is None else unknown
        code = encode(graph, graph.pick(columns, [place])[0], categories)
        parts.append(graph.op("Gather", values, code))
    return [Column(graph.concat(parts), "real", len(parts))]


@transforms(TargetEncoder)
def transform_target(
    graph: Graph, encoder: TargetEncoder, columns: Sequence[Column]
) -> list[Column]:
    """Write the mean target of each category, and of each class where there are several."""
    several = encoder.target_type_ == "multiclass"
    means = np.ravel(encoder.target_mean_)
    per_feature = len(encoder.classes_) if several else 1
    parts = []
    for place, categories in enumerate(encoder.categories_):
        encodings = encoder.encodings_[place * per_feature : (place + 1) * per_feature]
        table = np.column_stack([np.append(e, m) for e, m in zip(encodings, means, strict=True)])
        code = encode(graph, graph.pick(columns, [place])[0], categories)
        rows = graph.op("Gather", table, graph.op("Reshape", code, np.array([-1])))
        parts.append(rows)
    return [Column(graph.concat(parts), "real", len(parts) * per_feature)]


@transforms(KBinsDiscretizer)
def transform_bins(graph: Graph, bins: KBinsDiscretizer, columns: Sequence[Column]) -> list[Column]:
    """Write the number of the bin that each value falls into, or one indicator for each bin."""
    parts, widths = [], []
    for place, edges in enumerate(bins.bin_edges_):
        values = graph.matrix(graph.pick(columns, [place]))
        inner = np.asarray(edges[1:-1], dtype=np.float64)
        if len(inner):
            above = graph.op("GreaterOrEqual", values, inner[None, :])
            number = graph.total(graph.to_real(above))
        else:
            number = graph.op("Mul", values, 0.0)
        if bins.encode == "ordinal":
            parts.append(number)
            widths.append(1)
            continue
        count = int(bins.n_bins_[place])
        hits = graph.op("Equal", number, np.arange(count, dtype=np.float64)[None, :])
        parts.append(graph.to_real(hits))
        widths.append(count)
    return [Column(graph.concat(parts), "real", sum(widths))]


@predicts(CategoricalNB)
def predict_categories(graph: Graph, model: CategoricalNB, columns: Sequence[Column]) -> Answer:
    """Add what each category says for each class; numbers are cut to whole ones, as there."""
    likelihood = ""
    for place, table in enumerate(model.feature_log_prob_):
        values = graph.matrix(graph.pick(columns, [place]))
        code = graph.op("Cast", graph.op("Reshape", values, np.array([-1])), to=_INT64)
        known = graph.op("Min", graph.op("Max", code, np.array(0)), np.array(table.shape[1] - 1))
        rows = graph.op("Gather", np.asarray(table.T, dtype=np.float64), known)
        likelihood = graph.op("Add", likelihood, rows) if likelihood else rows
    scores = graph.op("Add", likelihood, np.asarray(model.class_log_prior_, dtype=np.float64))
    return Answer(largest(graph, scores), graph.op("Softmax", scores, axis=1))


def _one_hot_targets(encoder: OneHotEncoder, place: int, count: int) -> np.ndarray[Any, Any]:
    # Where each category's indicator stands; -1 for none. The last entry is for unknown ones.
    targets = np.append(np.arange(count), -1)
    grouped = _grouping(encoder, place)
    if grouped is not None:
        targets[: len(grouped)] = grouped
        if encoder.handle_unknown in ("infrequent_if_exist", "warn"):
            targets[-1] = grouped.max()
    dropped = encoder._drop_idx_after_grouping  # noqa: SLF001 - counts grouped categories as one
    if dropped is not None and dropped[place] is not None:
        drop = int(dropped[place])
        targets = np.where(targets == drop, -1, np.where(targets > drop, targets - 1, targets))
    return targets


def _grouping(encoder: Any, place: int) -> np.ndarray[Any, Any] | None:
    if not getattr(encoder, "_infrequent_enabled", False):
        return None
    grouping: Any = encoder._default_to_infrequent_mappings[place]  # noqa: SLF001 - only there
    return None if grouping is None else np.asarray(grouping)


def encode(graph: Graph, column: Column, categories: np.ndarray[Any, Any]) -> str:
    """Return the index of each value among the categories, or their number for an unknown one."""
    texts = any(isinstance(c, str) for c in categories.tolist())
    if texts != (column.element == "string"):
        fitted, given = ("strings", "numbers") if texts else ("numbers", "strings")
        raise ConversionError(
            f"the encoder was fitted on {fitted} such as {categories.tolist()[0]!r}, and X has "
            f"{given} there: pass X with the types that the model was fitted on"
        )
    if texts:
        return _encode_texts(graph, column, categories)
    exact, values = _comparable(graph, column, categories)
    hits = graph.op("Equal", values, exact[None, :])
    if any(c is None or c != c for c in categories.tolist()):  # noqa: PLR0124 - NaN
        missing = np.array([c is None or c != c for c in categories.tolist()])  # noqa: PLR0124
        absent = graph.op("And", graph.op("IsNaN", values), missing[None, :])
        hits = graph.op("Or", hits, absent)
    numbered = graph.op("ArgMax", graph.op("Cast", hits, to=1), axis=1, keepdims=1)
    seen = graph.op("ReduceMax", graph.op("Cast", hits, to=1), np.array([1]), keepdims=1)
    known = graph.op("Cast", seen, to=9)
    return graph.op("Where", known, numbered, np.array(len(categories)))


def _encode_texts(graph: Graph, column: Column, categories: np.ndarray[Any, Any]) -> str:
    # A missing text is "" in ONNX and in the contract.
    written = ["" if not isinstance(c, str) else c for c in categories.tolist()]
    if len(set(written)) < len(written):
        raise ConversionError(
            "an encoder tells empty strings from missing ones, which ONNX cannot: replace one"
        )
    return graph.op(
        "LabelEncoder",
        column.name,
        domain="ai.onnx.ml",
        keys_strings=written,
        values_int64s=list(range(len(written))),
        default_int64=len(written),
    )


def _comparable(
    graph: Graph, column: Column, categories: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], str]:
    numbers = np.array([np.nan if c is None else c for c in categories.tolist()])
    if column.element != "real" and numbers.dtype.kind in "iub":
        return numbers.astype(np.int64), graph.op("Cast", column.name, to=_INT64)
    exact = numbers.astype(graph.dtype)
    present = exact[~np.isnan(exact)]
    if len(np.unique(present)) < len(present):
        raise ConversionError(f"categories coincide in {graph.real}")
    return exact, graph.matrix([column])
