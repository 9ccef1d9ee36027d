from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve a model of penguins, with background rows."""
    rows = [[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]]
    with Service(tmp_path_factory.mktemp("platforms")) as service:
        service.put("penguins/1/model.onnx", penguins(background=rows))
        yield service.start(within=60)
