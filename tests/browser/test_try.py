"""The panel in which a person tries a model, in a real browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from browser.model_page import ModelPage
from support.models.artifacts import mixed, penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page, Request, Route

from browser.test_swagger import publish_penguins


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service")) as service:
        service.put("mixed/1/model.onnx", mixed())
        service.start()
        publish_penguins(service, "penguins")
        yield service
        service.stop()


@pytest.fixture
def penguin(page: Page, service: Service) -> ModelPage:
    return ModelPage(page, service, "penguins").open()


def asked(request: Request) -> dict[str, float]:
    return json.loads(request.post_data or "{}")


def predictions(requests: list[Request]) -> list[Request]:
    return [one for one in requests if one.url.endswith("/predict")]


def test_dragging_a_slider_changes_the_label_and_moves_the_bars(penguin: ModelPage) -> None:
    assert penguin.field("bill_length_mm").locator(".histogram rect").count() > 3
    penguin.drag("flipper_length_mm", 0.2)
    penguin.drag("bill_length_mm", 0.1)
    penguin.drag("body_mass_g", 0.3)
    penguin.page.locator(".verdict", has_text="Adelie").wait_for()
    before = penguin.page.locator(".row.best .bar").bounding_box()
    penguin.drag("bill_length_mm", 0.95)
    penguin.page.locator(".verdict", has_text="Chinstrap").wait_for()
    penguin.page.locator(".row.best", has_text="Chinstrap").wait_for()
    assert before
    assert before["width"] > 20


def test_page_shows_what_the_service_answers(
    penguin: ModelPage, service: Service, requests: list[Request]
) -> None:
    penguin.value("body_mass_g").fill("4444.25")
    penguin.until(
        lambda: (
            bool(predictions(requests))
            and asked(predictions(requests)[-1])["body_mass_g"] == 4444.25
        ),
        what="the value is asked",
    )
    answer = service.client.post(
        "/models/penguins/predict", json=asked(predictions(requests)[-1])
    ).json()
    for name, share in answer["probabilities"].items():
        row = penguin.page.locator(".probabilities .row, .bars .row", has_text=name).first
        row.locator(".amount", has_text=f"{100 * share:.1f}%").wait_for()
    assert penguin.label == answer["label"]


def test_one_request_at_a_time_and_the_newest_wins(penguin: ModelPage, page: Page) -> None:
    held: list[Route] = []
    bodies = []

    def hold_the_first(route: Route) -> None:
        bodies.append(asked(route.request))
        if len(bodies) == 1:
            held.append(route)
        else:
            route.continue_()

    page.route("**/predict", hold_the_first)
    penguin.drag("body_mass_g", 0.9, steps=60)
    penguin.until(lambda: held, what="the first request")
    assert len(bodies) == 1, "the others wait for its answer"
    final = float(penguin.value("body_mass_g").input_value())
    held[0].continue_()
    penguin.until(lambda: len(bodies) > 1, what="the next request")
    page.locator(".verdict").wait_for()
    page.unroute_all(behavior="wait")
    assert [body["body_mass_g"] for body in bodies[1:]] == [final]


def test_values_outside_of_the_training_range_are_amber(penguin: ModelPage) -> None:
    field = penguin.field("bill_length_mm")
    assert "outside" not in (field.get_attribute("class") or "")
    penguin.value("bill_length_mm").fill("99")
    penguin.page.locator(".caution", has_text="bill_length_mm").wait_for()
    assert "outside" in (field.get_attribute("class") or "")
    penguin.drag("bill_length_mm", 0.5)
    penguin.page.locator(".caution").wait_for(state="detached")
    assert "outside" not in (field.get_attribute("class") or "")


def test_examples_are_golden_samples(penguin: ModelPage, requests: list[Request]) -> None:
    examples = penguin.page.locator(".examples button")
    labels = examples.all_inner_texts()
    assert set(labels[:3]) == {"Adelie", "Chinstrap", "Gentoo"}
    for index in range(3):
        examples.nth(index).click()
        penguin.page.locator(".verdict", has_text=labels[index]).wait_for()
    row = json.loads(examples.nth(2).get_attribute("data-sample") or "")
    assert asked(predictions(requests)[-1]) == row


def test_faults_are_shown_at_their_field(penguin: ModelPage) -> None:
    penguin.value("body_mass_g").fill("")
    fault = penguin.field("body_mass_g").locator(".wrong:not([hidden])")
    fault.wait_for()
    assert fault.inner_text()
    penguin.value("body_mass_g").fill("4000")
    fault.wait_for(state="hidden")
    penguin.page.locator(".verdict").wait_for()


def test_reasons_of_an_earlier_answer_are_not_shown(penguin: ModelPage) -> None:
    page = penguin.page
    blocks = [page.locator("#explanation"), page.locator("#whatif")]
    for block in blocks:
        block.wait_for(state="visible")
    for route in ("**/explain", "**/whatif?*"):
        page.route(route, lambda asked: asked.fulfill(status=503, json={"detail": "busy"}))
    penguin.value("body_mass_g").fill("4111")
    for block in blocks:
        block.wait_for(state="hidden")
    assert penguin.label
    page.unroute_all()
    penguin.value("body_mass_g").fill("4112")
    for block in blocks:
        block.wait_for(state="visible")


def test_reasons_that_come_after_an_error_are_not_shown(penguin: ModelPage) -> None:
    page = penguin.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.locator("#whatif").wait_for(state="visible")
    page.route("**/explain", hold)
    penguin.value("body_mass_g").fill("4111")
    penguin.until(lambda: held, what="the reasons are asked for")
    penguin.value("body_mass_g").fill("")
    page.locator("#answer .wrong").wait_for()
    with page.expect_event("requestfinished", lambda request: "/whatif" in request.url):
        held[0].continue_()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.locator("#explanation").is_hidden()
    assert page.locator("#whatif").is_hidden()


def test_feature_without_a_range_takes_no_curve_from_others(penguin: ModelPage) -> None:
    page = penguin.page
    refusal = {"detail": "the contract has no range for 'body_mass_g'"}
    page.route(
        "**/whatif?feature=body_mass_g", lambda asked: asked.fulfill(status=409, json=refusal)
    )
    penguin.value("body_mass_g").fill("4111")
    page.locator("#whatif").wait_for(state="hidden")
    penguin.value("bill_length_mm").fill("41")
    page.locator("#whatif h2", has_text="bill_length_mm").wait_for()


def test_empty_set_of_labels_is_named(penguin: ModelPage) -> None:
    answer = {"model": "penguins", "version": 1, "label": "Gentoo", "label_set": []}
    penguin.page.route("**/predict", lambda asked: asked.fulfill(json=answer))
    penguin.value("body_mass_g").fill("4111")
    penguin.page.locator("#answer .sure", has_text="no label is likely enough").wait_for()


def test_each_interval_has_a_line(penguin: ModelPage) -> None:
    answer = {
        "model": "penguins",
        "version": 1,
        "values": {"a": 1, "b": 4},
        "intervals": {"a": [0, 2], "b": [1.5, 6.5]},
    }
    penguin.page.route("**/predict", lambda asked: asked.fulfill(json=answer))
    penguin.value("body_mass_g").fill("4111")
    lines = penguin.page.locator("#answer .sure")
    lines.nth(1).wait_for()
    assert lines.all_inner_texts() == ["a: between 0 and 2", "b: between 1.5 and 6.5"]
    assert penguin.page.locator("#answer pre").count() == 0


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((0.3, 5.5e-18), ["+0.3", "0"]),
        ((-3e-7, 1e-13), ["-0.0000003", "+0.0000000000001"]),
        ((5.5e-18, -2e-18), ["0", "0"]),
        ((None, 0.2), ["-", "+0.2"]),
    ],
)
def test_errors_of_rounding_and_missing_numbers_are_no_reasons(
    penguin: ModelPage, values: tuple[float | None, float], shown: list[str]
) -> None:
    names = ("body_mass_g", "bill_length_mm")
    contributions = dict(zip(names, values, strict=True))
    explanation = {"contributions": contributions, "base": 0.1, "method": "exact"}
    answer = {"explanation": explanation}
    penguin.page.route("**/explain", lambda asked: asked.fulfill(json=answer))
    penguin.value("body_mass_g").fill("4111")
    amounts = penguin.page.locator("#explanation .amount")
    penguin.until(lambda: amounts.all_inner_texts() == shown, what=f"{shown}")


def test_select_this_model(penguin: ModelPage, service: Service) -> None:
    penguin.page.get_by_role("button", name="Use it for /predict/").click()
    penguin.page.locator("#model-head .badge", has_text="selected").wait_for()
    assert service.client.get("/models").json()["selected"]["model"] == "penguins"
    penguin.page.locator("#select").wait_for(state="detached")


def test_keyboard_alone_is_enough(penguin: ModelPage) -> None:
    page = penguin.page
    page.reload()
    page.locator(".verdict").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "range":
            break
    before = page.evaluate("document.activeElement.value")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.value") < before
    page.locator(".field.outside").first.wait_for()


def test_values_stay_when_another_version_becomes_active(page: Page, service: Service) -> None:
    service.put("twice/1/model.onnx", penguins())
    eventually(lambda: service.model("twice").get("state") == "ready", what="version 1")
    shown = ModelPage(page, service, "twice").open()
    shown.value("body_mass_g").fill("4321")
    service.put("twice/2/model.onnx", penguins(seed=7))
    page.locator("#model-head", has_text="Version 2").wait_for()
    assert shown.value("body_mass_g").input_value() == "4321"
    shown.value("body_mass_g").fill("4322")
    page.locator(".verdict").wait_for()


def test_categories_booleans_and_missing_values_keep_their_types(
    page: Page, service: Service, requests: list[Request]
) -> None:
    shown = ModelPage(page, service, "mixed").open()
    example = service.model("mixed")["contract"]["features"]
    sent = asked(predictions(requests)[-1])
    assert sent == {feature["name"]: feature.get("example") for feature in example}
    for feature in example:
        if feature.get("nullable"):
            shown.field(feature["name"]).get_by_label("missing").check()
            shown.until(
                lambda name=feature["name"]: asked(predictions(requests)[-1])[name] is None,
                what="null is asked",
            )


@pytest.mark.parametrize("name", ["mixed", "penguins"])
def test_axe_finds_nothing_after_use(
    page: Page, service: Service, assert_accessible: Callable[[], None], name: str
) -> None:
    shown = ModelPage(page, service, name).open()
    field = page.locator("input[type=range]").first
    if field.count():
        field.press("End")
        page.locator(".field.outside").wait_for()
    assert shown.page.locator("#answer").inner_text()
    assert_accessible()
