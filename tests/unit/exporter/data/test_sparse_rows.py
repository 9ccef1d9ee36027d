"""What a sparse matrix does not store is to the file what it is to each library."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from scipy import sparse  # type: ignore[import-untyped]
from sklearn.compose import make_column_transformer
from sklearn.ensemble import StackingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, RobustScaler, StandardScaler
from xgboost import XGBClassifier

from exporter import publish
from exporter.data.sparse_rows import find_given
from exporter.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)
DENSE = RNG.normal(size=(300, 8)) * (RNG.random((300, 8)) < 0.3)
SPARSE = sparse.csr_matrix(DENSE)
TARGET = ((DENSE[:, 0] > 0.1) | (DENSE[:, 1] < -0.3) | (DENSE[:, 2] == 0)).astype(int)
WORDS = ["good", "bad", "fine", "awful", "nice", "poor", "so", "very"]
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(2, 6))) for _ in range(200)]
GOOD = np.array(["good" in text for text in TEXTS]).astype(int)
FRAME = pd.DataFrame(
    {"c": RNG.choice(list("abcdefgh"), 200), "n": RNG.normal(size=200) * (RNG.random(200) < 0.5)}
)
EARLY = (FRAME["c"].isin(["a", "b"]) ^ (FRAME["n"] > 0)).astype(int)


def _xgb(**options: Any) -> Any:
    return XGBClassifier(n_estimators=6, max_depth=3, n_jobs=1, **options)


def _lgbm() -> Any:
    return LGBMClassifier(n_estimators=6, min_child_samples=5, n_jobs=1, verbose=-1)


MODELS: dict[str, tuple[Any, Any, Any]] = {
    "XGBoost": (_xgb(), SPARSE, TARGET),
    "XGBoost with a marker": (_xgb(missing=-1.0), SPARSE, TARGET),
    "XGBoost on dense zeros": (_xgb(), DENSE, TARGET),
    "XGBoost behind a scaler": (make_pipeline(MaxAbsScaler(), _xgb()), SPARSE, TARGET),
    "XGBoost in a stack": (StackingClassifier([("x", _xgb())], cv=2), SPARSE, TARGET),
    "XGBoost on texts": (make_pipeline(TfidfVectorizer(), _xgb()), TEXTS, GOOD),
    "XGBoost on sparse categories": (
        make_pipeline(
            make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough"), _xgb()
        ),
        FRAME,
        EARLY,
    ),
    "LightGBM": (_lgbm(), SPARSE, TARGET),
    "LightGBM behind a scaler": (make_pipeline(MaxAbsScaler(), _lgbm()), SPARSE, TARGET),
    "standardized": (
        make_pipeline(StandardScaler(with_mean=False), LogisticRegression()),
        SPARSE,
        TARGET,
    ),
    "robust": (
        make_pipeline(RobustScaler(with_centering=False), LogisticRegression()),
        SPARSE,
        TARGET,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_publishes_models_of_sparse_rows(name: str, tmp_path: Path) -> None:
    """The answers of some thousand generated rows are compared, too."""
    model, x, y = MODELS[name]
    publication = publish(model.fit(x, y), "m", x, models_dir=tmp_path, progress=False)
    assert publication.contract.parity.generated > 0


def test_refuses_stored_zeros_of_xgboost(tmp_path: Path) -> None:
    stored = SPARSE.copy()
    stored.data[0] = 0
    with pytest.raises(DataError, match="eliminate_zeros"):
        publish(_xgb().fit(stored, TARGET), "m", stored, models_dir=tmp_path, progress=False)
    publish(_lgbm().fit(stored, TARGET), "m", stored, models_dir=tmp_path, progress=False)


def test_finds_parts_by_what_they_are_given() -> None:
    model = make_pipeline(MaxAbsScaler(), _xgb()).fit(SPARSE, TARGET)
    scaler, booster = (step for _, step in model.steps)
    assert find_given(model, lambda: model.predict(SPARSE)).sparse == {id(scaler), id(booster)}
    assert find_given(model, lambda: model.predict(DENSE)).sparse == frozenset()
    assert "predict" not in vars(booster)


def test_a_watched_method_keeps_its_name() -> None:
    """A threshold asks the model by name for probabilities, and takes their second column."""
    rows = np.array([[0.0, 1.0], [1.0, 0.0]] * 10)
    inner = XGBClassifier(n_estimators=2).fit(rows, [0, 1] * 10)
    model = FixedThresholdClassifier(FrozenEstimator(inner), threshold=0.4).fit(rows, [0, 1] * 10)
    shapes: list[tuple[int, ...]] = []

    find_given(model, lambda: shapes.append(model.predict(rows).shape))

    assert shapes == [(20,)]


def test_each_thread_that_publishes_a_model_sees_the_rows_of_its_parts() -> None:
    """The second one does not take the first one's watching for methods of the model."""
    model = StandardScaler(with_mean=False).fit(SPARSE)
    both, found = threading.Barrier(2, timeout=0.5), []

    def ask() -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait()  # one after the other, both will not be here at once
        model.transform(SPARSE)

    threads = [
        threading.Thread(target=lambda: found.append(find_given(model, ask))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [given.sparse for given in found] == [{id(model)}] * 2
    assert "transform" not in vars(model)
