"""The pages behind a proxy: what they load, what a person executes, and while it has no service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.nginx import nginx
from support.service.process import Service
from support.swagger_page import Swagger

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Request, Route

FORWARDED = (
    "proxy_set_header X-Forwarded-Prefix /ml; proxy_set_header X-Forwarded-Host $http_host; "
    "proxy_set_header X-Forwarded-Proto $scheme;"
)


@pytest.mark.parametrize("further", ["", FORWARDED], ids=["setting", "header"])
def test_swagger_works_under_a_path_of_nginx(
    page: Page, requests: list[Request], tmp_path: Path, further: str
) -> None:
    settings = {} if further else {"root_path": "/ml"}
    with Service(tmp_path, **settings) as service:
        service.put("penguins/1/model.onnx", penguins())
        service.start()
        upstream = str(service.client.base_url)
        with nginx(
            tmp_path / "nginx", upstream, location="/ml/", path="/", further=further
        ) as address:
            swagger = Swagger(page, f"{address}/ml")
            swagger.open()
            status, answer = swagger.entry("/models/penguins/predict").try_it_out().execute()
            assert (status, answer["model"]) == (200, "penguins")
            status, answer = swagger.entry("/select-model/").try_it_out().execute()
            assert status in {200, 422}
            assert all(asked.url.startswith(f"{address}/ml/") for asked in requests)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, '<main id="content" data-texts="{}">Too many requests</main>'),
        (502, "<h1>Bad Gateway</h1>"),
    ],
)
def test_page_stays_where_a_proxy_or_a_limit_answers(
    page: Page, service: Service, status: int, body: str
) -> None:
    address = str(service.client.base_url).rstrip("/")
    page.goto(address)
    page.locator("#live[data-state=on]").wait_for()
    refused: list[Route] = []

    def refuse(route: Route) -> None:
        if len(refused) == 2:
            route.continue_()
        else:
            refused.append(route)
            route.fulfill(status=status, content_type="text/html", body=body)

    page.route(f"{address}/", refuse)
    service.put(f"kept-{status}/1/model.onnx", penguins())
    page.locator(f"#model-kept-{status}").wait_for(timeout=60_000)
    assert len(refused) == 2
