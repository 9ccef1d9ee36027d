from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.answers import kinds as models
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=[True, False], ids=["direct", "asgi"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve a model of each kind, answering from the parser and without it."""
    with Service(tmp_path_factory.mktemp("answers"), direct=request.param) as service:
        for name, content in models.kinds().items():
            service.put(f"{name}/1/model.onnx", content)
        service.put("wide/1/model.onnx", models.vectors(1000))
        service.start()
        for name in (*models.kinds(), "wide"):
            service.wait_for(name, state="ready", within=60)
        yield service
