"""Each kind of request, written once, with a check of its answer."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from soak.expected import BLOCKS
from support.models.artifacts import MEASUREMENTS, SPECIES
from support.service.raw_http import request

if TYPE_CHECKING:
    from collections.abc import Callable

    from soak.expected import Expected
    from support.service.raw_http import Answer

_BINARY = "Inference-Header-Content-Length"
_PROBLEM = "application/problem+json"


class Question(NamedTuple):
    """One request.

    Attributes:
        kind: As the report names it.
        data: As it goes over the connection, or what makes it when it is asked.
        judge: Says what is wrong with an answer; nothing when it is right.
    """

    kind: str
    data: bytes | Callable[[], bytes]
    judge: Callable[[Answer], str]


class Questions:
    """Every kind of request.

    Args:
        expected: Which weights may answer.

    Attributes:
        side_may_be_away: Set while the model ``side`` may be taken away.
        choices_may_fail: Set while a selection may be refused, or another client selects.
    """

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self.side_may_be_away = threading.Event()
        self.choices_may_fail = threading.Event()

    def predictions(self) -> list[Question]:
        """Ask for predictions in every form, the models that faults befall the most."""
        one, many = BLOCKS["one"], BLOCKS["many"]
        return [
            self._predict("record", "steady", "one", _records(one)[0]),
            self._predict("record", "moving", "one", _records(one)[0]),
            self._predict("row", "steady", "other", BLOCKS["other"][0]),
            self._predict("row", "flat", "one", one[0]),
            self._predict("record", "", "one", _records(one)[0]),
            self._predict("rows", "moving", "many", many),
            self._predict("records", "threaded", "many", _records(many)),
            self._infer("steady", "one"),
            self._infer("moving", "many", binary=True),
            self._predict("row, threaded", "threaded", "other", BLOCKS["other"][0]),
            self._predict("row", "flat", "other", BLOCKS["other"][0]),
            self._infer("flat", "one", binary=True),
            self._predict("row", "side", "one", one[0]),
            *self._mistakes(),
            self._predict("row", "moving", "other", BLOCKS["other"][0]),
            self._predict("thousand rows", "steady", "thousand", BLOCKS["thousand"]),
        ]

    def record(self, name: str) -> Question:
        """Ask a model for one record."""
        return self._predict("record", name, "one", _records(BLOCKS["one"])[0])

    def views(self) -> list[Question]:
        """Look at what there is, as dashboards do."""
        return [
            _get("/models", lambda answer: "" if len(answer.json()["models"]) >= 3 else "too few"),
            _get("/metrics", lambda answer: _lacks(answer, b"inference_requests_total")),
            _get("/models/moving", lambda answer: _lacks(answer, b'"active_version"')),
            _get("/healthz", lambda answer: _lacks(answer, b"alive")),
            _get("/openapi.json", lambda answer: _lacks(answer, b"/models/steady/predict")),
            _get("/v2/health/live", lambda _: ""),
        ]

    def choices(self) -> list[Question]:
        """Select one model after the other, and ask the selected one."""
        return [ask for name in ("steady", "moving") for ask in self._choose(name)]

    def _choose(self, name: str) -> tuple[Question, Question]:
        sure = False  # a choice that was cut off may hold or not

        def judge_choice(answer: Answer) -> str:
            nonlocal sure
            if self.choices_may_fail.is_set() and answer.status in (200, 503):
                return ""
            sure = answer.status == 200
            return _is_not(answer, 200)

        def judge_chosen(answer: Answer) -> str:
            nonlocal sure
            is_due, sure = sure and not self.choices_may_fail.is_set(), False
            if is_due and answer.status == 200 and answer.json()["model"] != name:
                return f"{answer.json()['model']} answers, and {name} is selected"
            return asked.judge(answer)

        asked = self._predict("selected", "", "one", BLOCKS["one"][0])
        chosen = request(f"/select-model/?model={name}")
        return Question("select-model", chosen, judge_choice), asked._replace(judge=judge_chosen)

    def _predict(self, kind: str, name: str, block: str, body: Any) -> Question:
        def judge(answer: Answer) -> str:
            if name == "side" and self._is_away(answer):
                return ""
            if wrong := _is_not(answer, 200):
                return wrong
            document = answer.json()
            if name and document["model"] != name:
                return f"{document['model']} answers instead of {name}"
            rows = document.get("predictions", [document])
            found = [[row["probabilities"][species] for species in SPECIES] for row in rows]
            labels = [row["label"] for row in rows]
            if labels != [SPECIES[int(np.argmax(row))] for row in found]:
                return f"labels beside their probabilities: {labels[:3]}"
            return self._expected.judge(document["model"], document["version"], block, found)

        path = f"/models/{name}/predict" if name else "/predict/"
        return Question(f"predict, {kind}", request(path, json.dumps(body).encode()), judge)

    def _infer(self, name: str, block: str, *, binary: bool = False) -> Question:
        rows = BLOCKS[block]
        given: dict[str, Any] = {"name": "X", "shape": [len(rows), 4], "datatype": "FP32"}
        wanted: dict[str, Any] = {"name": "probabilities"}
        buffer, headers = b"", []
        if binary:
            buffer = np.array(rows, dtype="<f4").tobytes()
            given["parameters"] = {"binary_data_size": len(buffer)}
            wanted["parameters"] = {"binary_data": True}
        else:
            given["data"] = [value for row in rows for value in row]
        head = json.dumps({"inputs": [given], "outputs": [wanted]}).encode()
        if binary:
            headers = [f"{_BINARY}: {len(head)}"]

        def judge(answer: Answer) -> str:
            if wrong := _is_not(answer, 200):
                return wrong
            size = int(answer.headers.get(_BINARY) or len(answer.body))
            document = json.loads(answer.body[:size])
            [output] = document["outputs"]
            found = np.array(
                np.frombuffer(answer.body[size:], dtype="<f4") if binary else output["data"]
            ).reshape(output["shape"])
            return self._expected.judge(
                document["model_name"], int(document["model_version"]), block, found
            )

        data = request(f"/v2/models/{name}/infer", head + buffer, *headers)
        return Question(f"infer, {'binary' if binary else 'JSON'}", data, judge)

    def _mistakes(self) -> list[Question]:
        record = _records(BLOCKS["one"])[0]
        lacking = {k: v for k, v in record.items() if k != "body_mass_g"}
        path = "/models/steady/predict"
        cases: list[tuple[str, bytes, int]] = [
            (path, b'{"bill_length_mm": 39.1,', 400),
            (path, json.dumps(lacking).encode(), 422),
            (path, b'[1, 2, 3, "heavy"]', 422),
            ("/models/unknown/predict", b"[1, 2, 3, 4]", 404),
            ("/models/steady/versions/9/predict", b"[1, 2, 3, 4]", 404),
            ("/v2/models/steady/infer", b"\x00\x00\x80?", 400),
        ]
        return [
            Question(
                f"mistakes, {status}",
                request(where, body),
                lambda answer, status=status: _is_not(answer, status),  # type: ignore[misc]
            )
            for where, body, status in cases
        ]

    def _is_away(self, answer: Answer) -> bool:
        return (
            self.side_may_be_away.is_set()
            and answer.status in (404, 409, 503)
            and answer.headers["content-type"] == _PROBLEM
        )


def _records(rows: list[list[float]]) -> list[dict[str, float]]:
    return [dict(zip(MEASUREMENTS, row, strict=True)) for row in rows]


def _get(path: str, judge: Callable[[Answer], str]) -> Question:
    return Question(
        f"GET {path}",
        request(path, method="GET"),
        lambda answer: _is_not(answer, 200) or judge(answer),
    )


def _is_not(answer: Answer, status: int) -> str:
    return "" if answer.status == status else f"{answer.status} {answer.body[:300]!r}"


def _lacks(answer: Answer, wanted: bytes) -> str:
    return "" if wanted in answer.body else f"{wanted!r} is not in it"
