"""Half of a surrogate pair, which JSON can spell and UTF-8 cannot, is no fault of the service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import penguins
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("surrogates")) as service:
        service.put("penguins/1/model.onnx", penguins())
        service.start()
        service.client.post("/select-model/?model=penguins").raise_for_status()
        yield service


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/models/penguins/active"),
        ("PUT", "/models/penguins/traffic"),
        ("POST", "/feedback"),
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/repository/models/penguins/load"),
        ("POST", "/v2/models/penguins/infer"),
        ("POST", "/models/penguins/predict"),
        ("POST", "/v1/models/penguins:predict"),
        ("POST", "/invocations"),
    ],
)
@pytest.mark.parametrize(
    "document",
    [
        {"\ud800": 1},
        {"split": {"\ud800": 100}, "sticky": "\ud800", "version": "\ud800", "parameters": "\ud800"},
        [{"request_id": "\ud800", "row": 0, "truth": "\ud800"}],
    ],
)
def test_half_of_a_surrogate_pair_is_an_error_of_the_request(
    service: Service, method: str, path: str, document: Any
) -> None:
    body = json.dumps(document)
    headers = {"content-type": "application/json"}
    answer = service.client.request(method, path, content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
