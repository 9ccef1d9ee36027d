"""The client of the service waits for what will be, and says what will not."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.delivery.client import ServiceClient
from exporter.errors import ServiceError

READY = (200, {"versions": [{"version": 1, "state": "ready"}]})


@pytest.mark.parametrize("status", [502, 503, 504])
def test_waits_behind_a_proxy_for_a_service_that_starts(fake_service: Any, status: int) -> None:
    with fake_service(*[(status, {"detail": "no upstream"})] * 2, READY) as service:
        found = ServiceClient(service.url).wait_until_ready("m", 1, 30)
    assert found is not None
    assert found.state == "ready"
    assert len(service.requests) == 3


def test_a_proxy_without_a_service_is_named_in_the_end(fake_service: Any) -> None:
    with (
        fake_service((502, {"detail": "no upstream"})) as service,
        pytest.raises(ServiceError, match="answers 502: no upstream"),
    ):
        ServiceClient(service.url).wait_until_ready("m", 1, 1)
    assert len(service.requests) > 1


def test_a_refusal_is_not_waited_for(fake_service: Any) -> None:
    with fake_service((403, {"detail": "no"})) as service, pytest.raises(ServiceError, match="403"):
        ServiceClient(service.url).wait_until_ready("m", 1, 30)
    assert len(service.requests) == 1
