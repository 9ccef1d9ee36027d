"""A real cluster: kubectl, the image, a bucket, and the service's manifests in a namespace."""

from __future__ import annotations

import json
import subprocess

from support.service.process import eventually

NAMESPACE = "rookery-test"
IMAGE = "rookery-inference:cluster-test"


def run(*command: str, stdin: str | None = None, seconds: float = 120) -> str:
    """Run a command and return what it prints; it must succeed."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None, seconds: float = 120) -> str:
    """Run kubectl in the test's namespace."""
    return run("kubectl", "--namespace", NAMESPACE, *arguments, stdin=stdin, seconds=seconds)


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


def address_of_service() -> str:
    """Return the cluster address of the service, which answers on this machine."""
    return kubectl("get", "service", "rookery", "--output=jsonpath={.spec.clusterIP}").strip()
