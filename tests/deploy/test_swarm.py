"""The stack file is what Swarm takes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from deploy.manifests import DEPLOY, SETTINGS

STACK = DEPLOY / "swarm" / "stack.yml"


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    """Give the stack as Compose reads it."""
    command = ["docker", "compose", "--file", str(STACK), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_variable_is_a_setting(stack: dict[str, Any]) -> None:
    assert stack["services"]["api"]["environment"].keys() <= SETTINGS


def test_a_stop_has_time_for_its_phases(stack: dict[str, Any]) -> None:
    api = stack["services"]["api"]
    phases = (api["environment"][f"INFERENCE_{p}_SECONDS"] for p in ("DRAIN", "SHUTDOWN"))
    assert api["stop_grace_period"] == "45s"
    assert sum(map(int, phases)) < 45


def test_callers_need_a_key(stack: dict[str, Any]) -> None:
    api = stack["services"]["api"]
    (secret,) = api["secrets"]
    assert api["environment"]["INFERENCE_API_KEYS_FILE"] == f"/run/secrets/{secret['source']}"
    assert "INFERENCE_ALLOW_ANONYMOUS" not in api["environment"]


@pytest.mark.parametrize(("status", "ended"), [(200, 0), (503, 1)])
def test_a_task_is_healthy_once_the_service_is_ready(
    stack: dict[str, Any], status: int, ended: int
) -> None:
    command, python, option, program = stack["services"]["api"]["healthcheck"]["test"]
    assert (command, python, option) == ("CMD", "python", "-c")

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        program = program.replace("8000", str(server.server_port))
        done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False)
        thread.join()
    assert done.returncode == ended
