from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from exporter.delivery.connection import Connection
from exporter.errors import NoServiceError, OptionError, ServiceError


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
    reason = "row 0, feature 'a': not a number; row 2: has 3"
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


def test_waits_as_long_as_the_rate_limit_says(fake_service: Any) -> None:
    waits: list[float] = []
    limited = (429, {"detail": "too often"}, ("retry-after", "2"))
    with fake_service(limited, limited, (200, {})) as service:
        Connection(service.url, retries=2, pause=waits.append).get("/models")
    assert waits == [2, 2]


@pytest.mark.parametrize(
    ("media_type", "count"), [("application/problem+json", 1), ("text/html", 3)]
)
def test_only_the_timeout_of_a_proxy_is_worth_another_try(
    fake_service: Any, media_type: str, count: int
) -> None:
    """The service has ended a run that took too long, and would end the next one."""
    answer = (504, {"detail": "too slow"}, ("content-type", media_type))
    with fake_service(answer) as service, pytest.raises(ServiceError, match="504: too slow"):
        Connection(service.url, retries=2, pause=lambda _: None).send("POST", "/explain", [])
    assert len(service.requests) == count


def test_errors_name_the_rows_of_the_caller(fake_service: Any) -> None:
    """Those of a later part are counted from the first row of all, not of the part."""
    errors = [{"row": row, "feature": "a", "reason": "is no number"} for row in (0, 7)]
    problem = {"detail": "row 0 ...", "errors": errors, "total_errors": 9}
    with fake_service((422, problem)) as service, pytest.raises(ServiceError) as refused:
        Connection(service.url).send("POST", "/models/m/predict", [], first_row=4000)
    named = "row 4000, feature 'a': is no number; row 4007, feature 'a': is no number (and 7 more)"
    assert str(refused.value).endswith(f"answers 422: {named}")
    assert refused.value.problem["detail"] == named
    assert [one["row"] for one in refused.value.problem["errors"]] == [4000, 4007]


def fail(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, error: httpx.TransportError
) -> list[httpx.Request]:
    """Let each request fail; return the list of those that were tried."""
    tries: list[httpx.Request] = []

    def send(request: httpx.Request) -> httpx.Response:
        tries.append(request)
        raise error

    monkeypatch.setattr(connection._client, "send", send)
    return tries


@pytest.mark.parametrize(("first_row", "count"), [(0, 1), (1, 4)])
def test_a_service_that_has_just_answered_may_restart(
    monkeypatch: pytest.MonkeyPatch, first_row: int, count: int
) -> None:
    waits: list[float] = []
    connection = Connection("http://127.0.0.1:9", retries=3, pause=waits.append)
    tries = fail(monkeypatch, connection, httpx.ConnectError("refused"))
    with pytest.raises(NoServiceError, match="refused"):
        connection.send("POST", "/models/m/predict", [], first_row=first_row)
    assert len(tries) == count
    assert waits == [1, 2, 4][: count - 1]


def test_a_service_that_is_too_slow_is_not_said_to_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection("http://127.0.0.1:9", retries=3)
    tries = fail(monkeypatch, connection, httpx.ReadTimeout("timed out"))
    with pytest.raises(NoServiceError, match="not answered within 60 s: send fewer rows"):
        connection.get("/models")
    assert len(tries) == 1


def test_says_where_a_redirect_leads(fake_service: Any) -> None:
    moved = (308, b"", ("location", "https://models.example/models"))
    with (
        fake_service(moved) as service,
        pytest.raises(ServiceError, match=r"308: it redirects to https://models\.example/models"),
    ):
        Connection(service.url).get("/models")


def test_a_key_is_sent_without_the_end_of_its_line(
    fake_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    with fake_service((200, {})) as service:
        connection = Connection(service.url, "key\n")
        send = connection._client.send
        monkeypatch.setattr(
            connection._client, "send", lambda r: sent.append(r.headers["Authorization"]) or send(r)
        )
        connection.get("/models")
    assert sent == ["Bearer key"]


@pytest.mark.parametrize("key", ["schl\u00fcssel", "a\x00b", "a\nb"])
def test_a_key_that_no_header_takes_is_not_repeated(key: str) -> None:
    with pytest.raises(OptionError, match="EXPORTER_API_KEY") as refused:
        Connection("http://127.0.0.1:9", key).get("/models")
    assert key not in str(refused.value)


def test_numbers_of_numpy_are_sent_as_numbers(fake_service: Any) -> None:
    """Such as a version from the index of a table."""
    body = {"a": np.int64(3), "b": np.float32(0.5), "c": np.True_, "d": np.longdouble(1)}
    with fake_service((200, {})) as service:
        Connection(service.url).send("POST", "/", body)
    assert service.requests == [("/", {"a": 3, "b": 0.5, "c": True, "d": 1.0})]


@pytest.mark.parametrize("body", [[], {}, "x", None, {"other": 1}])
def test_another_server_is_not_rookery(fake_service: Any, body: Any) -> None:
    answer = (200, body)
    with fake_service(answer) as service, pytest.raises(NoServiceError, match="is not Rookery"):
        Connection(service.url).describe("/models", "models")


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff\xfe"])
def test_another_program_is_no_service(fake_service: Any, body: bytes) -> None:
    with fake_service((200, body)) as service, pytest.raises(NoServiceError, match="no service"):
        Connection(service.url).get("/models")
