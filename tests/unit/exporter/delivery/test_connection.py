from __future__ import annotations

from typing import Any

import pytest

from exporter.delivery.connection import Connection
from exporter.errors import NoServiceError, ServiceError


@pytest.mark.parametrize("busy", [0, 1, 2, 3])
def test_repeats_a_request_while_the_service_is_busy(fake_service: Any, busy: int) -> None:
    """Two retries bridge two busy answers, and the third is the result."""
    waits: list[float] = []
    answers = [(503, {"detail": "busy"})] * busy + [(200, {"here": True})]
    with fake_service(*answers) as service:
        connection = Connection(service.url, retries=2, pause=waits.append)
        if busy > 2:
            with pytest.raises(ServiceError, match="answers 503: busy"):
                connection.get("/models")
        else:
            assert connection.get("/models") == {"here": True}
    assert len(service.requests) == min(busy, 2) + 1
    assert waits == [0.1, 0.2][: min(busy, 2)]


def test_does_not_repeat_what_is_refused(fake_service: Any) -> None:
    """The error carries the status and the problem document, and names further faults."""
    problem = {
        "detail": "row 0, a: not a number",
        "errors": [
            {"row": 0, "feature": "a", "reason": "not a number"},
            {"row": 2, "feature": None, "reason": "has 3 values"},
        ],
    }
    reason = "row 0, a: not a number; row 2: has 3"
    with fake_service((422, problem)) as service, pytest.raises(ServiceError) as refused:
        Connection(service.url, retries=3).send("POST", "/models/m/predict", [])
    assert reason in str(refused.value)
    assert len(service.requests) == 1
    assert refused.value.status_code == 422
    assert refused.value.problem == problem


def test_names_the_key_where_one_is_needed(fake_service: Any) -> None:
    answer = (401, {"title": "Unauthorized"})
    with fake_service(answer) as service, pytest.raises(ServiceError, match="EXPORTER_API_KEY"):
        Connection(service.url).get("/models")


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff\xfe"])
def test_another_program_is_no_service(fake_service: Any, body: bytes) -> None:
    with fake_service((200, body)) as service, pytest.raises(NoServiceError, match="no service"):
        Connection(service.url).get("/models")
