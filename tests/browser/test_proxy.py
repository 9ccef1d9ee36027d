"""The page works under a path of nginx: what it loads, and what a person executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.nginx import nginx
from support.service.process import Service
from support.swagger_page import Swagger

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Request

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
