from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import penguins
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS = [[39.1, 18.7, 181.0, 3750.0], [46.5, 17.9, 192.0, 3500.0]]


def put_versions(service: Service, *versions: int, **more: Any) -> Service:
    for version in versions:
        data = penguins(note=f"version {version}", background=ROWS, **more)
        service.put(f"m/{version}/model.onnx", data)
    return service


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Five versions of ``m``, of which only one would be kept loaded."""
    settings = {"keep_versions": 1, "direct": request.param}
    with Service(tmp_path_factory.mktemp("traffic"), **settings) as service:
        yield put_versions(service, 1, 2, 3, 4, 5).start()
        assert "Traceback" not in service.log


@pytest.fixture
def traffic(shared: Service) -> Iterator[Callable[..., Any]]:
    """Set the traffic of ``m``, which ends with the test."""

    def put(**change: Any) -> Any:
        answer = shared.client.put("/models/m/traffic", json=change)
        assert answer.status_code == 200, answer.text
        return answer.json()

    yield put
    assert shared.client.delete("/models/m/traffic").status_code == 200
    assert shared.client.put("/models/m/active", json={"version": "latest"}).status_code == 200
