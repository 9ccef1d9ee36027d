"""The notebook reads what the service has logged, and so do other readers of Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from exporter import Rookery, publish
from exporter.errors import OptionError
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, split: Any) -> Iterator[Service]:
    """Serve penguins, with files that end with each row but the last one."""
    root = tmp_path_factory.mktemp("service")
    with Service(root, prediction_log=root / "log", prediction_log_file_rows=20) as service:
        service.start()
        rows, species = split.train[MEASUREMENTS], split.train["species"]
        model = LogisticRegression(max_iter=5000).fit(rows, species)
        url = str(service.client.base_url)
        publish(
            model, "penguins", rows, species, models_dir=service.models, url=url, progress=False
        ).wait(60)
        yield service
        service.stop()


def test_the_log_has_rows_answers_and_truths(service: Service, split: Any) -> None:
    folder = service.root / "log"
    model = Rookery(str(service.client.base_url))["penguins"]
    asked, truth = split.test[MEASUREMENTS][:60], split.test["species"][:60].tolist()
    answers = pd.concat([model.predict(asked[:40]), model.predict(asked[40:])])
    eventually(lambda: len(list(folder.rglob("*.parquet"))) >= 1)

    assert model.is_logged
    log = eventually(lambda: len(found := model.log(folder=folder)) == 60 and [found])[0]
    assert log["truth"].isna().all()
    assert np.allclose(log[MEASUREMENTS], asked)
    assert log["label"].tolist() == answers["label"].tolist()
    assert np.allclose(log.filter(regex="^p_"), answers.filter(regex="^p_"), atol=1e-6)
    begin = 0
    for one, part in log.groupby("request_id", sort=False):
        assert model.feedback(str(one), truth[begin : begin + len(part)]) == len(part)
        begin += len(part)

    log = model.log("1h", folder=folder)
    assert log["truth"].tolist() == truth
    live = model.live(every="1D", folder=folder)
    assert live["rows"].sum() == 60
    if len(live) == 1:
        labels = answers["label"].tolist()
        assert live["accuracy"][0] == pytest.approx(metrics.accuracy_score(truth, labels))
        expected = metrics.f1_score(truth, labels, average="macro")
        assert live["macro_f1"][0] == pytest.approx(expected)
    assert live.draw().get_title() == "live accuracy"
    assert model.log("2100-01-01", folder=folder).empty

    drift = eventually(lambda: (d := model.drift()).rows >= 60 and [d], what="all rows counted")[0]
    assert list(drift.index) == [*MEASUREMENTS, "answer"]
    assert "served rows" in drift.draw().get_title()


def test_live_counts_what_was_answered_since_a_time_to_the_fraction_of_a_second(
    service: Service, split: Any
) -> None:
    folder = service.root / "log"
    model = Rookery(str(service.client.base_url))["penguins"]
    times = []
    for place in range(3):
        times.append(pd.Timestamp.now("UTC"))
        model.predict(split.test[MEASUREMENTS][place : place + 1])
    log = eventually(lambda: len(found := model.log(times[0], folder=folder)) == 3 and [found])[0]
    for request_id in log["request_id"]:
        assert model.feedback(request_id, split.test["species"].iloc[0]) == 1
    for place, time in enumerate(times):
        live = model.live(time, every="1D", folder=folder)
        assert live["rows"].sum() == 3 - place
        assert "accuracy" in live


def test_other_readers_read_the_files(service: Service, split: Any) -> None:
    folder = service.root / "log"
    model = Rookery(str(service.client.base_url))["penguins"]
    model.predict(split.test[MEASUREMENTS])
    paths = eventually(lambda: sorted(folder.rglob("*.parquet")))

    for path in map(str, paths):
        parquet: Any = pytest.importorskip("pyarrow.parquet")  # has no types
        table = parquet.read_table(path, partitioning=None)
        rows = table.num_rows
        assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
        assert str(table.schema.field("body_mass_g").type) in ("float", "double")
        assert pl.read_parquet(path, hive_partitioning=False).height == rows
        query = f"SELECT count(*), max(latency_ms) FROM '{path}'"  # noqa: S608
        with duckdb.connect() as connection:
            count, latency = connection.execute(query).fetchall()[0]
        assert count == rows
        assert latency > 0


def test_what_is_missing_is_said(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Rookery(str(service.client.base_url))["penguins"]
    monkeypatch.delenv("EXPORTER_PREDICTION_LOG", raising=False)

    with pytest.raises(OptionError, match="EXPORTER_PREDICTION_LOG"):
        model.log()
    with pytest.raises(OptionError, match="there is no folder"):
        model.log(folder="/no/such/folder")
    with pytest.raises(OptionError, match="is no time"):
        model.log("yesterday-ish", folder=service.root)
    with pytest.raises(OptionError, match="no length of time"):
        model.live(every="0s", folder=service.root)
