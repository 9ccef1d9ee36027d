"""The service that the pipelines of a module are published to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all pipelines of a module, with at most one model at a time."""
    with Service(tmp_path_factory.mktemp("corpus")) as running:
        yield running.start()
