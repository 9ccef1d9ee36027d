"""Predict, /v2, /v1 and /invocations give the same answers to the same rows."""

from __future__ import annotations

import csv
import io
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from support.answers import kinds as models
from support.models.artifacts import MEASUREMENTS

if TYPE_CHECKING:
    from support.service.process import Service

pytestmark = pytest.mark.long

MODELS = [
    *models.kinds(), "booleans", "foreign", "integers", "mixed", "penguins", "regressor",
    "two-values",
]  # fmt: skip
MEMBERS = ("label", "value", "values", "labels", "vector", "outputs")
METHODS = {
    "predict_proba": "probabilities",
    "decision_function": "score",
    "transform": "distances",
}
_SPREAD = ((25.0, 70.0), (10.0, 25.0), (160.0, 240.0), (2500.0, 6500.0))


def records(name: str, count: int = 40) -> list[dict[str, Any]]:
    """Make rows inside and outside of the training range; some values are missing."""
    source = random.Random(count)
    if name != "mixed":
        names = ("a[0]", "a[1]", "b") if name == "foreign" else MEASUREMENTS
        return [
            {n: round(source.uniform(*s), 3) for n, s in zip(names, _SPREAD, strict=False)}
            for _ in range(count)
        ]
    return [
        {
            "mass": source.choice([None, source.uniform(1, 9), 3]),
            "age": source.randint(-5, 90),
            "wild": source.random() < 0.5,
            "island": source.choice(["Biscoe", "Dream"]),
            "sex": source.choice([None, "male", "female", 'other, or "none"', ""]),
        }
        for _ in range(count)
    ]


def plain(value: Any) -> Any:
    return [plain(each) for each in value.values()] if isinstance(value, dict) else value


def documents(rows: list[dict[str, Any]], names: list[str]) -> list[tuple[bytes, str]]:
    """Write rows in each of the formats, with their media types."""
    split = {"columns": names[::-1], "data": [[row[n] for n in names[::-1]] for row in rows]}
    written: list[Any] = [
        {"instances": rows},
        {"instances": [[row[n] for n in names] for row in rows]},
        {"inputs": {n: [row[n] for row in rows] for n in names}},
        {"dataframe_records": rows},
        {"dataframe_split": split},
    ]
    bodies = [json.dumps(each) for each in written]
    bodies += [each.replace("null", "NaN") for each in bodies]  # as pandas' clients write it
    table = io.StringIO()
    writer = csv.DictWriter(table, names)
    writer.writeheader()
    writer.writerows(rows)
    found = [(each.encode(), "application/json") for each in bodies]
    if not any(row.get("sex") == "" for row in rows):  # in CSV an empty text is a missing one
        found.append((table.getvalue().encode(), "text/csv"))
    return found


@pytest.mark.parametrize("count", [1, 2, 40, 3000])
@pytest.mark.parametrize("name", MODELS)
def test_every_format_gives_the_answers_of_predict(service: Service, name: str, count: int) -> None:
    rows = records(name, count)
    own = service.client.post(f"/models/{name}/predict", json=rows)
    assert own.status_code == 200, own.text
    predictions = own.json()["predictions"]
    service.client.post("/select-model/", params={"model": name}).raise_for_status()
    member = next(m for m in MEMBERS if m in predictions[0])
    wanted = [plain(each[member]) for each in predictions]
    if member == "outputs":
        wanted = [value for (value,) in wanted]
    for body, media_type in documents(rows, list(rows[0])):
        headers = {"content-type": media_type}
        answer = service.client.post("/invocations", content=body, headers=headers)
        assert answer.status_code == 200, (answer.text[:300], body[:200])
        assert answer.json()["predictions"] == wanted, body[:200]
        if b'"instances"' in body or b'"inputs"' in body:
            answer = service.client.post(f"/v1/models/{name}:predict", content=body)
            assert answer.json()["predictions"] == wanted, body[:200]
    for method, table in METHODS.items():
        if predictions[0].get(table) is None:
            continue
        document = {"instances": rows, "signature_name": method}
        answer = service.client.post(f"/v1/models/{name}:predict", json=document)
        assert answer.json()["predictions"] == [plain(each[table]) for each in predictions]


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("mixed", "foreign")])
def test_the_open_inference_protocol_gives_the_same_numbers(service: Service, name: str) -> None:
    rows = [[row[n] for n in row] for row in records(name)]
    tensor = {"name": "X", "shape": [len(rows), 4], "datatype": "FP32", "data": rows}
    outputs = service.client.post(f"/v2/models/{name}/infer", json={"inputs": [tensor]}).json()
    by_name = {each["name"]: each for each in outputs["outputs"]}
    answer = service.client.post(f"/v1/models/{name}:predict", json={"instances": rows}).json()
    found = answer["predictions"]
    if name == "labels":
        codes = zip(*(by_name[t.label]["data"] for t in models.TARGETS), strict=True)
        assert [[str(a), bool(b), c] for a, b, c in codes] == found
        return
    first = outputs["outputs"][0]
    data, width = first["data"], first["shape"][-1] if len(first["shape"]) > 1 else 1
    chunks = [data[at : at + width] for at in range(0, len(data), width)]
    flat = [chunk[0] if width == 1 else chunk for chunk in chunks]
    assert found == ([bool(each) for each in flat] if name == "booleans" else flat)


def test_columns_of_each_type_are_the_tensors_of_the_protocol(service: Service) -> None:
    rows = [row | {"sex": row["sex"] or ""} for row in records("mixed") if row["mass"] is not None]
    types = {"mass": "FP32", "age": "INT32", "wild": "BOOL", "island": "BYTES", "sex": "BYTES"}
    inputs = [
        {"name": n, "shape": [len(rows), 1], "datatype": t, "data": [row[n] for row in rows]}
        for n, t in types.items()
    ]
    outputs = service.client.post("/v2/models/mixed/infer", json={"inputs": inputs}).json()
    labels = next(each for each in outputs["outputs"] if each["name"] == "label")
    answer = service.client.post("/v1/models/mixed:predict", json={"instances": rows}).json()
    assert answer["predictions"] == labels["data"]
