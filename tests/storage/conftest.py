"""Real servers of object stores, each a process of its own: ``make test-storage``."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from support.service.process import Service
from support.storage.google import GoogleStorage
from support.storage.servers import Azurite, Moto, Server, Swift

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


SERVERS: dict[str, type[Server]] = {
    "azurite": Azurite,
    "google": GoogleStorage,
    "moto": Moto,
    "swift": Swift,
}
USUAL = ("azurite", "moto")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test against the stores that its mark `servers` names."""
    if "server" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("servers")
        names = USUAL if mark is None else mark.args
        metafunc.parametrize("server", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Start one of the servers, with the environment that its clients need."""
    made = SERVERS[request.param](tmp_path_factory.mktemp("server"))
    with made, pytest.MonkeyPatch.context() as patched:
        for name, value in made.environment.items():
            patched.setenv(name, value)
        yield made


@pytest.fixture
def url(server: Server) -> str:
    """Make a new bucket; return the URL of a path in it."""
    bucket = f"models-{uuid.uuid4().hex[:12]}"
    server.make_bucket(bucket)
    return f"{server.scheme}://{bucket}/models"


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Make services that copy from a store; they are stopped at the end."""
    made: list[Service] = []

    def make(url: str, name: str = "service", **settings: object) -> Service:
        given = {"models_url": url, "sync_seconds": 0.5, "rescan_seconds": 1} | settings
        made.append(Service(tmp_path / name, **given))
        return made[-1]

    yield make
    for service in made:
        service.__exit__()
