"""A service in each mode; a module may say when its idle connections end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

# So long that a busy machine ends no connection between two requests of a test.
KEEP_ALIVE_SECONDS = 60


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("connections")
    idle = getattr(request.module, "KEEP_ALIVE_SECONDS", KEEP_ALIVE_SECONDS)
    with Service(
        root, direct=request.param, keep_alive_seconds=idle, max_connection_seconds=0
    ) as service:
        service.put("penguins/1/model.onnx", penguins())
        service.start()
        yield service
        assert "Traceback" not in service.log
