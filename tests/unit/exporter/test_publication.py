from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from msgspec import structs

from exporter.errors import NoServiceError, NotServedError, QuarantinedError, ServiceError
from exporter.settings import resolve_link_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.publication import Publication


def _versions(state: str, reason: str | None = None, version: int = 3) -> tuple[int, Any]:
    older = {"version": 2, "state": "ready", "reason": None}
    return 200, {"versions": [older, {"version": version, "state": state, "reason": reason}]}


def test_waits_until_the_service_serves_the_version(
    fake_service: Any, make_publication: Callable[..., Publication]
) -> None:
    """Neither an unknown model, nor an older version, nor a loading one is the end of it."""
    answers = [(404, {}), _versions("ready", version=1), _versions("loading"), _versions("ready")]
    with fake_service(*answers) as service:
        publication = make_publication(service.url)
        assert publication.wait() is publication
    assert [path for path, _ in service.requests] == ["/models/penguins"] * 4


def test_a_live_version_is_not_shown_as_the_same_card_again(
    fake_service: Any, make_publication: Callable[..., Publication]
) -> None:
    """The card appears once; after waiting, one line says that the version is live."""
    with fake_service(_versions("ready")) as service:
        publication = make_publication(service.url)
        assert "class='rookery'" in publication._repr_mimebundle_()["text/html"]
        publication.wait()
        line = publication._repr_mimebundle_()["text/html"]
        assert "is live at" in line
        assert "class='rookery'" not in line
        other = make_publication(service.url).wait()
        assert "class='rookery'" in other._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (
            _versions("quarantined", "it crashes"),
            QuarantinedError,
            "refused penguins version 3: it",
        ),
        (_versions("unloaded", "by hand"), NotServedError, "version 3 is unloaded.*: by hand"),
        (_versions("loading"), NotServedError, "version 3 is loading"),
        ((404, {}), NotServedError, "did not find penguins.* folder or bucket of /models"),
        ((200, []), NotServedError, "did not find"),
        ((200, b"<html>"), NoServiceError, "no service answers"),
        ((500, {"detail": "broken"}), ServiceError, "answers 500: broken"),
    ],
)
def test_says_why_the_version_is_not_served(
    fake_service: Any,
    make_publication: Callable[..., Publication],
    answer: tuple[int, Any],
    error: type[Exception],
    message: str,
) -> None:
    """Each end of waiting has its own error and the service's own reason."""
    with fake_service(answer) as service, pytest.raises(error, match=message):
        make_publication(service.url).wait(timeout=0.05)


def test_says_plainly_that_no_service_answers(
    make_publication: Callable[..., Publication],
) -> None:
    """The model is published all the same, and the message says how to start the service."""
    publication = make_publication("http://127.0.0.1:9")
    with pytest.raises(
        NoServiceError, match=r"is published as .*no service answers at .*make serve"
    ):
        publication.wait(timeout=0.01)


@pytest.mark.parametrize(
    "records",
    [
        pd.DataFrame({"length": [1.0, np.nan], "sex": ["a", None]}),
        pl.DataFrame({"length": [1.0, None], "sex": ["a", None]}),
        [{"length": 1.0, "sex": "a"}, {"length": np.nan, "sex": None}],
    ],
)
def test_asks_the_service_for_predictions_of_this_version(
    fake_service: Any, make_publication: Callable[..., Publication], records: Any
) -> None:
    """A DataFrame goes as records, missing values as null."""
    with fake_service((200, {"predictions": []})) as service:
        assert make_publication(service.url).predict(records) == {"predictions": []}
    ((path, body),) = service.requests
    assert path == "/models/penguins/versions/3/predict"
    assert body == [{"length": 1.0, "sex": "a"}, {"length": None, "sex": None}]


