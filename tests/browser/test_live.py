"""The page at ``/docs`` follows the models by itself, and keeps what a person has done in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import mixed, penguins
from support.service.process import Service, eventually
from support.swagger_page import Swagger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page, Request, Response

pytestmark = pytest.mark.timeout(180)

MINE = '{"mine": [1, 2'
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", {get: () => hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services with a mixed model and one of penguins."""
    started: list[Service] = []

    def make(**settings: object) -> Service:
        service = Service(tmp_path, **settings)
        service.put("mixed/1/model.onnx", mixed())
        service.put("penguins/1/model.onnx", penguins())
        started.append(service)
        return service.start(within=60)

    yield make
    for service in started:
        service.stop()


def open_page(page: Page, service: Service) -> Swagger:
    swagger = Swagger(page, str(service.client.base_url).rstrip("/"))
    swagger.open()
    return swagger


def appears(page: Page, name: str) -> None:
    path = f"/models/{name}/predict"
    page.locator(f'.opblock-summary-path[data-path="{path}"]').wait_for(timeout=30_000)


def disappears(page: Page, name: str) -> None:
    path = f"/models/{name}/predict"
    entry = page.locator(f'.opblock-summary-path[data-path="{path}"]')
    entry.wait_for(state="detached", timeout=30_000)


def test_new_model_appears_while_a_person_types(page: Page, start: Callable[..., Service]) -> None:
    service = start()
    swagger = open_page(page, service)
    select = swagger.entry("/select-model/").try_it_out()
    entry = swagger.entry("/models/mixed/predict").try_it_out()
    typed = entry.block.locator("textarea")
    typed.fill(MINE)
    typed.evaluate("body => body.setSelectionRange(3, 5)")

    service.put("newcomer/1/model.onnx", penguins(5))
    appears(page, "newcomer")

    wanted = ["mixed", "newcomer", "penguins"]
    eventually(lambda: select.options("model") == wanted, what="the newcomer is offered")
    assert typed.input_value() == MINE
    state = "body => [body === document.activeElement, body.selectionStart, body.selectionEnd]"
    assert typed.evaluate(state) == [True, 3, 5]
    assert entry.block.get_by_role("button", name="Execute").is_visible()


def test_open_predict_follows_what_is_selected_here_and_elsewhere(
    page: Page, start: Callable[..., Service]
) -> None:
    service = start()
    swagger = open_page(page, service)
    predict = swagger.entry("/predict/").try_it_out()
    select = swagger.entry("/select-model/").try_it_out()

    select.drop_down("model").select_option("penguins")
    select.execute()
    eventually(lambda: "bill_length_mm" in predict.body(), what="the body of penguins")
    status, answer = predict.execute()
    assert (status, answer["model"]) == (200, "penguins")

    service.client.post("/select-model/?model=mixed").raise_for_status()
    eventually(lambda: "island" in predict.body(), what="the body of the mixed model")
    predict.block.get_by_text("Selected model: mixed").wait_for()


def test_typed_body_is_kept_when_another_model_is_selected(
    page: Page, start: Callable[..., Service]
) -> None:
    service = start()
    swagger = open_page(page, service)
    predict = swagger.entry("/predict/").try_it_out()
    body = predict.block.locator("textarea")
    body.fill(MINE)
    service.client.post("/select-model/?model=penguins").raise_for_status()
    predict.block.get_by_text("Selected model").wait_for()
    assert body.input_value() == MINE


def test_entries_and_options_of_a_removed_model_go(
    page: Page, start: Callable[..., Service]
) -> None:
    service = start()
    swagger = open_page(page, service)
    select = swagger.entry("/select-model/").try_it_out()
    gone = swagger.entry("/models/penguins/predict").try_it_out()
    gone.block.locator("textarea").fill(MINE)
    (service.models / "penguins" / "1" / "model.onnx").unlink()
    disappears(page, "penguins")
    eventually(lambda: select.options("model") == ["mixed"], what="penguins are offered no more")


def test_changed_model_is_shown_with_its_new_version(
    page: Page, start: Callable[..., Service]
) -> None:
    service = start()
    swagger = open_page(page, service)
    entry = swagger.entry("/models/penguins/predict").try_it_out()
    service.put("penguins/2/model.onnx", penguins(3, note="the second one"))
    entry.block.get_by_text("the second one").first.wait_for(timeout=30_000)
    status, answer = entry.execute()
    assert (status, answer["version"]) == (200, 2)


