"""Keys, as a person gives them in Swagger and on the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.service.process import Service
from support.swagger_page import Swagger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

KEY, LINE = make_key("person", ["predict", "admin"])
_, OTHER = make_key("other", ["predict"])


def address(service: Service) -> str:
    return str(service.client.base_url).rstrip("/")


def open_with_key(page: Page, service: Service) -> None:
    page.goto(f"{address(service)}/models/m/")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Show the models").click()
    page.locator(".verdict").wait_for()


@pytest.fixture
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("keyed")
    (root / "keys").write_text(LINE)
    service = Service(root, api_keys_file=root / "keys")
    service.put("m.onnx", penguins())
    yield service.start()
    service.stop()


@pytest.mark.parametrize("scheme", ["bearer", "header"])
def test_models_appear_once_a_key_is_given(keyed: Service, page: Page, scheme: str) -> None:
    """Without a reload: the page fetches the document anew, and asks with the key."""
    swagger = Swagger(page, address(keyed))
    swagger.open()
    assert "/models/m/predict" not in swagger.paths()

    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(f".auth-container:has-text('{scheme}')").first
    dialog.locator("input").fill(KEY)
    dialog.get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").last.click()

    entry = page.locator('.opblock-summary-path[data-path="/models/m/predict"]')
    entry.wait_for()
    status, answer = swagger.entry("/models/m/predict").try_it_out().execute()
    assert status == 200, answer
    select = swagger.entry("/select-model/").try_it_out()
    assert "m" in select.options("model")


def test_key_is_asked_for_and_stays_in_memory(tmp_path: Path, page: Page) -> None:
    (tmp_path / "keys").write_text(f"{LINE}\n{OTHER}")
    with Service(tmp_path, api_keys_file=tmp_path / "keys") as service:
        service.put("m/1/model.onnx", penguins())
        service.start()
        page.goto(address(service))
        field = page.get_by_label("API key")
        for wrong in ("rk_wrong", "\N{LEFT DOUBLE QUOTATION MARK}rk\N{ROOSTER}"):
            field.fill(wrong)
            page.keyboard.press("Enter")
            page.get_by_text("This key is unknown.").wait_for()
            page.reload()
        field.fill(KEY)
        page.keyboard.press("Enter")
        page.locator("#model-m").wait_for()
        page.locator("#live[data-state=on]").wait_for()

        page.get_by_role("link", name="m", exact=True).click()
        page.locator(".verdict").wait_for()
        assert page.url.endswith("/models/m/")
        page.go_back()
        page.locator("#model-m").wait_for()

        stored = page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie,"
            " location.href, document.documentElement.outerHTML, history.state])"
        )
        assert KEY not in stored
        page.reload()
        page.get_by_label("API key").wait_for()
        service.stop()


def test_page_asks_for_another_key_when_its_own_is_revoked(tmp_path: Path, page: Page) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{LINE}\n{OTHER}")
    with Service(tmp_path, api_keys_file=keys) as service:
        service.put("m/1/model.onnx", penguins())
        service.start()
        open_with_key(page, service)
        page.locator("#live[data-state=on]").wait_for()
        keys.write_text(OTHER)
        page.get_by_label("API key").wait_for()
        assert page.locator(".verdict").count() == 0
        service.stop()


def test_key_can_be_forgotten(tmp_path: Path, page: Page) -> None:
    (tmp_path / "keys").write_text(LINE)
    with Service(tmp_path, api_keys_file=tmp_path / "keys") as service:
        service.put("m/1/model.onnx", penguins())
        service.start()
        open_with_key(page, service)
        page.get_by_role("button", name="Forget the key").click()
        page.get_by_label("API key").wait_for()
        assert page.locator(".verdict").count() == 0
        service.stop()
