"""Functions of arrays are written as NumPy computes them, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as rt
import pytest
from onnx import TensorProto
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from exporter import publish
from exporter.conversion.graph.builder import Graph, Output
from exporter.conversion.graph.column import Column
from exporter.conversion.numbers import array_functions  # noqa: F401 - registers functions
from exporter.conversion.numbers.tracing import UntraceableError, trace
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from pathlib import Path

TINY = float(np.finfo(float).tiny)
VALUES = np.array(
    [
        [-2, 0, 1.5, np.nan],
        [0.5, 3, -1e-9, 1e6],
        [2.5, -0.5, -np.inf, np.inf],
        [np.nextafter(2, 0), 2, np.nextafter(2, 3), -0.0],
        [-1.5, TINY, 1e300, -1e300],
    ]
)
WRITTEN: list[tuple[Any, dict[str, Any]]] = [
    *((f, {}) for f in (np.log1p, np.expm1, np.sqrt, np.square, np.abs, np.sin, np.cos)),
    *((f, {}) for f in (np.floor, np.ceil, np.rint, np.fabs, np.log, np.isnan, np.nan_to_num)),
    (np.clip, {"a_min": -1, "a_max": 2}),
    (np.clip, {"min": -1, "max": 2}),
    (np.nan_to_num, {"nan": -1, "posinf": 5, "neginf": -5}),
    (lambda x: np.clip(x, None, 2), {}),
    (lambda x, by: x / by - 1, {"by": 3}),
    (lambda x: 1 - x.copy() ** 2, {}),
    (lambda x: np.where(x > 2, x, 0), {}),
    (lambda x: np.where((x >= 2) | np.isnan(x), 1, 2 * x), {}),
    (lambda x: (x < 2) & (x != 0), {}),
    (lambda x: ~(x <= 2), {}),
    (lambda x: np.maximum(x, 2), {}),
    (lambda x: np.minimum(2, x), {}),
    (lambda x: x[:, 1:3] * np.array([1, 2]), {}),
    (lambda x: x[:, [3, 0]], {}),
    (lambda x: np.column_stack([x[:, 0] / (x[:, 1] + 1), x[:, 2]]), {}),
    (lambda x: np.hstack([np.sin(x), x == 2]), {}),
    (lambda x: np.concatenate([x, -x], axis=1), {}),
    (lambda x: np.column_stack([x, x.sum(axis=1), np.max(x, axis=1)]), {}),
    (lambda x: np.clip(x, -9, 9).mean(axis=1, keepdims=True), {}),
    (lambda x: x / (1 + np.abs(x)).std(axis=1).reshape(-1, 1), {}),
    (lambda x: x[:, 0][:, None] - x, {}),
    (lambda x: np.round(x * 1.234, 1), {}),
    (lambda x: np.clip(x, -9, 9) // 0.7, {}),
    (lambda x: np.clip(x, -9, 9) % 3, {}),
    (lambda x: np.select([x > 2, x < 0], [x, -1], 7), {}),
    (lambda x: x.astype(bool) | (x > 1), {}),
    (lambda x: np.clip(np.nan_to_num(x), -9, 9).astype(int), {}),
]
UNWRITTEN: list[tuple[Any, str]] = [
    (np.cumsum, r"it calls np\.cumsum"),
    (np.sort, r"it calls np\.sort"),
    (lambda x: x - x.mean(axis=0), "rows are combined"),
    (lambda x: x[:, 0], "one dimension"),
    (lambda x: x[:2], "it chooses rows"),
    (lambda x: x or -x, "the truth of an array"),
    (lambda x: np.array([[float(v) for v in row] for row in x]), "goes through the rows"),
    (lambda x: x @ np.eye(4), "another shape"),
    (lambda _: np.ones((5, 4)), "X does not decide"),
    (lambda x: x[:, 0] + x, "one and two dimensions"),
    (lambda x: x + np.ones((5, 1)), "another shape"),
    (lambda x: np.concatenate([x, x]), "below each other"),
    (np.add.reduce, r"np\.add with options"),
    (lambda x: np.add(x, 1, where=[True]), "with options"),
    (lambda x: np.where(x, 1, 0), "compare them with 0"),
    (lambda x: x.astype(str), "turns values into str"),
    (lambda x: x.cumsum(), r"it uses \.cumsum"),
    (lambda x: 1 % x, "divide by a number"),
]


def _trace(function: Any, options: dict[str, Any]) -> tuple[Graph, tuple[str, int]]:
    graph = Graph([Column("X", "real", 4)], "float64")
    return graph, trace(graph, function, ("X", 4), options)


@pytest.mark.parametrize(("function", "options"), WRITTEN)
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
def test_writes_what_numpy_computes(function: Any, options: dict[str, Any]) -> None:
    """Beside thresholds, without a value and at the extremes, too."""
    graph, found = _trace(function, options)
    file = graph.build([Output("y", found[0], TensorProto.DOUBLE)]).SerializeToString()
    (given,) = rt.InferenceSession(file).run(None, {"X": VALUES})
    expected = np.asarray(function(VALUES, **options), dtype=float)
    assert given.shape == (len(VALUES), found[1])
    np.testing.assert_allclose(given, expected, rtol=1e-12, atol=1e-15, equal_nan=True)


@pytest.mark.parametrize(("function", "reason"), UNWRITTEN)
def test_says_what_it_cannot_write(function: Any, reason: str) -> None:
    """What looks at values, rows or shapes is not traced."""
    with pytest.raises(UntraceableError, match=reason):
        _trace(function, {})


def test_publishes_own_functions_in_pipelines_and_for_targets(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).uniform(1, 9, (60, 2))
    ratio = FunctionTransformer(lambda x: np.column_stack([x[:, 0] / x[:, 1], np.log(x[:, 0])]))
    model = make_pipeline(ratio, LogisticRegression()).fit(rows, rows[:, 0] > rows[:, 1])
    publish(model, "m", rows, models_dir=tmp_path, progress=False)
    target = TransformedTargetRegressor(
        Ridge(), func=lambda y: np.log(y + 1), inverse_func=lambda y: np.exp(y) - 1
    )
    target.fit(rows, rows[:, 0] * rows[:, 1])
    publish(target, "t", rows, models_dir=tmp_path, progress=False)


def test_refuses_by_name_what_cannot_be_traced(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).uniform(1, 9, (60, 2))
    model = make_pipeline(FunctionTransformer(np.cumsum, kw_args={"axis": 1}), LogisticRegression())
    model.fit(rows, rows[:, 0] > 5)
    with pytest.raises(
        ConversionError,
        match=r"calls cumsum, which ONNX does not support, because it calls np\.cumsum",
    ):
        publish(model, "m", rows, models_dir=tmp_path, progress=False)
