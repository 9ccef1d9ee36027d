from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import pytest

from exporter.errors import OptionError
from exporter.rookery.served_model import ServedModel

RECORD = {"a": 1.5}


class Connection:
    """Stands for a connection to a service with one model."""

    url = "http://127.0.0.1:8000"

    def __init__(self, task: str) -> None:
        self.task = task
        self.sent: list[Any] = []
        self.asked: list[str] = []

    def describe(self, path: str, _: str) -> dict[str, Any]:
        unused = ["b"] if path.endswith("/1") else ["c"]
        return {"task": self.task, "contract": {"unused": unused}, "features": ["a"]}

    def send(self, _: str, path: str, body: list[Any], **_options: Any) -> dict[str, Any]:
        self.asked.append(path)
        self.sent = body
        base: Any = 0.5 if self.task == "regression" else {"x": 0.5}
        explanation = {"base": base, "contributions": {"a": base}}
        answer = {"value": 1.0} if self.task == "regression" else {"label": "x"}
        return {"predictions": [answer | {"explanation": explanation} for _ in body]}


@pytest.mark.parametrize(
    ("task", "classes", "asked"),
    [
        ("classification", "top", "explain?classes=top"),
        ("clustering", "top", "explain?classes=top"),
        ("classification", "all", "explain"),
        ("regression", "top", "explain"),
        ("outlier_detection", "top", "explain"),
    ],
)
@pytest.mark.parametrize(("version", "path"), [(None, "/models/m"), (2, "/models/m/versions/2")])
def test_only_the_contributions_that_are_shown_are_asked_for(
    task: str, classes: Literal["top", "all"], asked: str, version: int | None, path: str
) -> None:
    connection: Any = Connection(task)
    explained = ServedModel(connection, "m").explain(RECORD, version, classes)
    assert connection.asked == [f"{path}/{asked}"]
    assert explained["a"].tolist() == [0.5]


@pytest.mark.parametrize(("version", "columns"), [(1, ["a", "c"]), (2, ["a", "b"])])
def test_each_version_gets_the_columns_that_it_reads(version: int, columns: list[str]) -> None:
    """The columns that a version leaves out are not those of the active one."""
    connection: Any = Connection("regression")
    frame = pd.DataFrame({"a": [1], "b": [2], "c": [3]})
    model = ServedModel(connection, "m")
    for ask in (model.predict, model.explain):
        ask(frame, version=version)
        assert list(connection.sent[0]) == columns
    for one in (version, 3 - version):
        model.compare(3 - one, one, frame, [1.0])
        assert list(connection.sent[0]) == (["a", "c"] if one == 1 else ["a", "b"])


def test_other_classes_than_those_are_refused() -> None:
    connection: Any = Connection("classification")
    with pytest.raises(OptionError, match="neither 'top' nor 'all'"):
        ServedModel(connection, "m").explain(RECORD, classes="best")  # type: ignore[arg-type]
