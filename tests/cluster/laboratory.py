"""A real cluster: kubectl, the image, a bucket, and the service's manifests in a namespace."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import TYPE_CHECKING

from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Generator

NAMESPACE = "rookery-test"
IMAGE = "rookery-inference:cluster-test"


def run(*command: str, stdin: str | None = None, seconds: float = 120) -> str:
    """Run a command and return what it prints; it must succeed."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def kubectl(
    *arguments: str,
    stdin: str | None = None,
    seconds: float = 120,
    namespace: str = NAMESPACE,
) -> str:
    """Run kubectl in a namespace, by default that of the three replicas."""
    return run("kubectl", "--namespace", namespace, *arguments, stdin=stdin, seconds=seconds)


@contextlib.contextmanager
def new_namespace(name: str) -> Generator[None]:
    """Make a namespace, and delete it at the end, without waiting for its pods."""
    run("kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait", seconds=180)
    run("kubectl", "create", "namespace", name)
    try:
        yield
    finally:
        run("kubectl", "delete", "namespace", name, "--wait=false", seconds=180)


def pods() -> dict[str, str]:
    """Return the addresses of the pods that are ready and stay, by name."""
    items = json.loads(kubectl("get", "pods", "--output=json"))["items"]
    found = {}
    for pod in items:
        conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
        leaves = "deletionTimestamp" in pod["metadata"]
        if conditions.get("Ready") == "True" and not leaves:
            found[pod["metadata"]["name"]] = pod["status"]["podIP"]
    return found


def wait_for_pods(number: int, seconds: float = 120) -> dict[str, str]:
    """Wait until so many pods are ready, and no other one is left."""

    def answer() -> dict[str, str] | None:
        ready = pods()
        names = kubectl("get", "pods", "--output=name").split()
        return ready if len(ready) == number == len(names) else None

    found: dict[str, str] = eventually(
        answer, within=seconds, what=f"{number} pods are ready", every=0.1
    )
    return found


def address_of_service(name: str = "rookery", namespace: str = NAMESPACE) -> str:
    """Return the cluster address of a service, which answers on this machine."""
    path = "--output=jsonpath={.spec.clusterIP}"
    return kubectl("get", "service", name, path, namespace=namespace).strip()
