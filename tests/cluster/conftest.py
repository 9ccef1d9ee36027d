"""Three replicas in a real Kubernetes, which take their models and their state from a bucket.

Needs a cluster that kubectl reaches and whose nodes have the images of this machine's container
engine, and CLUSTER_HOST: an address of this machine that pods reach. `make test-cluster` sets both.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from cluster.bucket import Door
from cluster.laboratory import (
    IMAGE,
    NAMESPACE,
    address_of_service,
    kubectl,
    new_namespace,
    pods,
    run,
)
from cluster.load import Load
from exporter import publish
from support.project import ROOT
from support.storage.servers import Moto

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

REPLICAS = 3
ROW = {"a": 5.1, "b": 3.5, "c": 1.4, "d": 0.2}
SECRETS = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
# Kubernetes 1.20 has no policy/v1.
BUDGET = {
    "target": {"kind": "PodDisruptionBudget"},
    "patch": '[{"op": "replace", "path": "/apiVersion", "value": "policy/v1beta1"}]',
}


@dataclass
class Cluster:
    """The deployed service.

    Attributes:
        door: Between the pods and the store.
        address: The cluster address of the service.
    """

    door: Door
    address: str

    def ask(self, pod: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask one pod, by its address."""
        return httpx.request(method, f"http://{pod}:8000{path}", timeout=20, **options)

    def version(self, pod: str, model: str, number: str | None = None) -> int | None:
        """Return the version of a model that answers in a pod; ``None`` if none does.

        Args:
            pod: Its address.
            model: The name.
            number: Of the choices that the pod must know, if any.
        """
        headers = {"Rookery-State-Min": number} if number else {}
        answer = self.ask(pod, "POST", f"/models/{model}/predict", json=ROW, headers=headers)
        return answer.json()["version"] if answer.status_code == 200 else None

    def versions(self, model: str) -> set[int | None]:
        """Return the versions of a model that answer, over all pods."""
        return {self.version(pod, model) for pod in pods().values()}

    def load(self, model: str, **options: Any) -> Load:
        """Return load on a model, by the service's address."""
        return Load(self.address, f"/models/{model}/predict", ROW, **options)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Door]:
    """Start an S3 server, with a bucket, and a door in front of it."""
    host = os.environ.get("CLUSTER_HOST")
    if not host:
        pytest.skip("CLUSTER_HOST names no address of this machine that pods reach")
    with Moto(tmp_path_factory.mktemp("store"), host) as server:
        server.make_bucket("rookery")
        door = Door(server)
        yield door
        door.close()


@pytest.fixture(scope="session")
def publish_version(store: Door) -> Callable[..., int]:
    """Give a function that publishes the next version of a model into the bucket."""
    # Past the door, as a notebook elsewhere would.
    os.environ.update(store.environment)
    rows, labels = load_iris(return_X_y=True, as_frame=True)
    rows.columns = list(ROW)
    turn = threading.Lock()
    fitted = 0

    def fit_and_publish(name: str) -> int:
        nonlocal fitted
        with turn:
            fitted += 1
            model = LogisticRegression(max_iter=1000, C=1 + fitted / 10).fit(rows, labels)
            publication = publish(model, name, X=rows, y=labels, models_dir="s3://rookery/models")
            return publication.version

    return fit_and_publish


@pytest.fixture(scope="session")
def cluster(
    store: Door, publish_version: Callable[..., int], tmp_path_factory: pytest.TempPathFactory
) -> Generator[Cluster]:
    """Deploy the bucket's overlay with three replicas, and one model in the bucket."""
    publish_version("iris")
    run(
        *("docker", "build", "--quiet", "--tag", IMAGE, "--build-arg", "INFERENCE_EXTRAS=storage"),
        *("--file", str(ROOT / "images" / "inference" / "Dockerfile"), str(ROOT)),
        seconds=600,
    )
    with ExitStack() as stack:
        stack.enter_context(new_namespace(NAMESPACE))
        credentials = [
            f"--from-literal={name}={value}"
            for name, value in store.environment.items()
            if name in SECRETS
        ]
        kubectl("create", "secret", "generic", "rookery-bucket", *credentials)
        folder = _overlay(tmp_path_factory.mktemp("overlay"), store)
        kubectl("apply", "--kustomize", str(folder))
        stack.callback(_show_logs)
        kubectl("rollout", "status", "deployment/rookery", "--timeout=180s", seconds=200)
        yield Cluster(store, address_of_service())


def _show_logs() -> None:
    logs = kubectl("logs", "--selector=app.kubernetes.io/name=rookery", "--tail=60", "--prefix")
    sys.stdout.write(logs)


def _overlay(folder: Path, store: Door) -> Path:
    """Write an overlay for this cluster: its image, its store, and without what it lacks."""
    variables = store.environment.items()
    literals = [f"{name}={value}" for name, value in variables if name not in SECRETS]
    name, tag = IMAGE.split(":")
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "rookery"},
        "spec": {
            "replicas": REPLICAS,
            "template": {
                "spec": {
                    "containers": [{"name": "inference", "resources": {"requests": {"cpu": "50m"}}}]
                }
            },
        },
    }
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(ROOT / "deploy/kubernetes/overlays/bucket", folder)],
        "configMapGenerator": [
            {"name": "rookery-bucket", "behavior": "merge", "literals": literals}
        ],
        "images": [{"name": "rookery-inference", "newName": name, "newTag": tag}],
        "patches": [{"patch": yaml.safe_dump(deployment)}, BUDGET],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return folder
