"""From a notebook cell to a live endpoint, through the real containers and their volume."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

pytestmark = pytest.mark.timeout(900)

PENGUINS = {
    "penguins-logistic-regression",
    "penguins-random-forest",
    "penguins-nearest-neighbours",
    "penguins-support-vector-machine",
    "penguins-gradient-boosting",
}
LISTED_WITHIN_SECONDS = 2


def test_notebook_publishes_the_five_penguin_models(published: list[dict[str, Any]]) -> None:
    """The notebook runs through, unmodified, and publishes five classifiers."""
    assert {publication["name"] for publication in published} >= PENGUINS


def test_each_model_is_listed_within_two_seconds_of_publish_returning(
    published: list[dict[str, Any]],
    first_listed: dict[str, float],
    wait_for: Callable[..., Any],
) -> None:
    """A client outside sees each model ready two seconds after publication at the latest."""
    returned = {publication["name"]: publication["returned"] for publication in reversed(published)}

    wait_for("all are listed", lambda: returned.keys() <= first_listed.keys(), 10)

    lags = {name: first_listed[name] - returned[name] for name in returned}
    assert max(lags.values()) < LISTED_WITHIN_SECONDS, lags


def test_selected_model_answers_as_scikit_learn_did_in_the_notebook(
    published: list[dict[str, Any]], api: httpx.Client
) -> None:
    """Labels are equal and probabilities within the recorded tolerance, on every row."""
    for publication in published:
        name, version = publication["name"], publication["version"]
        described = api.get(f"/models/{name}/versions/{version}").json()
        tolerance = described["contract"]["parity"]["tolerance"]
        chosen = {"model": name, "version": version}
        api.post("/select-model/", params=chosen).raise_for_status()

        answer = api.post("/predict/", json=publication["rows"]).raise_for_status().json()

        assert answer["model"] == name
        predictions = answer["predictions"]
        assert [prediction["label"] for prediction in predictions] == publication["labels"]
        for prediction, expected in zip(predictions, publication["probabilities"], strict=True):
            got = [prediction["probabilities"][label] for label in publication["classes"]]
            assert got == pytest.approx(expected, abs=tolerance)


def test_single_record_gets_a_single_answer(
    published: list[dict[str, Any]], api: httpx.Client
) -> None:
    """One record in, one label out."""
    publication = published[0]
    api.post("/select-model/", params={"model": publication["name"]}).raise_for_status()

    answer = api.post("/predict/", json=publication["rows"][0]).raise_for_status().json()

    assert answer["label"] == publication["labels"][0]


def test_service_was_never_restarted_for_it(
    published: list[dict[str, Any]], inspect: Callable[[str], dict[str, Any]]
) -> None:
    """The service had started before the first publication, and only once."""
    assert published
    look = inspect("api_service")
    started = dt.datetime.fromisoformat(look["State"]["StartedAt"]).timestamp()

    assert look["RestartCount"] == 0
    assert started < min(publication["returned"] for publication in published)


def test_nothing_left_the_machine(
    published: list[dict[str, Any]],
    departures: Callable[[], int],
    run_python: Callable[..., str],
) -> None:
    """No container opened a connection to outside, and the service looked up no name."""
    assert published
    assert departures() == 0
    # A name looked up is a datagram sent, even where the engine answers it itself.
    counters = run_python("api_service", "print(open('/proc/net/snmp').read())")
    names, values = (line.split()[1:] for line in counters.splitlines() if line.startswith("Udp:"))
    assert dict(zip(names, values, strict=True))["OutDatagrams"] == "0"


def test_selection_and_models_outlive_the_container(
    published: list[dict[str, Any]],
    api: httpx.Client,
    compose: Callable[..., str],
    wait_for: Callable[..., Any],
) -> None:
    """A new container of the same image goes on where the old one stopped."""
    name = published[-1]["name"]
    api.post("/select-model/", params={"model": name}).raise_for_status()

    compose("up", "--detach", "--force-recreate", "--no-deps", "--wait", "api")

    wait_for("the service is ready again", lambda: api.get("/readyz").is_success, 30)
    answer = api.post("/predict/", json=published[-1]["rows"][0]).raise_for_status().json()
    assert answer["model"] == name
    assert answer["label"] == published[-1]["labels"][0]
