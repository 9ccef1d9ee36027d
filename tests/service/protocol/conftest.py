"""One service in each mode: with the direct protocol and without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.service.fast_requests import (
    MAX_BODY,
    PLANS,
    filled,
    url,
)
from support.service.process import Service
from support.service.raw_http import Raw

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, Service]]:
    """Run one service in each mode."""
    services = {
        d: Service(tmp_path_factory.mktemp("http"), direct=d, max_body_bytes=MAX_BODY, plans=PLANS)
        for d in (True, False)
    }
    try:
        yield {direct: filled(service) for direct, service in services.items()}
    finally:
        statuses = [service.stop() for service in services.values() if service.process]
    assert statuses == [0, 0]
    assert not any("Traceback" in service.log for service in services.values())


@pytest.fixture(params=[True, False], ids=["direct", "asgi"])
def service(request: pytest.FixtureRequest, both: dict[bool, Service]) -> Service:
    return both[request.param]


@pytest.fixture
def raw(service: Service) -> Iterator[Raw]:
    with Raw(url(service)) as connection:
        yield connection
