"""Swagger's Authorize button, as a person uses it where keys are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.service.process import Service
from support.swagger_page import Swagger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

KEY, LINE = make_key("person", ["predict", "admin"])


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
    swagger = Swagger(page, str(keyed.client.base_url))
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
