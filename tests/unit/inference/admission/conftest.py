"""Fork servers for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.admission.fork_server import ForkServer
from inference.serving.trial_process import load_trial
from support.forked_processes import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    server = ForkServer(load_trial)
    yield server
    assert is_alive(server.pid), "it died of a file"
    server.close()
    assert not is_alive(server.pid)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.onnx"
