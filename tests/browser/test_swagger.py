"""A person with a browser finds the new model and asks it, and nothing leaves the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pandas as pd
import pytest
from palmerpenguins import load_penguins
from sklearn.linear_model import LogisticRegression

from exporter import publish
from support.service.process import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

    from support.service.process import Service
    from support.swagger_page import Swagger

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
PENGUINS = load_penguins().dropna(subset=MEASUREMENTS)
MODEL = LogisticRegression(max_iter=10_000).fit(PENGUINS[MEASUREMENTS], PENGUINS["species"])


def publish_penguins(service: Service, name: str) -> None:
    """Publish from this process, as a notebook would, and wait until the service serves it."""
    publish(
        MODEL,
        name,
        PENGUINS[MEASUREMENTS],
        units={"body_mass_g": "g"},
        models_dir=service.models,
        url=str(service.client.base_url),
    ).wait(60)


def test_new_model_is_found_after_a_reload_and_answers(swagger: Swagger, service: Service) -> None:
    """The main job in the browser: reload, choose in the drop-down, execute, read the label."""
    publish_penguins(service, "before")
    swagger.open()
    offered = swagger.entry("/select-model/").try_it_out().options("model")
    assert "before" in offered

    publish_penguins(service, "newcomer")
    swagger.open()
    select = swagger.entry("/select-model/").try_it_out()
    assert set(select.options("model")) == {*offered, "newcomer"}
    select.drop_down("model").select_option("newcomer")
    status, answer = select.execute()
    assert (status, answer["selected"]["model"]) == (200, "newcomer")

    swagger.open()
    predict = swagger.entry("/predict/").try_it_out()
    asked = predict.body()
    status, answer = predict.execute()
    assert status == 200
    assert answer["model"] == "newcomer"
    assert [answer["label"]] == list(MODEL.predict(pd.DataFrame([asked])))
    assert sum(answer["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize("example", ["one record", "a list of records", "rows in feature order"])
def test_typed_entry_runs_each_of_its_examples_as_it_is(
    example: str, swagger: Swagger, service: Service
) -> None:
    """Every live model has an entry of its own; its examples need no editing."""
    publish_penguins(service, "typed")
    swagger.open()
    entry = swagger.entry("/models/typed/predict").try_it_out()
    entry.choose_example(example)

    status, answer = entry.execute()

    assert status == 200
    predictions = answer["predictions"] if example != "one record" else [answer]
    assert {prediction["label"] for prediction in predictions} <= set(MODEL.classes_)
    assert "warnings" not in answer


def test_typed_entry_tells_features_units_and_ranges(swagger: Swagger, service: Service) -> None:
    """The schema shows what the model takes, in its order."""
    publish_penguins(service, "typed")
    swagger.open()
    entry = swagger.entry("/models/typed/predict").try_it_out()

    assert list(entry.body()) == MEASUREMENTS
    document = service.client.get("/openapi.json").json()
    properties = document["components"]["schemas"]["TypedRecord"]["properties"]
    assert list(properties) == MEASUREMENTS
    assert properties["body_mass_g"]["description"] == "in g; seen in training: 2700 to 6300"


def test_entries_of_a_removed_model_are_gone_after_a_reload(
    swagger: Swagger, service: Service
) -> None:
    """What is not live is not offered."""
    publish_penguins(service, "short-lived")
    swagger.open()
    assert "/models/short-lived/predict" in swagger.paths()

    (service.models / "short-lived" / "1" / "model.onnx").unlink()
    eventually(lambda: not service.model("short-lived"), what="short-lived is gone")

    swagger.open()
    assert "/models/short-lived/predict" not in swagger.paths()


def test_page_shows_which_row_and_feature_is_wrong(swagger: Swagger, service: Service) -> None:
    """A mistake in the body is answered in the page, by name."""
    publish_penguins(service, "strict")
    swagger.open()
    entry = swagger.entry("/models/strict/predict").try_it_out()
    entry.block.locator("textarea").fill('{"bill_length_mm": "long"}')

    status, answer = entry.execute()

    assert status == 422
    faults = {fault["feature"]: fault["reason"] for fault in answer["errors"]}
    assert faults["bill_length_mm"] == "expected a number, got the string 'long'"
    assert faults["body_mass_g"] == "it is missing"


def test_page_and_its_files_come_from_the_service(
    swagger: Swagger, page: Page, requests: list[Request]
) -> None:
    """Style, script, icon and document: all from the service, all found, nothing from elsewhere."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    swagger.open()
    page.wait_for_load_state("networkidle")

    service_host = urlsplit(swagger.url).netloc
    assert {urlsplit(request.url).netloc for request in requests} == {service_host}
    kinds = {request.resource_type for request in requests}
    assert kinds >= {"document", "stylesheet", "script", "fetch"}
    answered = {request.url: request.response() for request in requests}
    unanswered = [url for url, got in answered.items() if got is None or got.status >= 400]
    assert unanswered == []
    assert complaints == []


def test_redoc_comes_from_the_service_alone(
    swagger: Swagger, service: Service, page: Page, requests: list[Request]
) -> None:
    """It shows the models under the same policy, with its styles, and complains of nothing."""
    publish_penguins(service, "typed")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    answer = page.goto(f"{swagger.url}/redoc")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert policy == service.client.get("/docs").headers["content-security-policy"]
    page.locator("h2", has_text="Predict with typed").first.wait_for()
    page.wait_for_load_state("networkidle")

    menu = page.locator(".menu-content")
    assert menu.evaluate("menu => getComputedStyle(menu).position") == "sticky"
    assert {urlsplit(request.url).netloc for request in requests} == {urlsplit(swagger.url).netloc}
    assert [text for text in complaints if "OpenAPI Sampler" not in text] == []


def test_pages_have_an_icon(service: Service) -> None:
    """Browsers ask for favicon.ico of themselves, and take the one that a page names."""
    for path, start in (("/favicon.ico", b"\0\0\1\0"), ("/favicon.svg", b"<svg ")):
        answer = service.client.get(path)
        assert answer.status_code == 200
        assert answer.content.startswith(start)
    for page in ("/docs", "/redoc"):
        assert '<link rel="icon" href="/favicon.svg"' in service.client.get(page).text