def test_hidden_page_asks_nothing_and_is_current_when_it_is_seen_again(
    page: Page, start: Callable[..., Service]
) -> None:
    service = start()
    open_page(page, service)
    answers: list[int] = []
    asked: list[str] = []

    def note_request(request: Request) -> None:
        if request.url.endswith("/openapi.json"):
            asked.append(request.url)

    def note(response: Response) -> None:
        if response.url.endswith("/openapi.json"):
            answers.append(response.status)

    page.on("request", note_request)
    page.on("response", note)
    with page.expect_response("**/openapi.json"):
        pass
    page.evaluate(HIDE, arg=True)
    before = len(asked)  # an answer may still be on its way
    service.put("newcomer/1/model.onnx", penguins(5))
    service.wait_for("newcomer", state="ready")
    page.wait_for_timeout(5000)
    assert len(asked) == before

    page.evaluate(HIDE, arg=False)
    appears(page, "newcomer")
    assert set(answers) == {200, 304}, "an unchanged document is not sent again"


def test_page_of_several_workers_does_not_flicker(
    page: Page, start: Callable[..., Service]
) -> None:
    service = start(workers=3)
    swagger = open_page(page, service)
    for number in range(3):
        service.put(f"newcomer-{number}/1/model.onnx", penguins(number))
        appears(page, f"newcomer-{number}")
    shown = swagger.paths()
    for _ in range(3):
        with page.expect_response("**/openapi.json"):
            pass
        assert swagger.paths() == shown


def test_page_survives_a_restart_of_the_service(
    page: Page, tmp_path: Path, start: Callable[..., Service]
) -> None:
    service = start()
    swagger = open_page(page, service)
    typed = swagger.entry("/models/mixed/predict").try_it_out().block.locator("textarea")
    typed.fill(MINE)
    port = service.client.base_url.port
    service.stop()
    with Service(tmp_path, port=port) as again:
        again.put("newcomer/1/model.onnx", penguins(5))
        again.start(within=60)
        appears(page, "newcomer")
        assert typed.input_value() == MINE


def test_page_without_models_says_what_to_do_and_follows(page: Page, tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        service.start()
        swagger = open_page(page, service)
        page.get_by_text("No model is ready yet").first.wait_for()
        assert "exporter publish" in page.locator(".info").inner_text()
        select = swagger.entry("/select-model/").try_it_out()
        service.put("first/1/model.onnx", penguins())
        appears(page, "first")
        page.get_by_text("No model is ready yet").first.wait_for(state="detached")
        select.drop_down("model").select_option("first")
        assert select.execute()[0] == 200


def test_page_with_a_key_follows_and_forgets_with_the_key(
    page: Page, tmp_path: Path, start: Callable[..., Service]
) -> None:
    key, line = make_key("person", ["predict", "admin"])
    (tmp_path / "keys").write_text(line)
    service = start(api_keys_file=tmp_path / "keys")
    open_page(page, service)
    page.get_by_text("This service requires an API key").wait_for()
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".auth-container:has-text('bearer')").first
    dialog.locator("input").fill(key)
    dialog.get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").last.click()
    appears(page, "penguins")
    service.put("newcomer/1/model.onnx", penguins(5))
    appears(page, "newcomer")

    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".auth-container").get_by_role("button", name="Remove authorization").first.click()
    page.locator(".modal-ux").get_by_role("button", name="Close").last.click()
    disappears(page, "penguins")


@pytest.mark.parametrize(
    "path",
    [
        "/models/{name}/predict",
        "/models/{name}/versions/{version}/predict",
        "/v2/models/{model_name}/infer",
        "/v2/models/{model_name}/versions/{model_version}/infer",
    ],
)
def test_route_for_any_model_runs_as_it_is_offered(
    page: Page, start: Callable[..., Service], path: str
) -> None:
    swagger = open_page(page, start())
    status, answer = swagger.entry(path).try_it_out().execute()
    assert status == 200, answer


@pytest.mark.timeout(400)
def test_nothing_is_shown_with_made_up_names(page: Page, start: Callable[..., Service]) -> None:
    swagger = open_page(page, start())
    controls = page.locator(".opblock-summary-control").all()
    assert len(controls) >= len(swagger.paths())
    shown = ""
    for control in controls:  # one at a time: each that is open makes Swagger slower
        control.click()
        page.locator(".opblock-body .responses-wrapper").wait_for()
        shown += page.locator(".opblock.is-open").inner_text()
        control.click()
        page.locator(".opblock-body").wait_for(state="detached")
    assert "additionalProp" not in shown
    assert json.dumps("Adelie") in shown
