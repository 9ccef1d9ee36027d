"""Published models: no false alarm on their own data, and a shift is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from exporter import publish
from inference.model.servable import Servable
from inference.monitoring.drift.counter import DriftCounter
from inference.monitoring.drift.report import DriftReport, DriftReports
from inference.monitoring.drift.window import Limits, Windows
from inference.monitoring.hand_off import HandOff
from support.monitoring.watched import answered

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 4000


def table(seed: int = 0, rows: int = ROWS) -> pd.DataFrame:
    """Make columns of every kind: skewed, few values, gaps, rare and many categories."""
    random = np.random.default_rng(seed)
    normal = random.normal(size=rows)
    gaps = np.where(random.random(rows) < 0.05, np.nan, normal * 3 + 10)
    many = [f"city {int(place)}" for place in np.minimum(random.zipf(1.5, rows), 300)]
    return pd.DataFrame(
        {
            "normal": normal,
            "skewed": np.exp(random.normal(size=rows)),
            "count": random.poisson(1.2, rows),
            "zeros": np.where(random.random(rows) < 0.9, 0.0, random.random(rows)),
            "gaps": gaps,
            "flag": random.random(rows) < 0.02,
            "island": random.choice(["Biscoe", "Dream", "Torgersen"], rows, p=[0.6, 0.395, 0.005]),
            "city": many,
        }
    )


@pytest.fixture(scope="module", params=["labels", "values"])
def servable(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Servable:
    x = table()
    numbers = ["normal", "skewed", "count", "zeros", "gaps", "flag"]
    columns = make_column_transformer(
        (SimpleImputer(), numbers),
        (OneHotEncoder(handle_unknown="ignore"), ["island", "city"]),
    )
    target: Any = x["normal"] + (x["island"] == "Dream") + x["skewed"]
    last: Any = LinearRegression()
    if request.param == "labels":
        target = np.digitize(target, [0.5, 2.0])
        last = RandomForestClassifier(20, max_depth=6, random_state=0)
    folder: Path = tmp_path_factory.mktemp("models")
    model = make_pipeline(columns, last).fit(x, target)
    publish(model, "watched", x, models_dir=folder, progress=False)
    return Servable.load("watched", 1, (folder / "watched/1/model.onnx").read_bytes())


def report_of(servable: Servable, x: pd.DataFrame) -> DriftReport:
    """Serve a table as one request."""
    contract = servable.contract
    assert contract is not None
    windows = Windows(Limits())
    counter = DriftCounter(windows)
    hand_off = HandOff([counter])
    rows = x[contract.feature_names].astype(object).where(x.notna(), None).to_numpy().tolist()
    feeds = servable.to_feeds(rows)
    outputs = [contract.outputs.label]
    results = servable.run(outputs, feeds)
    timing = answered(None, feeds=feeds, outputs=outputs, results=results, rows=len(rows))
    hand_off.append(servable, timing)
    hand_off.close()
    report = DriftReports(windows, counter).report(servable)
    assert report is not None
    assert report.rows == len(rows)
    return report


def largest(report: DriftReport) -> float:
    known = [*(feature.psi for feature in report.features), report.answers.psi]
    assert None not in known
    return max(psi for psi in known if psi is not None)


def test_no_resample_of_the_training_data_is_a_false_alarm(servable: Servable) -> None:
    """The mark is 0.2; the largest of one hundred resamples of 1,000 rows is far from it."""
    training = table()
    assert largest(report_of(servable, training.head(2000))) < 0.05
    found = [
        largest(report_of(servable, training.sample(1000, replace=True, random_state=seed)))
        for seed in range(100)
    ]
    assert max(found) < 0.1


def test_later_rows_of_the_same_kind_are_no_alarm(servable: Servable) -> None:
    assert max(largest(report_of(servable, table(seed, 1000))) for seed in range(1, 6)) < 0.2


@pytest.mark.parametrize("name", ["normal", "skewed", "gaps", "count"])
@pytest.mark.parametrize("side", [1, -1])
def test_a_shift_of_one_standard_deviation_is_seen_within_500_rows(
    servable: Servable, name: str, side: int
) -> None:
    shifted = table(3, 500)
    moved = shifted[name] + side * table()[name].std()
    shifted[name] = moved.round().astype(int) if name == "count" else moved
    by_name = {feature.name: feature.psi or 0 for feature in report_of(servable, shifted).features}
    assert by_name.pop(name) > 0.2
    assert max(by_name.values()) < 0.2


@pytest.mark.parametrize(
    ("name", "value"), [("island", "Torgersen"), ("city", "new"), ("gaps", None), ("flag", True)]
)
def test_a_tenth_of_other_values_is_seen(servable: Servable, name: str, value: Any) -> None:
    shifted = table(4, 1000)
    shifted[name] = shifted[name].astype(object)
    shifted.loc[:249, name] = value
    by_name = {feature.name: feature.psi or 0 for feature in report_of(servable, shifted).features}
    assert by_name.pop(name) > 0.2
    assert max(by_name.values()) < 0.2
