"""Contributions of a servable's features; test_shapley has the values themselves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.errors import ConflictError, TooLargeError
from inference.explain.attribution import Attribution

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]
ROWS = 64


class Model:
    """Sums features into each of some outputs, in runs of a limited number of rows."""

    def __init__(self, features: int, outputs: int = 1, *, fits: int = 10**9) -> None:
        self.servable: Any = SimpleNamespace(
            name="fake", version=1, features=[SimpleNamespace(input="X")] * features,
            to_feeds=lambda rows: {"X": np.array(rows)},
        )  # fmt: skip
        self.explained: Any = SimpleNamespace(
            output_name="y", numbers=lambda result: result, spans=lambda *_: np.ones(outputs)
        )
        self.scales = np.arange(1, outputs + 1)
        self.fits = fits
        self.sizes: list[int] = []

    def run(self, _: Any, feeds: dict[str, Array]) -> list[Array]:
        self.sizes.append(len(feeds["X"]))
        if self.sizes[-1] > self.fits:
            raise TooLargeError("too much memory")
        return [feeds["X"].sum(axis=1, keepdims=True) * self.scales]

    def explain(self, record: Array, background: Array, kept: slice | None = None) -> Any:
        attribution = Attribution(self.servable, background.tolist(), self.explained)
        (answer,) = self.run(None, {"X": record[None]})
        return attribution.contributions(self.run, {"X": record[None]}, answer[0], kept)


@pytest.mark.parametrize("outputs", [1, 70_000])
def test_one_feature_that_differs_is_explained_exactly(outputs: int) -> None:
    background = np.ones((ROWS, 2))
    background[:, 0] = np.arange(ROWS)
    model = Model(2, outputs)
    found = model.explain(np.array([100.0, 1.0]), background)
    assert (found.method, found.rows) == ("exact", 0)
    expected = np.outer([100 - background[:, 0].mean(), 0], model.scales)
    np.testing.assert_allclose(found.values, expected)


@pytest.mark.parametrize("fits", [64, 500, 10**9])
@pytest.mark.parametrize("features", [6, 14], ids=["exact", "sampled"])
def test_models_that_take_much_memory_are_run_in_smaller_pieces(features: int, fits: int) -> None:
    background = np.random.default_rng(1).normal(size=(ROWS, features))
    found = Model(features, fits=fits).explain(np.full(features, 9.0), background)
    expected = 9.0 - background.mean(axis=0)
    np.testing.assert_allclose(found.values[:, 0], expected, atol=1e-9)


def test_runs_are_as_small_as_all_classes_need_where_one_is_explained() -> None:
    background = np.random.default_rng(1).normal(size=(ROWS, 6))
    model = Model(6, 10_000)
    model.explain(np.full(6, 9.0), background, slice(3, 4))
    assert max(model.sizes) == 1024 * 1024 // 10_000


def test_one_class_takes_no_more_rows_than_all() -> None:
    background = np.random.default_rng(1).normal(size=(ROWS, 14))
    one, all_ = (
        Model(14, 1000).explain(np.full(14, 9.0), background, kept) for kept in (slice(3, 4), None)
    )
    assert one.rows == all_.rows <= 8 * 1024 * 1024 // 1000
    np.testing.assert_allclose(one.values, all_.values[:, 3:4])


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1.7e308])
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_background_without_finite_answers_is_refused(odd: float) -> None:
    background = np.full((ROWS, 2), odd)
    explain: Callable[..., Any] = Model(2).explain
    with pytest.raises(ConflictError, match=r"background rows are not finite\. Publish"):
        explain(np.ones(2), background)
