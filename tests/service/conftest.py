from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from service_process import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Make services that end with the test; those made in one test share their folders."""
    made: list[Service] = []

    def make(**settings: object) -> Service:
        service = Service(tmp_path, **settings)
        made.append(service)
        return service

    yield make
    for service in made:
        if service.process is not None and service.process.poll() is None:
            service.stop(signal.SIGKILL)


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """Start a service with an empty models folder."""
    return make_service().start()
