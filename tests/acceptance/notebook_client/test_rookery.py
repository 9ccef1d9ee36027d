"""The notebook's client against a running service, with scikit-learn as the oracle."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from exporter import Rookery
from exporter.errors import (
    DataError,
    InvalidNameError,
    NoServiceError,
    OptionError,
    ServiceError,
)
from exporter.rookery import parts
from exporter.rookery.served_model import ServedModel
from support.service.process import Service

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def test_predicts_a_frame_as_the_model_does(
    rookery: Rookery, models: dict[str, Any], split: Any
) -> None:
    rows = split.test[MEASUREMENTS]
    answer = rookery["penguins"].predict(rows, version=1)
    model = models["logistic"]
    assert answer.index.equals(rows.index)
    assert answer["label"].tolist() == model.predict(rows).tolist()
    shares = answer[[f"p_{name}" for name in model.classes_]].to_numpy()
    np.testing.assert_allclose(shares, model.predict_proba(rows), atol=1e-5)
    assert answer.columns[-1] == "warnings"
    regressed = rookery["mass"].predict(rows[MEASUREMENTS[:3]])
    expected = models["mass"].predict(rows[MEASUREMENTS[:3]])
    np.testing.assert_allclose(regressed["value"], expected, rtol=1e-5)


def test_returns_the_kind_that_came_in(
    rookery: Rookery, models: dict[str, Any], split: Any
) -> None:
    rows = split.test[MEASUREMENTS].head(7)
    labels = models["logistic"].predict(rows).tolist()
    ask = rookery["penguins"].predict

    array = ask(rows.to_numpy(), version=1)
    assert isinstance(array, np.recarray)
    assert array.label.tolist() == labels

    frame = ask(pl.from_pandas(rows.reset_index(drop=True)), version=1)
    assert isinstance(frame, pl.DataFrame)
    assert frame["label"].to_list() == labels

    records = ask(rows.to_dict("records"), version=1)
    assert [prediction["label"] for prediction in records] == labels
    record = ask(rows.iloc[0].to_dict(), version=1)
    assert record == records[0]
    assert ask(rows.iloc[0], version=1) == record
    assert ask(rows.iloc[0].tolist(), version=1) == record


def test_warnings_stay_with_their_rows_over_all_parts(
    rookery: Rookery, split: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "_PART_ROWS", 4)
    rows = split.test[MEASUREMENTS].head(11).copy()
    rows.iloc[9, 0] = 5000.0
    answer = rookery["penguins"].predict(rows)
    assert answer["warnings"].notna().to_numpy().nonzero()[0].tolist() == [9]
    assert "bill_length_mm" in answer["warnings"].iloc[9]


@pytest.mark.parametrize("count", [49, 50, 51, 101, 250])
def test_every_row_outside_the_training_range_has_its_warnings(
    rookery: Rookery, split: Any, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """The service lists at most 100 of a request, those of the first feature before others."""
    monkeypatch.setattr(parts, "_PART_ROWS", 120)
    row = split.test[MEASUREMENTS].head(1)
    rows = pd.concat([row] * count, ignore_index=True)
    rows["bill_length_mm"], rows["body_mass_g"] = 5000.0, -1.0
    for data in (rows, rows.to_numpy()):
        texts = rookery["penguins"].predict(data)["warnings"]
        (text,) = set(texts)
        assert "bill_length_mm: 5000 is above" in text
        assert "body_mass_g: -1 is below" in text
    rows.loc[1::2] = row.to_numpy()
    texts = rookery["penguins"].predict(rows)["warnings"]
    assert texts.isna().tolist() == [False, True] * (count // 2) + [False] * (count % 2)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 8, 9])
def test_parts_of_every_size_give_all_rows(
    rookery: Rookery, split: Any, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(parts, "_PART_ROWS", 4)
    rows = split.test[MEASUREMENTS].head(count)
    answer = rookery["penguins"].predict(rows)
    assert answer.index.equals(rows.index)
    assert list(answer.columns) == list(
        rookery["penguins"].predict(split.test[MEASUREMENTS].head(1)).columns
    )


def test_a_part_that_is_too_large_is_halved(
    tmp_path: Any, models: dict[str, Any], split: Any, put_model: Any
) -> None:
    rows = split.test[MEASUREMENTS].head(23)
    with Service(tmp_path, MAX_ROWS=3) as service:
        service.start()
        put_model(service, models["stump"], "stump", split.train[MEASUREMENTS])
        answer = Rookery(str(service.client.base_url))["stump"].predict(rows)
        service.stop()
    assert answer["label"].tolist() == models["stump"].predict(rows).tolist()


def test_explains_and_varies_one_feature(
    rookery: Rookery, models: dict[str, Any], split: Any
) -> None:
    rows = split.test[MEASUREMENTS].head(5)
    model, original = rookery["penguins"], models["logistic"]
    shares = pd.DataFrame(
        original.predict_proba(rows), columns=list(original.classes_), index=rows.index
    )
    explained = model.explain(rows, version=1)
    assert explained.features == MEASUREMENTS
    assert explained.index.equals(rows.index)
    total = explained["base"] + explained[MEASUREMENTS].sum(axis=1)
    assert explained["explained"].tolist() == original.predict(rows).tolist()
    np.testing.assert_allclose(total, shares.max(axis=1), atol=1e-5)
    all_classes = model.explain(rows, version=1, classes="all")
    assert len(all_classes) == len(rows) * 3
    values = rookery["mass"].explain(rows[MEASUREMENTS[:3]])
    total = values["base"] + values[MEASUREMENTS[:3]].sum(axis=1)
    np.testing.assert_allclose(total, models["mass"].predict(rows[MEASUREMENTS[:3]]), rtol=1e-5)

    curve = model.what_if(rows.iloc[0], "bill_length_mm", version=1)
    varied = pd.concat([rows.head(1)] * len(curve)).assign(
        bill_length_mm=curve["bill_length_mm"].tolist()
    )
    assert curve["label"].tolist() == original.predict(varied).tolist()
    with pytest.raises(ServiceError, match="bill_length_mm"):
        model.what_if(rows.iloc[0], "bill_length")


def test_a_feature_may_have_the_name_of_an_answer(
    service: Service, rookery: Rookery, split: Any, put_model: Any
) -> None:
    rows = split.train[MEASUREMENTS[:2]].set_axis(["value", "base"], axis=1)
    put_model(service, LinearRegression().fit(rows, split.train["body_mass_g"]), "odd", rows)
    model, asked = rookery["odd"], rows.head(3)
    explained = model.explain(asked)
    total = explained["base"] + explained[explained.features].sum(axis=1)
    np.testing.assert_allclose(total, model.predict(asked)["value"])
    curve = model.what_if(asked.iloc[0], "value")
    assert list(curve.columns) == ["value", "value (answer)"]
    model.unload()


def test_texts_are_rows_of_a_model_of_texts(
    service: Service, rookery: Rookery, put_model: Any
) -> None:
    texts = ["a fox", "a dog", "two dogs", "two foxes"] * 5
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, [0, 1, 1, 0] * 5)
    put_model(service, model, "texts", texts)
    answers = rookery["texts"].predict(texts[:3])
    assert [answer["label"] for answer in answers] == [0, 1, 1]
    assert rookery["texts"].predict(pd.Series(texts[:3])) == answers
    rookery["texts"].unload()


def test_shows_itself(rookery: Rookery) -> None:
    html = rookery._repr_html_()
    assert "penguins" in html
    assert "accuracy" in html
    card = rookery["penguins"]._repr_html_()
    assert "bill_length_mm" in card
    assert "2 versions" in card
    assert "penguins" in repr(rookery)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda r: r["penguin"], ServiceError, "penguins"),
        (lambda r: r["a/../mass"], ServiceError, "404"),
        (lambda r: r[""], InvalidNameError, "'' is no model's name"),
        (lambda r: r[".."], InvalidNameError, r"list\(rookery\)"),
        (lambda r: r[0], InvalidNameError, "0 is no model's name"),
        (lambda r: r["mass"].predict("text"), DataError, "cannot read rows from a str"),
        (lambda r: r["mass"].predict([]), DataError, "an empty list"),
        (lambda r: r["mass"].predict(np.zeros((2, 2, 2))), DataError, "3 dimensions"),
        (lambda r: r["mass"].predict({"bill_length_mm": 1}), ServiceError, "bill_depth_mm"),
        (lambda r: r["mass"].predict([[1, 2, "x"], [1, 2, 3]]), ServiceError, "row 0"),
        (lambda r: r["mass"].pin(9), ServiceError, "no version 9"),
        (lambda r: r["mass"].what_if([[1, 2, 3]] * 2, "x"), DataError, "one record, not 2"),
    ],
)
def test_refuses_with_a_reason(
    rookery: Rookery, ask: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask(rookery)


def test_without_a_service() -> None:
    rookery = Rookery("http://127.0.0.1:9")
    with pytest.raises(NoServiceError, match="make serve"):
        rookery.models()
    assert "no service answers" in repr(rookery)
    assert "no service answers" in rookery._repr_html_()
    model = ServedModel(rookery._connection, "penguins")
    assert "no service answers" in model._repr_html_()
    assert "no service answers" in repr(model.traffic)
    with pytest.raises(OptionError):
        Rookery("penguins")


def test_is_imported_without_scikit_learn() -> None:
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.split('.')[0] in ('sklearn', 'skl2onnx', 'onnx'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from exporter import Rookery\n"
        "assert 'no service' in repr(Rookery('http://127.0.0.1:9'))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
