from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.models.oip_models import fill
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

# Run by the isolated environment that has KServe; there is nothing in it to collect.
collect_ignore = ["kserve_client.py"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve every kind of model, for the tests of one module."""
    service = fill(Service(tmp_path_factory.mktemp("oip")))
    try:
        yield service.start(within=120)
    finally:
        service.stop()


@pytest.fixture(scope="module")
def address(filled: Service) -> str:
    """Tell where it listens, as ``host:port``."""
    return filled.client.base_url.netloc.decode()
