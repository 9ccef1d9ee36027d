from __future__ import annotations

from typing import Any, Literal

import pytest

from exporter.rookery.served_model import ServedModel

RECORD = {"a": 1.5}


class Connection:
    """Stands for a connection to a service with one model."""

    url = "http://127.0.0.1:8000"

    def __init__(self, task: str) -> None:
        self.task = task
        self.asked: list[str] = []

    def get(self, _: str) -> dict[str, Any]:
        return {"contract": {"task": self.task}, "features": ["a"]}

    def send(self, _: str, path: str, body: list[Any]) -> dict[str, Any]:
        self.asked.append(path)
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
