"""A service in each mode, whose idle connections end soon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

KEEP_ALIVE_SECONDS = 1


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("connections")
    with Service(
        root, direct=request.param, keep_alive_seconds=KEEP_ALIVE_SECONDS, max_connection_seconds=0
    ) as service:
        service.put("penguins/1/model.onnx", penguins())
        service.start()
        yield service
        assert "Traceback" not in service.log
