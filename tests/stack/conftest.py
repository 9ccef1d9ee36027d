"""The real stack: images from the unmodified Dockerfiles, brought up by the unmodified compose.yml.

It runs under a project name of its own, so its volumes are never a person's; the containers' names
and ports are those of compose.yml, so a person's stack must be down. It is always taken down again.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

PROJECT = "rookery-test"
JUPYTER = "jupyter_env"
API = "api_service"
TOKEN = re.compile(r"http://127\.0\.0\.1:8888/lab/tree/penguins\.ipynb\?token=([0-9a-f]{32,})")
OBSERVER_PAUSE_SECONDS = 0.02


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    """Give a function that asks until the answer is true, and fails when that takes too long."""

    def wait(what: str, answer: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while not (value := answer()):
            if time.monotonic() > deadline:
                pytest.fail(f"{what}: not within {seconds} s")
            pause.wait(0.05)
        return value

    return wait


@pytest.fixture(scope="session")
def stack(wait_for: Callable[..., Any]) -> Generator[str]:
    """Build the images and bring both containers up; the value is the compose project's name."""
    _require_engine()
    try:
        _compose("build")
        _compose("up", "--no-start")
        with _count_departures():
            _compose("up", "--detach")
            for name in (JUPYTER, API):
                wait_for(f"{name} is healthy", lambda name=name: _health(name) == "healthy", 120)
            yield PROJECT
    finally:
        sys.stdout.write(_compose("logs", "--no-color", "--tail=200", check=False))
        _compose("down", "--volumes", "--rmi=local", "--timeout=5", check=False)


@pytest.fixture(scope="session")
def compose(stack: str) -> Callable[..., str]:
    """Give a function that runs a compose command on this stack."""
    assert stack
    return _compose


@pytest.fixture(scope="session")
def inspect(stack: str) -> Callable[[str], dict[str, Any]]:
    """Give a function that says how a container was made and runs."""
    assert stack

    def look(container: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(_run("docker", "inspect", container))[0]
        return found

    return look


@pytest.fixture(scope="session")
def run_python(stack: str) -> Callable[..., str]:
    """Give a function that runs Python source inside a container and returns what it prints."""
    assert stack

    def run(container: str, source: str, seconds: float = 60) -> str:
        command = ("docker", "exec", "--interactive", container, "python", "-")
        return _run(*command, stdin=source, seconds=seconds)

    return run


@pytest.fixture(scope="session")
def api(stack: str) -> Generator[httpx.Client]:
    """Give a client of the service, through the published port."""
    assert stack
    with httpx.Client(base_url="http://127.0.0.1:8000", timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def token(stack: str) -> str:
    """Read JupyterLab's token where a person does: in the container's log."""
    assert stack
    found = TOKEN.search(_run("docker", "logs", JUPYTER))
    assert found, "JupyterLab's log shows no address with a token"
    return found[1]


@pytest.fixture(scope="session")
def first_listed(api: httpx.Client) -> Generator[dict[str, float]]:
    """Watch ``GET /models`` from outside; the value maps each ready model to when."""
    seen: dict[str, float] = {}
    stop = threading.Event()

    def observe() -> None:
        while not stop.wait(OBSERVER_PAUSE_SECONDS):
            with contextlib.suppress(httpx.HTTPError):
                for model in api.get("/models").json()["models"]:
                    if model["state"] == "ready":
                        seen.setdefault(model["name"], time.time())

    observer = threading.Thread(target=observe, name="observer")
    observer.start()
    yield seen
    stop.set()
    observer.join()


@pytest.fixture(scope="session")
def published(
    run_python: Callable[..., str], first_listed: dict[str, float]
) -> list[dict[str, Any]]:
    """Execute the penguins notebook in its container; one record for each ``publish()`` in it."""
    assert first_listed == {}, "the models volume was not empty"
    source = (Path(__file__).parent / "execute_notebook.py").read_text()
    records: list[dict[str, Any]] = json.loads(run_python(JUPYTER, source, 600).splitlines()[-1])
    return records


@pytest.fixture(scope="session")
def departures(stack: str) -> Callable[[], int]:
    """Give a function that counts the connections containers opened to outside their network."""
    assert stack

    def count() -> int:
        rules = _run("iptables", "-L", "DOCKER-USER", "-v", "-x", "-n").splitlines()
        (packets,) = (line.split()[0] for line in rules if PROJECT in line)
        return int(packets)

    return count


def _require_engine() -> None:
    answer = shutil.which("docker") and _run("docker", "info", "--format=ok", check=False)
    if answer is None or answer.strip() != "ok":
        pytest.skip("no container engine answers: install Docker, then `make test-stack`")
    for name in (JUPYTER, API):
        label = '{{ .Label "com.docker.compose.project" }}'
        owner = _run("docker", "ps", "--all", "--filter", f"name=^{name}$", "--format", label)
        if owner.strip() == PROJECT:
            _compose("down", "--volumes", "--timeout=5")
        elif owner:
            pytest.fail(f"there is a container {name} of '{owner.strip()}': `make down` first")


@contextlib.contextmanager
def _count_departures() -> Generator[None]:
    """Let the firewall count new connections that leave the stack's network."""
    network = _run("docker", "network", "inspect", f"{PROJECT}_default", "--format", "{{ .Id }}")
    bridge = f"br-{network[:12]}"
    rule = ["DOCKER-USER", "-i", bridge, "!", "-o", bridge, "-m", "conntrack", "--ctstate", "NEW"]
    rule += ["-m", "comment", "--comment", PROJECT]
    _run("iptables", "-I", *rule)
    try:
        yield
    finally:
        _run("iptables", "-D", *rule)


def _health(container: str) -> str:
    state = json.loads(_run("docker", "inspect", "--format", "{{ json .State }}", container))
    if not state["Running"]:
        pytest.fail(f"{container} has stopped with exit status {state['ExitCode']}")
    return str(state["Health"]["Status"])


def _compose(*arguments: str, check: bool = True) -> str:
    return _run(
        "docker", "compose", "--project-name", PROJECT, *arguments, seconds=900, check=check
    )


def _run(*command: str, stdin: str | None = None, seconds: float = 60, check: bool = True) -> str:
    """Run a command at the root of the project; return all it prints, fail with that."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if check and done.returncode:
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout
