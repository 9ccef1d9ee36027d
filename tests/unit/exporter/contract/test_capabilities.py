from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
)

from exporter.contract.capabilities import Capabilities, CapabilityFinder
from exporter.conversion.parity import choose_tolerance
from exporter.conversion.search import find_conversion
from exporter.data.dataset import Rows
from exporter.data.estimator import FittedEstimator, answer_all
from exporter.data.reader import read_table
from exporter.data.table import stack
from exporter.display import timings as speed

if TYPE_CHECKING:
    from exporter.conversion.converter import Conversion
    from exporter.data.table import Table

FRAME = pd.DataFrame(
    {
        "number": np.linspace(0, 1, 40),
        "whole": np.tile([1, 2, 5, 9], 10),
        "text": np.tile(["a", "b"], 20),
        "flag": np.tile([True, True, False, False], 10),
    }
)
Y = np.tile([0, 1, 1, 0], 10)
UNKNOWN = {"handle_unknown": "use_encoded_value", "unknown_value": -1}


def _convert(
    steps: list[Any], frame: pd.DataFrame = FRAME
) -> tuple[FittedEstimator, Conversion, Table]:
    model = make_pipeline(ColumnTransformer(steps), LogisticRegression()).fit(frame, Y)
    original = FittedEstimator(model)
    table = read_table(frame, original)
    answers = answer_all(original, table.native)
    tolerance = choose_tolerance(original, answers, None)
    conversion, _ = find_conversion(original, Rows(table, answers), tolerance, lambda _: None)
    return original, conversion, table


def _probe(*steps: Any, frame: pd.DataFrame = FRAME) -> list[Capabilities]:
    original, conversion, table = _convert(list(steps), frame)
    found = CapabilityFinder(original, conversion, table, 1e-5).find(dict(enumerate(table.columns)))
    return [found[i] for i in range(len(table.columns))]


@pytest.mark.parametrize(
    ("step", "column", "manners"),
    [
        (("s", "passthrough", ["number"]), "number", Capabilities()),
        (("s", SimpleImputer(), ["number"]), "number", Capabilities(nullable=True)),
        (("s", OneHotEncoder(), ["whole"]), "whole", Capabilities(closed=True)),
        (
            ("s", OneHotEncoder(handle_unknown="ignore"), ["whole"]),
            "whole",
            Capabilities(nullable=True),
        ),
        (("s", "passthrough", ["whole"]), "whole", Capabilities()),
        (("s", FunctionTransformer(np.log), ["whole"]), "whole", Capabilities()),
        (("s", PowerTransformer("box-cox"), ["whole"]), "whole", Capabilities()),
        (
            ("s", OneHotEncoder(categories=[[1, 2, 5, 9, 10]]), ["whole"]),
            "whole",
            Capabilities(closed=True, also=(10,)),
        ),
        (("s", OneHotEncoder(), ["text"]), "text", Capabilities(closed=True)),
        (
            ("s", OneHotEncoder(handle_unknown="ignore"), ["text"]),
            "text",
            Capabilities(nullable=True),
        ),
        (("s", OrdinalEncoder(**UNKNOWN), ["text"]), "text", Capabilities(nullable=True)),
        (("s", "passthrough", ["flag"]), "flag", Capabilities()),
    ],
)
def test_finds_out_what_a_column_takes(step: Any, column: str, manners: Capabilities) -> None:
    """Both are asked; only where both answer alike is a null or an unknown value allowed."""
    assert _probe(step, frame=FRAME[[column]]) == [manners]


def test_asks_about_each_column_apart() -> None:
    """One column that fails on a null does not spoil the others."""
    steps = [("i", SimpleImputer(), ["number"]), ("p", "passthrough", ["whole", "flag"])]
    frame = FRAME[["number", "whole", "flag"]]
    assert _probe(*steps, frame=frame) == [
        Capabilities(nullable=True),
        Capabilities(),
        Capabilities(),
    ]


@pytest.mark.parametrize("place", [0, 5, 9])
def test_finds_nullable_columns_beside_one_that_an_encoder_refuses(place: int) -> None:
    """The encoder refuses its null before the last step is asked about any of the others."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": chance.normal(size=40) for i in range(9)})
    frame.insert(place, "text", FRAME["text"].to_numpy())
    numbers = [name for name in frame if name not in {"text", "x1", "x5"}]
    steps = [
        ("i", SimpleImputer(), ["x1", "x5"]),
        ("p", "passthrough", numbers),
        ("o", OneHotEncoder(), ["text"]),
    ]

    manners = dict(zip(frame, _probe(*steps, frame=frame), strict=True))

    assert {name for name, each in manners.items() if each.nullable} == {"x1", "x5"}
    assert {name for name, each in manners.items() if each.closed} == {"text"}


@pytest.mark.parametrize("imputed", [[], ["x0", "x70", "x149"]])
def test_asks_little_about_a_wide_table(
    imputed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns whose nulls are refused cost no call of the whole model each."""
    names = [f"x{i}" for i in range(150)]
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 150)), columns=names)
    plain = [name for name in names if name not in imputed]
    steps = [("i", SimpleImputer(), imputed), ("p", "passthrough", plain)]
    original, conversion, table = _convert([s for s in steps if s[2]], frame)
    asked: list[int] = []
    answer = FittedEstimator.answer
    monkeypatch.setattr(
        FittedEstimator, "answer", lambda self, rows: asked.append(len(rows)) or answer(self, rows)
    )
    found = CapabilityFinder(original, conversion, table.take([0, 1, 2]), 1e-5).find(
        dict(enumerate(table.columns))
    )
    assert [names[i] for i, manners in found.items() if manners.nullable] == imputed
    assert len(asked) < 5


@pytest.mark.parametrize("indices", [[0], [2, 0], [0, 1, 2, 3, 4]])
def test_makes_columns_missing_like_one_table_each(indices: list[int]) -> None:
    """Many columns at once get the same rows, kinds and types as one after the other."""
    frame = FRAME.assign(kind=pd.Categorical(FRAME["text"]), large=FRAME["whole"].astype("Int64"))
    original = FittedEstimator(DummyClassifier().fit(frame, Y))
    table = read_table(frame, original).take([3, 1, 5])
    once = table.with_nulls(indices)
    each = stack([table.with_value(i, None) for i in indices])
    pd.testing.assert_frame_equal(once.native, each.native)
    for left, right in zip(once.columns, each.columns, strict=True):
        assert (left.name, left.kind, left.dtype) == (right.name, right.kind, right.dtype)
        assert left.to_scalars() == right.to_scalars()


def test_makes_numbers_of_an_array_missing() -> None:
    """Whole numbers become floats, which can be missing."""
    array = np.arange(6).reshape(2, 3)
    table = read_table(array, FittedEstimator(DummyClassifier().fit(array, [0, 1])))
    expected = [[np.nan, 1, 2], [np.nan, 4, 5], [0, 1, np.nan], [3, 4, np.nan]]
    np.testing.assert_array_equal(table.with_nulls([0, 2]).native, expected)


def test_asks_about_nulls_in_several_columns_at_once() -> None:
    """Each alone does not show what both together do."""
    steps = [
        ("i", SimpleImputer(), ["number"]),
        ("t", OneHotEncoder(handle_unknown="ignore"), ["text"]),
    ]
    finder = CapabilityFinder(*_convert(steps, FRAME[["number", "text"]]), 1e-5)
    assert finder.takes_nulls_together([0, 1])


def test_times_both_at_one_and_at_a_thousand_rows() -> None:
    """Medians in microseconds, and how many times faster the file is."""
    original, conversion, table = _convert([("p", "passthrough", ["number"])], FRAME[["number"]])
    timings = speed.measure(original, conversion, table)
    assert [timing.rows for timing in timings] == [1, 1000]
    assert all(t.original_us > 0 and t.onnx_us > 0 and t.factor > 0 for t in timings)
