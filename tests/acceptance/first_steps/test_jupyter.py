"""JupyterLab opens the penguins and shows notebooks, by ``make lab`` and as in the container."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from support.make_calls import without_make
from support.project import ROOT
from support.service.ports import free_port
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.long

ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+/\S*)\?token=([0-9a-f]+)")

Lab = tuple[httpx.Client, str, Path]


@pytest.fixture
def run_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Start JupyterLab; gives a client with its token, the address that it shows, and its log."""
    started: list[subprocess.Popen[bytes]] = []
    clients: list[httpx.Client] = []

    def run(command: list[str], port: int, **environment: str) -> Lab:
        log = tmp_path / "jupyter.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
        kept |= {"HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
        with log.open("wb") as opened:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=kept | environment,
                stdout=opened,
                stderr=opened,
                start_new_session=True,
            )
        started.append(process)
        found = eventually(lambda: ADDRESS.search(log.read_text()), within=120, what="the address")
        headers = {"Authorization": f"token {found[2]}"}
        url = f"http://127.0.0.1:{port}"
        client = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=30)
        clients.append(client)
        return client, found[1], log

    yield run
    for client in clients:
        client.close()
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def check(lab: Lab, port: int) -> None:
    client, address, log = lab
    assert address == f"http://127.0.0.1:{port}/lab/tree/penguins.ipynb"
    start = eventually(lambda: _get(client, "/"), within=60)
    assert start.headers["location"].rstrip("?") == "/lab/tree/penguins.ipynb"
    assert client.get("/lab/tree/penguins.ipynb").status_code == httpx.codes.OK
    shown = {entry["name"] for entry in client.get("/api/contents").json()["content"]}
    assert shown == {"penguins.ipynb", "mixed_columns.ipynb", "monitoring.ipynb"}
    assert client.get("/lab/api/news").json() == {"news": []}
    assert client.get("/lab/api/update").json() == {"notification": None}
    assert "not recognized" not in log.read_text()


def _get(client: httpx.Client, path: str) -> httpx.Response | None:
    try:
        return client.get(path)
    except httpx.HTTPError:
        return None


def test_as_the_containers_configuration_has_it(
    run_lab: Callable[..., Lab], tmp_path: Path
) -> None:
    """With its port and its folder exchanged for some of this machine; no setting is unknown."""
    port, work, etc = free_port(), tmp_path / "work", tmp_path / "etc"
    work.mkdir()
    shutil.copytree(ROOT / "notebooks" / "jupyter", etc)
    for file in (*(ROOT / "notebooks").glob("*.ipynb"), ROOT / "notebooks" / "penguins.py"):
        shutil.copy(file, work)
    text = (ROOT / "images" / "jupyter" / "jupyter_server_config.py").read_text()
    for ours, theirs in (
        ('"/home/rookery/work/notebooks"', repr(str(work))),
        ('"0.0.0.0"', '"127.0.0.1"'),
        ("8888", str(port)),
    ):
        assert ours in text
        text = text.replace(ours, theirs)
    (etc / "jupyter_server_config.py").write_text(text)
    command = [sys.executable, "-m", "jupyterlab", "--allow-root"]
    check(run_lab(command, port, JUPYTER_CONFIG_PATH=str(etc)), port)


def test_make_lab(run_lab: Callable[..., Lab]) -> None:
    """The recipe as make would run it, without its look for uv."""
    port = free_port()
    planned = subprocess.run(
        ["make", "-n", "lab", f"LAB_PORT={port}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    recipe = planned.stdout[planned.stdout.index("JUPYTER_CONFIG_PATH=") :]
    recipe = re.sub(r"\S*uv run .*? jupyter lab", f"{sys.executable} -m jupyterlab", recipe)
    assert "uv run" not in recipe
    check(run_lab(["sh", "-c", recipe], port), port)


def test_make_down_ends_the_load_generator_too() -> None:
    planned = subprocess.run(
        ["make", "-n", "down"],
        cwd=ROOT,
        env=without_make(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert planned.stdout == "docker compose --profile load --profile monitor down\n"