@pytest.mark.parametrize(
    ("array", "sent"),
    [
        ([[1.0, 2.0]], [[1.0, 2.0]]),
        ([[1.0, np.nan]], [[1.0, None]]),
        ([1.0, np.nan], [1.0, None]),
    ],
)
def test_passes_an_array_on_as_rows(
    fake_service: Any, make_publication: Callable[..., Publication], array: Any, sent: Any
) -> None:
    """Rows go in feature order, missing values as null."""
    with fake_service((200, {})) as service:
        make_publication(service.url).predict(np.array(array))
    assert service.requests[0][1] == sent


@pytest.mark.parametrize(
    ("row", "sent"),
    [
        (pd.Series({"sex": "a", "length": 1.0}), {"sex": "a", "length": 1.0}),
        (pd.Series([1.0, "a"]), [1.0, "a"]),
        (np.array([(1.0, "a")], [("length", float), ("sex", object)])[0:], None),
    ],
)
def test_the_values_of_a_row_keep_their_names(
    fake_service: Any, make_publication: Callable[..., Publication], row: Any, sent: Any
) -> None:
    """The columns of a frame may be in another order than the features."""
    with fake_service((200, {})) as service:
        make_publication(service.url).predict(row)
    assert service.requests[0][1] == (sent or [{"length": 1.0, "sex": "a"}])


def test_repeats_why_the_service_refuses_records(
    fake_service: Any, make_publication: Callable[..., Publication]
) -> None:
    """The problem document's detail is the message."""
    refusal = (422, {"title": "Bad rows", "detail": "row 0, feature 'sex': unknown category"})
    with fake_service(refusal) as service, pytest.raises(ServiceError, match="unknown category"):
        make_publication(service.url).predict({})


def test_writes_a_line_for_the_shell(make_publication: Callable[..., Publication]) -> None:
    """Quotes in values do not end the shell's string."""
    words = shlex.split(make_publication().curl)
    assert words[:2] == ["curl", "http://127.0.0.1:8000/models/penguins/predict"]
    assert json.loads(words[-1]) == {"length": 1.5, "sex": "it's"}


def test_is_plain_in_a_terminal(make_publication: Callable[..., Publication]) -> None:
    """str() has everything, repr() is one line."""
    publication = make_publication()
    output = str(publication)
    assert "penguins version 3 (classification) is published" in output
    assert "accuracy 75.0%" in output
    assert "http://127.0.0.1:8000/docs#/predict/predict-penguins" in output
    assert publication.curl in output
    assert "\n" not in repr(publication)


def test_links_lead_where_the_person_is_while_waiting_asks_where_the_notebook_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EXPORTER_LINK_URL", "http://127.0.0.1:8000/")
    assert resolve_link_url("http://api:8000") == "http://127.0.0.1:8000"
    monkeypatch.delenv("EXPORTER_LINK_URL")
    assert resolve_link_url("http://api:8000") == "http://api:8000"


def test_links_use_the_address_for_persons(make_publication: Callable[..., Publication]) -> None:
    shown = replace(make_publication("http://api:8000"), link_url="http://127.0.0.1:8000")
    assert shown.docs_url.startswith("http://127.0.0.1:8000/docs#")
    assert "http://127.0.0.1:8000/models/" in shown.curl


def test_another_file_of_the_same_name_and_version_is_not_live(
    fake_service: Any, make_publication: Callable[..., Publication]
) -> None:
    """A service of another folder may have a version of this number, too."""
    publication = make_publication("")
    found = _versions("ready")
    found[1]["versions"][1]["digest"] = "of another file"
    mine = _versions("ready")
    mine[1]["versions"][1]["digest"] = "of this file"
    report = structs.replace(publication.report, digest="of this file")
    with fake_service(found) as service:
        other = replace(publication, url=service.url, report=report)
        with pytest.raises(NotServedError, match="another file as penguins version 3 after"):
            other.wait(timeout=0.05)
    with fake_service(found, mine) as service:
        replace(publication, url=service.url, report=report).wait()
