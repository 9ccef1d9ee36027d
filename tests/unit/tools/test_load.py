"""What ``make load`` takes for an answer and for slow; locust itself is not installed here."""

from __future__ import annotations

import runpy
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

FEATURES = [{"name": "a"}, {"name": "b"}]
ANSWERS = [
    {"label": "x", "probabilities": {"x": 1.0}},
    {"labels": {"first": 1, "second": 0}},
    {"value": 1.5},
    {"values": {"first": 1.5, "second": 2.5}},
    {"vector": [0.5, 1.5]},
    {"label": -1, "score": -0.5},
]


class Client:
    """Answers as a service with one model, and one without golden rows, would."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.asked: list[Any] = []
        self.failures: list[str] = []

    def get(self, path: str, **_: object) -> Any:
        samples = [{"row": [1, 2]}] if path.endswith("/full") else []
        models = [{"name": name, "state": "ready"} for name in ("empty", "full")]
        return self._respond(
            {"models": models, "contract": {"features": FEATURES, "samples": samples}}
        )

    def post(self, _: str, json: Any, **__: object) -> Any:
        self.asked.append(json)
        return self._respond(self.answer)

    def _respond(self, document: Any) -> Any:
        return nullcontext(
            SimpleNamespace(
                status_code=200, text="", json=lambda: document, failure=self.failures.append
            )
        )


@pytest.fixture
def run_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, Any]]:
    """Run a module of ``make load``, and return its names."""
    event = SimpleNamespace(add_listener=lambda function: function)
    locust = SimpleNamespace(
        FastHttpUser=object,
        LoadTestShape=object,
        constant=float,
        events=SimpleNamespace(init=event, init_command_line_parser=event),
        task=lambda _: lambda function: function,
    )
    monkeypatch.setitem(sys.modules, "locust", locust)

    def run(name: str) -> dict[str, Any]:
        # Its dataclasses look their module up.
        return runpy.run_path(str(ROOT / f"tools/load/{name}.py"), run_name=__name__)

    return run


@pytest.fixture
def make_user(run_module: Callable[[str], dict[str, Any]]) -> Any:
    """Return the class of the users."""
    return run_module("locustfile")["Application"]


@pytest.mark.parametrize(
    ("times", "p95"), [([], 0), ([3000], 3000), ([10, 20], 19.5), ([*range(101)], 95)]
)
def test_few_answers_are_as_slow_as_they_were(
    run_module: Callable[[str], dict[str, Any]], times: list[float], p95: float
) -> None:
    step = run_module("ramp")["Step"](users=1, times_ms=times, seconds=5)
    assert step.p95_ms == pytest.approx(p95)


@pytest.mark.parametrize("answer", ANSWERS, ids="+".join)
def test_answer_of_every_kind_of_model_is_one(make_user: Any, answer: dict[str, Any]) -> None:
    user = make_user()
    user.client = client = Client(answer)
    user.on_start()
    user.predict_one()
    assert (client.asked, client.failures) == ([{"a": 1, "b": 2}], [])


def test_document_without_an_answer_is_a_failure(make_user: Any) -> None:
    user = make_user()
    user.client = client = Client({"detail": "busy"})
    user.on_start()
    user.predict_one()
    assert client.failures == ["200: "]
