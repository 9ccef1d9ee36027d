"""Rows of polars, pyarrow and SciPy are read, and go back to the original in their own form."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from scipy import sparse  # type: ignore[import-untyped]
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

from exporter import publish
from exporter.data.estimator import FittedEstimator
from exporter.data.forms import ArrowForm, PlainForm, PolarsForm, find_form, to_plain
from exporter.data.reader import read_table
from exporter.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

ROWS = 90
RNG = np.random.default_rng(0)
SIZES = RNG.normal(size=ROWS)
COUNTS = RNG.integers(0, 9, ROWS)
CITIES = RNG.choice(["Oslo", "Rome", "Ulm"], ROWS).tolist()
TARGET = np.where(SIZES + COUNTS / 5 + (np.array(CITIES) == "Rome") > 1.5, "yes", "no")
COLUMNS = {"size": SIZES, "count": COUNTS, "city": CITIES, "member": RNG.random(ROWS) > 0.5}
GAPS = {
    **COLUMNS,
    "size": [None if i % 9 == 0 else v for i, v in enumerate(SIZES.tolist())],
    "count": [None if i % 7 == 0 else v for i, v in enumerate(COUNTS.tolist())],
    "city": [None if i % 8 == 0 else v for i, v in enumerate(CITIES)],
}
ARROW = pa.table(COLUMNS)
IN_ARROW = ARROW.set_column(2, "city", pa.array(CITIES).dictionary_encode())


def _fitted(width: int) -> FittedEstimator:
    return FittedEstimator(LogisticRegression().fit(np.eye(2, width), [0, 1]))


def _model(missing: Any = None) -> Any:
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["size", "count"]),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent", missing_values=missing),
                OneHotEncoder(handle_unknown="ignore"),
            ),
            ["city"],
        ),
        (OneHotEncoder(), ["member"]),
    )
    return make_pipeline(columns, LogisticRegression())


NARROW = {"size": pl.Float32, "count": pl.UInt8, "city": pl.Categorical, "member": pl.Boolean}
FRAMES: dict[str, Any] = {
    "polars": pl.DataFrame(COLUMNS),
    "polars with gaps": pl.DataFrame(GAPS),
    "polars, narrow": pl.DataFrame(COLUMNS, schema=NARROW),
    "polars, enum": pl.DataFrame(COLUMNS).cast({"city": pl.Enum(["Oslo", "Rome", "Ulm"])}),
    "pyarrow": ARROW,
    "pyarrow with gaps": pa.table(GAPS),
    "pyarrow, dictionary": IN_ARROW,
}
PANDAS: dict[str, Any] = {
    "pyarrow types": ARROW.to_pandas(types_mapper=pd.ArrowDtype),
    "pyarrow types with gaps": pa.table(GAPS).to_pandas(types_mapper=pd.ArrowDtype),
    "dictionary": IN_ARROW.to_pandas(types_mapper=pd.ArrowDtype),
    "string[pyarrow]": pd.DataFrame(COLUMNS).astype(
        {"city": "string[pyarrow]", "count": "int64[pyarrow]"}
    ),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_publishes_what_was_fitted_on_frames(frame: Any, tmp_path: Path) -> None:
    model = _model().fit(frame, TARGET)
    contract = publish(model, "m", frame, models_dir=tmp_path, progress=False).contract
    kinds = ["number", "integer", "category", "boolean"]
    if frame is FRAMES["polars with gaps"] or frame is FRAMES["pyarrow with gaps"]:
        kinds[1] = "number"
    assert [feature.kind for feature in contract.features] == kinds
    assert contract.features[2].categories == ["Oslo", "Rome", "Ulm"]
    assert find_form(frame).library in contract.training.versions
    assert "pandas" not in contract.training.versions


@pytest.mark.parametrize("frame", PANDAS.values(), ids=PANDAS)
def test_publishes_what_was_fitted_on_types_of_pyarrow(frame: Any, tmp_path: Path) -> None:
    model = _model(pd.NA).fit(frame, TARGET)
    contract = publish(model, "m", frame, models_dir=tmp_path, progress=False).contract
    assert contract.features[2].categories == ["Oslo", "Rome", "Ulm"]


@pytest.mark.parametrize(
    ("frame", "target"),
    [
        (FRAMES["polars"], pl.Series("y", TARGET)),
        (FRAMES["polars"], pl.Series("y", TARGET, dtype=pl.Categorical)),
        (ARROW, pa.array(TARGET.tolist())),
        (ARROW, pa.chunked_array([TARGET.tolist()])),
        (ARROW, pa.array(TARGET.tolist()).dictionary_encode()),
    ],
)
def test_takes_targets_and_held_out_rows_of_the_same_library(
    frame: Any, target: Any, tmp_path: Path
) -> None:
    model = _model().fit(frame[:60], TARGET[:60])
    publication = publish(
        model,
        "m",
        frame[:60],
        target[:60],
        evaluate=(frame[60:], target[60:]),
        models_dir=tmp_path,
        progress=False,
    )
    metrics = publication.contract.training.metrics
    assert metrics is not None
    assert metrics.rows == ROWS - 60
    assert metrics.accuracy == np.mean(model.predict(frame[60:]) == TARGET[60:])


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_asks_in_sparse_form_what_was_fitted_on_it(kind: Any, tmp_path: Path) -> None:
    dense = np.where(RNG.random((ROWS, 4)) < 0.4, RNG.normal(size=(ROWS, 4)), 0)
    rows = kind(dense)
    model = make_pipeline(MaxAbsScaler(), LogisticRegression()).fit(rows, dense[:, 0] > 0)
    published = publish(
        model, "m", rows, feature_names=list("abcd"), models_dir=tmp_path, progress=False
    )
    assert [feature.name for feature in published.contract.features] == list("abcd")
    assert type(find_form(rows).restore(dense)) is kind


def test_publishes_a_sparse_frame_of_pandas(tmp_path: Path) -> None:
    rows = sparse.random_array((ROWS, 3), density=0.4, rng=RNG)
    frame = pd.DataFrame.sparse.from_spmatrix(rows, columns=list("abc"))
    model = LogisticRegression().fit(frame, rows.toarray()[:, 0] > 0)
    contract = publish(model, "m", frame, models_dir=tmp_path, progress=False).contract
    assert [feature.kind for feature in contract.features] == ["number"] * 3


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (pl.LazyFrame({"a": [1]}), r"pass X.collect\(\)"),
        (sparse.csr_array((10_001, 5_000)), r"pass some of its rows, X\[:1000\]"),
        (pa.table([[1], [2]], names=["a", "a"]), "two columns are called 'a'"),
    ],
)
def test_says_what_to_pass_instead(data: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        to_plain(data)


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([dt.datetime(2026, 1, 1)] * ROWS, "column 'when' is of type datetime64"),  # noqa: DTZ001
        ([dt.date(2026, 1, 1)] * ROWS, "column 'when' is of type datetime64"),
        ([dt.timedelta(1)] * ROWS, "column 'when' is of type timedelta64"),
        ([dt.time(12)] * ROWS, "column 'when' has values of the types time"),
        ([[1]] * ROWS, "column 'when' has values of the types list"),
    ],
)
def test_names_what_json_cannot_hold(make: Any, values: Any, problem: str) -> None:
    table = read_table(to_plain(make({"when": values})), _fitted(width=1))
    assert table.columns[0].problem.startswith(problem)


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_refuses_dates_only_where_the_model_reads_them(make: Any, tmp_path: Path) -> None:
    """Elsewhere callers leave them out."""
    frame = make({"size": SIZES, "when": [dt.date(2026, 1, 1), dt.date(2026, 1, 2)] * (ROWS // 2)})
    size_only = make_column_transformer((StandardScaler(), ["size"]))
    model = make_pipeline(size_only, LogisticRegression()).fit(frame, TARGET)
    contract = publish(model, "m", frame, models_dir=tmp_path, progress=False).contract
    assert contract.unused == ["when"]
    dates_too = make_column_transformer((OneHotEncoder(), ["when"]))
    model = make_pipeline(dates_too, LogisticRegression()).fit(frame, TARGET)
    with pytest.raises(DataError, match="column 'when' is of type datetime64"):
        publish(model, "m", frame, models_dir=tmp_path, progress=False)


def test_keeps_whole_numbers_beyond_a_narrow_type_and_writes_gaps_as_nulls() -> None:
    native = pd.DataFrame({"n": [255.0, np.nan, 256.0], "t": ["a", None, "z"]})
    frame = pl.DataFrame({"n": [1, 2], "t": ["a", "b"]}, schema={"n": pl.Int16, "t": pl.String})
    assert PolarsForm(frame).restore(native)["n"].to_list() == [255, None, 256]
    table = ArrowForm(pa.table({"n": [1, 2], "t": ["a", None]})).restore(native)
    assert table.to_pydict() == {"n": [255, None, 256], "t": ["a", None, "z"]}
    fractions = PolarsForm(frame).restore(native.assign(n=[0.5, np.nan, 1.0]))
    assert fractions["n"].to_list() == [0.5, None, 1.0]


def test_lets_an_enum_hold_categories_that_it_lacks() -> None:
    frame = pl.DataFrame({"t": ["a", "b"]}, schema={"t": pl.Enum(["a", "b"])})
    form = PolarsForm(frame)
    assert form.restore(pd.DataFrame({"t": ["a", "c"]}))["t"].to_list() == ["a", "c"]
    assert form.restore(pd.DataFrame({"t": ["a", "b"]})).schema == frame.schema


def test_leaves_arrays_and_pandas_as_they_are() -> None:
    for data in (np.ones((2, 2)), pd.DataFrame({"a": [1]}), ["a text"]):
        assert to_plain(data) is data
        assert isinstance(find_form(data), PlainForm)
        assert find_form(data).restore(data) is data


def test_imports_neither_polars_nor_pyarrow_by_itself() -> None:
    """They are no dependencies of the exporter."""
    code = (
        "import sys; sys.modules['polars'] = sys.modules['pyarrow'] = None\n"
        "import numpy, exporter.publishing\n"
        "from exporter.data.forms import find_form, to_plain\n"
        "find_form(to_plain(numpy.ones((2, 2))))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table])
def test_a_model_that_was_fitted_on_an_array_gets_one(make: Any) -> None:
    """X has names that the model does not know."""
    x = make({"size": SIZES, "count": COUNTS})
    rows = np.column_stack([SIZES, COUNTS])
    model = LogisticRegression().fit(rows, TARGET)
    original = FittedEstimator(model, find_form(x))

    table = read_table(to_plain(x), original)
    answers = original.answer(table.native)

    assert table.names == ["size", "count"]
    assert answers.probabilities is not None
    assert np.array_equal(answers.probabilities, model.predict_proba(rows))
