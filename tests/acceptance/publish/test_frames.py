"""Data frames as people have them: with columns that the model does not read, and gaps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from exporter import publish
from exporter.errors import ConversionError, DataError, ServiceError
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

ROWS = 120


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service")) as service:
        yield service.start()
        service.stop()


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    chance = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "joined": pd.date_range("2024-01-01", periods=ROWS),
            "age": chance.normal(40, 10, ROWS).round(1),
            "tags": [["a", "b"], []] * (ROWS // 2),
            "city": chance.choice(["Rome", "Oslo"], ROWS),
            "nothing": [None] * ROWS,
            "ratio": np.where(chance.random(ROWS) > 0.5, np.inf, 1.0),
            "note": [1, "one"] * (ROWS // 2),
        }
    )


def _fit(people: pd.DataFrame, encoder: OneHotEncoder) -> Any:
    columns = make_column_transformer((StandardScaler(), ["age"]), (encoder, ["city"]))
    return make_pipeline(columns, LogisticRegression()).fit(people, people["age"] > 40)


def test_columns_that_the_model_drops_are_accepted_and_ignored(
    service: Service, people: pd.DataFrame
) -> None:
    model = _fit(people, OneHotEncoder(handle_unknown="ignore"))
    published = publish(
        model, "people", people, models_dir=service.models, url=str(service.client.base_url)
    ).wait(60)
    assert published.contract.unused == ["joined", "tags", "nothing", "ratio", "note"]

    answer = published.predict(people.head())

    assert [p["label"] for p in answer["predictions"]] == model.predict(people.head()).tolist()
    assert "warnings" not in answer
    carried = json.loads(people.head().to_json(orient="records", date_format="iso"))
    assert service.client.post("/models/people/predict", json=carried).json() == {
        key: value for key, value in answer.items() if key != "warnings"
    }
    with pytest.raises(ServiceError, match="'joinde': the model has no such feature"):
        published.predict(people.head().rename(columns={"joined": "joinde"}))
    document = service.client.get("/openapi.json").json()
    assert "tags" in document["components"]["schemas"]["PeopleRecord"]["properties"]


def test_categories_that_only_the_encoder_knows_are_taken(
    service: Service, people: pd.DataFrame
) -> None:
    model = _fit(people, OneHotEncoder(categories=[["Bern", "Oslo", "Rome"]]))
    published = publish(
        model, "cities", people, models_dir=service.models, url=str(service.client.base_url)
    ).wait(60)
    asked = people.head().assign(city="Bern")
    answer = published.predict(asked)
    assert [p["label"] for p in answer["predictions"]] == model.predict(asked).tolist()
    with pytest.raises(ServiceError, match="unknown category 'Paris'"):
        published.predict(people.head().assign(city="Paris"))


def test_unseen_category_that_the_model_ignores_is_warned_of(
    service: Service, people: pd.DataFrame
) -> None:
    model = _fit(people, OneHotEncoder(handle_unknown="ignore"))
    published = publish(
        model, "open", people, models_dir=service.models, url=str(service.client.base_url)
    ).wait(60)
    answer = published.predict([{"age": 41.0, "city": "Paris"}, {"age": 41.0, "city": "Rome"}])
    (warning,) = answer["warnings"]
    assert warning == {"row": 0, "feature": "city", "reason": "'Paris' was not seen in training"}


def test_column_that_cannot_be_sent_is_named_where_the_model_reads_it(
    people: pd.DataFrame, tmp_path: Any
) -> None:
    used = make_column_transformer((OneHotEncoder(), ["joined"]), ("drop", ["age"]))
    model = make_pipeline(used, LogisticRegression()).fit(people, people["age"] > 40)
    with pytest.raises((ConversionError, DataError), match="'joined' is of type datetime"):
        publish(model, "bad", people, models_dir=tmp_path)


def test_row_that_the_model_refuses_is_named(people: pd.DataFrame, tmp_path: Any) -> None:
    model = _fit(people, OneHotEncoder())
    good = people[["joined", "age", "tags", "city", "nothing", "ratio", "note"]]
    bad = good.copy()
    bad.loc[7, "city"] = "Paris"
    labels = people["age"] > 40
    with pytest.raises(DataError, match=r"cannot predict on evaluate's X, row 7: .*Paris"):
        publish(model, "bad", good, evaluate=(bad, labels), models_dir=tmp_path)
    with pytest.raises(DataError, match=r"cannot predict on X, row 7: .*Paris"):
        publish(model, "bad", bad, evaluate=(good, labels), models_dir=tmp_path)


@pytest.mark.parametrize(
    ("column", "steps"),
    [
        (pd.Categorical(["a", "b", "c"] * 40), [SimpleImputer(strategy="most_frequent")]),
        (pd.Series(["p", "q", None] * 40, dtype=object), []),
    ],
    ids=["a pandas category before an imputer", "None in objects"],
)
def test_unknown_and_missing_texts_are_asked_in_the_form_of_the_column(
    tmp_path: Path, column: Any, steps: list[Any]
) -> None:
    frame = pd.DataFrame({"g": column})
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = make_pipeline(*steps, encoder, LogisticRegression())
    model.fit(frame, [0, 1, 1, 0, 0, 1] * 20)
    published = publish(model, "m", frame, models_dir=tmp_path, progress=False)
    assert published.contract.parity.label_agreement == 1.0


def test_a_function_that_writes_to_its_rows_leaves_x_alone(tmp_path: Path) -> None:
    def add_ratio(frame: pd.DataFrame) -> pd.DataFrame:
        frame["ratio"] = frame["a"] / frame["b"]
        return frame

    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.uniform(1, 2, (60, 2)), columns=["a", "b"])
    model = make_pipeline(FunctionTransformer(add_ratio), LinearRegression())
    model.fit(frame.copy(), frame["a"])
    publish(model, "m", frame, models_dir=tmp_path, progress=False)
    assert list(frame) == ["a", "b"]


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_held_out_rows_may_have_other_categories(library: str, tmp_path: Path) -> None:
    """Made apart from those of X, they lack some, which are no categories once concatenated."""
    made: Any = {
        "lightgbm": lambda: pytest.importorskip("lightgbm").LGBMClassifier(
            n_estimators=3, verbose=-1
        ),
        "xgboost": lambda: pytest.importorskip("xgboost").XGBClassifier(
            n_estimators=3, enable_categorical=True
        ),
    }
    chance = np.random.default_rng(2)
    frame = pd.DataFrame({"a": chance.normal(size=300)})
    frame["k"] = chance.choice(["red", "green", "blue"], 300)
    y = ((frame["a"] > 0) ^ (frame["k"] == "red")).astype(int)
    few = frame[(frame["k"] != "red") & (frame.index >= 200)].astype({"k": "category"})
    known = frame[:200].astype({"k": "category"})
    model = made[library]().fit(known, y[:200])

    publication = publish(
        model, "m", known, y[:200], evaluate=(few, y[few.index]), models_dir=tmp_path
    )

    assert publication.metrics is not None
    assert publication.metrics.accuracy == model.score(few, y[few.index])


def test_says_that_held_out_rows_have_other_columns(tmp_path: Path) -> None:
    """A model that was fitted on an array knows no names."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a", "b"])
    model = LogisticRegression().fit(frame.to_numpy(), frame["a"] > 0)
    held_out = frame.set_axis(["a", "c"], axis=1), frame["a"] > 0
    with pytest.raises(DataError, match="evaluate's X has other columns than X"):
        publish(model, "m", frame, evaluate=held_out, models_dir=tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_xgboost_takes_only_categories_that_it_was_fitted_on(seed: int, tmp_path: Path) -> None:
    """It takes "blue sky" for "green", the next one, which is no answer to compare with."""
    xgboost = pytest.importorskip("xgboost")
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": chance.normal(size=300)})
    colors = chance.choice(["red", "green", "blue"], 300)
    frame["k"] = pd.Categorical(colors)
    y = ((frame["a"] > 0) ^ (colors == "red")).astype(int)
    model = xgboost.XGBClassifier(n_estimators=8, enable_categorical=True)
    model = (model if seed else CalibratedClassifierCV(model, cv=2)).fit(frame, y)

    publication = publish(model, "m", frame, y, models_dir=tmp_path)

    assert not publication.contract.features[1].open_categories
