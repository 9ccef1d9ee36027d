from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Make services that end with the test; those made in one test share their folders."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Service(tmp_path, **settings))


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    """Start a service with an empty models folder."""
    return make_service().start()
