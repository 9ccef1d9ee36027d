from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.models.oip_models import fill
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve every kind of model, for the tests of one module."""
    service = fill(Service(tmp_path_factory.mktemp("oip"), max_rows=1000, max_body_bytes=1_000_000))
    try:
        yield service.start(within=120)
    finally:
        service.stop()
