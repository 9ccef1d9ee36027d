"""The main job without containers, from a fresh clone with empty caches."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)

ADELIE = {
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone what is committed, as a newcomer would."""
    folder = tmp_path_factory.mktemp("newcomer") / "rookery"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def environment(clone: Path) -> dict[str, str]:
    """Give an environment without uv, without caches and without this environment's Python."""
    folders = os.environ["PATH"].split(os.pathsep)
    strange = [f for f in folders if not shutil.which("uv", path=f) and ".venv" not in f]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "VIRTUAL_ENV", "MAKE"))}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = clone.parent / "home"
    home.mkdir()
    return kept | {
        "PATH": os.pathsep.join(strange),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "INFERENCE_PORT": str(port),
    }


@contextlib.contextmanager
def make_serve(clone: Path, environment: dict[str, str]) -> Generator[subprocess.Popen[bytes]]:
    """Run ``make serve`` in a terminal's manner: its process group gets the Ctrl-C."""
    with (clone.parent / "log").open("wb") as log:
        server = subprocess.Popen(
            ["make", "serve"],
            cwd=clone,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        sys.stdout.write((clone.parent / "log").read_text())


@pytest.mark.parametrize("start", ["first", "second"])
def test_make_serve_answers_a_prediction_and_stops_on_ctrl_c(
    start: str, clone: Path, environment: dict[str, str], wait_for: Callable[..., Any]
) -> None:
    """From nothing within minutes, the second time within seconds; and the port is free again."""
    address = f"http://127.0.0.1:{environment['INFERENCE_PORT']}"
    with make_serve(clone, environment) as server, httpx.Client(base_url=address) as client:

        def is_ready() -> bool:
            assert server.poll() is None, "make serve has ended"
            with contextlib.suppress(httpx.TransportError):
                return client.get("/readyz").is_success
            return False

        wait_for("the penguins are served", is_ready, 600 if start == "first" else 30)
        answer = client.post("/models/penguins-logistic-regression/predict", json=ADELIE).json()
        assert answer["label"] == "Adelie"

        os.killpg(server.pid, signal.SIGINT)
        server.wait(timeout=30)

    assert "Traceback" not in (clone.parent / "log").read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)
    assert (clone / ".tools" / "uv").is_dir(), "uv was to be installed into the clone"
