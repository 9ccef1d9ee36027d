"""The stack file on a real Swarm of one node.

The tasks are asked in their containers: not every kernel has IPVS, which Swarm's load balancer
needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.project import ROOT
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

STACK = "rookery-swarm-test"
SERVICE = f"{STACK}_api"
IMAGE = "rookery-inference:swarm-test"
ASK = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=5)
connection.request("GET", "/models", headers={"Authorization": "Bearer " + sys.argv[1]})
print(connection.getresponse().status)
"""


def docker(*arguments: str, check: bool = True, **options: Any) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def tasks() -> list[str]:
    """Return the ids of the healthy containers of the service."""
    label = f"label=com.docker.swarm.service.name={SERVICE}"
    return docker("ps", "--quiet", "--filter", label, "--filter", "health=healthy").split()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Deploy the stack as the how-to says; the value is a caller's key."""
    if docker("info", "--format={{ .Swarm.LocalNodeState }}", check=False).strip() != "inactive":
        pytest.fail("the engine is part of a swarm: run `docker swarm leave` first")
    folder: Path = tmp_path_factory.mktemp("swarm")
    made = subprocess.run(
        [sys.executable, "-m", "inference.cli", "key", "shop", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    (folder / "keys.txt").write_text(json.loads(made.stdout)["entry"] + "\n")
    docker(
        "build",
        "--quiet",
        "--file=images/inference/Dockerfile",
        f"--tag={IMAGE}",
        str(ROOT),
        cwd=ROOT,
    )
    docker("swarm", "init", "--advertise-addr=127.0.0.1")
    try:
        docker("secret", "create", "rookery_keys", str(folder / "keys.txt"))
        environment = {
            "ROOKERY_IMAGE": IMAGE,
            "ROOKERY_PORT": "18000",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        file = ROOT / "deploy" / "swarm" / "stack.yml"
        docker("stack", "deploy", "--detach", f"--compose-file={file}", STACK, env=environment)
        yield json.loads(made.stdout)["key"]
    finally:
        docker("stack", "rm", STACK, check=False)
        docker("swarm", "leave", "--force", check=False)
        for volume in ("models", "state"):
            eventually(
                lambda v=volume: _removed(f"{STACK}_{v}"),
                within=90,
                what="the tasks are gone",
                every=0.1,
            )
        docker("rmi", IMAGE, check=False)


def _removed(volume: str) -> bool:
    docker("volume", "rm", volume, check=False)
    return volume not in docker("volume", "ls", "--quiet").split()


def test_both_tasks_answer_callers_with_a_key(key: str) -> None:
    eventually(lambda: len(tasks()) == 2, within=90, what="two tasks are healthy", every=0.1)
    for task in tasks():
        assert docker("exec", task, "python", "-c", ASK, key).strip() == "200"
        assert docker("exec", task, "python", "-c", ASK, "wrong").strip() == "401"


def test_an_update_keeps_two_tasks_healthy(key: str) -> None:
    assert key
    eventually(lambda: len(tasks()) == 2, within=90, what="two tasks are healthy", every=0.1)
    before = set(tasks())
    fewest = len(before)
    docker("service", "update", "--detach", "--force", SERVICE)

    def is_updated() -> bool:
        nonlocal fewest
        now = tasks()
        fewest = min(fewest, len(now))
        return len(now) == 2 and not before & set(now)

    eventually(is_updated, within=150, what="both tasks are new", every=0.1)
    assert fewest == 2
