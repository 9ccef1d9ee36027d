"""Other ways to install: the component for keys, copying containers, and Helm."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import helm_python
import httpx
import pytest
import yaml

from cluster.conftest import BUDGET, ROW, SECRETS
from cluster.laboratory import IMAGE, address_of_service, kubectl, new_namespace
from support.models.artifacts import penguins
from support.project import ROOT
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from cluster.bucket import Door
    from cluster.conftest import Cluster

pytestmark = pytest.mark.timeout(300)

KEYED, VOLUME, HELM = "rookery-keys", "rookery-volume", "rookery-helm"
PAGE = (ROOT / "docs" / "how-to" / "models-from-a-bucket.md").read_text()
REPOSITORY, TAG = IMAGE.split(":")
PENGUIN = [39.1, 18.7, 181.0, 3750.0]
SMALL = {"requests": {"cpu": "50m"}}


class Key(NamedTuple):
    """An API key.

    Attributes:
        key: What a caller sends.
        line: What the service reads.
    """

    key: str
    line: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@pytest.fixture(scope="module")
def key() -> Key:
    """Make a key by the command that the how-to names."""
    command = [sys.executable, "-m", "inference.cli", "key", "shop"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return Key(done.stderr.split()[-1], done.stdout)


@pytest.fixture(scope="module")
def keyed(cluster: Cluster, key: Key, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Install one replica with keys, into which other containers copy; return its address."""
    with new_namespace(KEYED):
        folder = tmp_path_factory.mktemp("keyed")
        (folder / "keys.txt").write_text(key.line)
        _make_secret("rookery-keys", f"--from-file={folder / 'keys.txt'}", namespace=KEYED)
        _make_secret("rookery-bucket", *_literals(cluster.door.environment), namespace=KEYED)
        _write_kustomization(folder)
        kubectl("apply", "--kustomize", str(folder), namespace=KEYED)
        kubectl("rollout", "status", "deployment/rookery", "--timeout=90s", namespace=KEYED)
        yield f"http://{address_of_service(namespace=KEYED)}"


def _make_secret(name: str, *options: str, namespace: str) -> None:
    kubectl("create", "secret", "generic", name, *options, namespace=namespace)


def _literals(values: dict[str, str]) -> list[str]:
    return [f"--from-literal={name}={value}" for name, value in values.items()]


def _write_kustomization(folder: Path) -> None:
    (patch,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (folder / "sync.yaml").write_text(patch.replace("s3://bucket/", "s3://rookery/"))
    write_kustomization(
        folder,
        "base",
        components=[f"{_kubernetes(folder)}/components/keys"],
        patches=[{"path": "sync.yaml"}, small(replicas=1, container=1), BUDGET],
    )


def _kubernetes(folder: Path) -> str:
    return os.path.relpath(ROOT / "deploy/kubernetes", folder)


def small(*, replicas: int, container: int = 0) -> dict[str, Any]:
    """Return a patch for few replicas that need little."""
    resources = f"/spec/template/spec/containers/{container}/resources"
    changes = [
        {"op": "replace", "path": "/spec/replicas", "value": replicas},
        {"op": "replace", "path": resources, "value": SMALL},
    ]
    return {"target": {"kind": "Deployment"}, "patch": yaml.safe_dump(changes)}


def write_kustomization(folder: Path, *resources: str, **members: Any) -> None:
    """Write a kustomization of some of ours, with the image of these tests."""
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{_kubernetes(folder)}/{name}" for name in resources],
        "images": [
            {"name": name, "newName": REPOSITORY, "newTag": TAG}
            for name in ("rookery-inference", "rookery-storage")
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document | members))


def predict(address: str, model: str, headers: dict[str, str] | None = None) -> httpx.Response:
    url = f"{address}/models/{model}/predict"
    return httpx.post(url, json=ROW, headers=headers, timeout=20, trust_env=False)


def follows(address: str, status: int, headers: dict[str, str] | None = None) -> None:
    """Wait until a request has a status: the network follows a release a little later."""

    def holds() -> bool:
        try:
            return predict(address, "iris", headers).status_code == status
        except httpx.TransportError:
            return False

    eventually(holds, within=20, what=f"{status} from {address}", every=0.1)


def version(address: str, model: str, key: Key) -> int | None:
    """Return the version that answers a caller with a key."""
    answer = predict(address, model, key.headers)
    return answer.json()["version"] if answer.status_code == 200 else None


def test_the_component_for_keys_asks_every_caller_for_one(keyed: str, key: Key) -> None:
    follows(keyed, 200, key.headers)
    assert predict(keyed, "iris").status_code == 401
    assert predict(keyed, "iris", {"Authorization": "Bearer wrong"}).status_code == 401
    assert httpx.get(f"{keyed}/readyz", trust_env=False, timeout=20).status_code == 200
    policy = yaml.safe_load(
        kubectl("get", "networkpolicy", "rookery", "--output=yaml", namespace=KEYED)
    )
    assert policy["spec"]["ingress"] == [
        {"from": [{"podSelector": {}}], "ports": [{"port": "http", "protocol": "TCP"}]}
    ]


def test_containers_that_copy_bring_the_models_and_alone_have_credentials(
    keyed: str, key: Key, publish_version: Callable[[str], int]
) -> None:
    (pod,) = yaml.safe_load(kubectl("get", "pods", "--output=yaml", namespace=KEYED))["items"]
    (first,) = pod["status"]["initContainerStatuses"]
    assert first["state"]["terminated"]["exitCode"] == 0
    assert [status["restartCount"] for status in pod["status"]["containerStatuses"]] == [0, 0]
    assert version(keyed, "iris", key) is not None, "the pod was ready with it"
    (service,) = (c for c in pod["spec"]["containers"] if c["name"] == "inference")
    assert "envFrom" not in service
    assert not any("URL" in variable["name"] for variable in service["env"])
    newest = publish_version("copied")
    eventually(lambda: version(keyed, "copied", key) == newest, within=60, every=0.1)


@pytest.fixture
def volume(cluster: Cluster, tmp_path: Path) -> Generator[Path]:
    """Install two replicas with a volume; return the volume's folder."""
    assert cluster, "the image is built"
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    persistent = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": VOLUME},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteMany"],
            "hostPath": {"path": str(folder)},
        },
    }
    kubectl("apply", "--filename=-", stdin=yaml.safe_dump(persistent))
    # The lab has no class of storage that makes volumes.
    no_class = '[{"op": "add", "path": "/spec/storageClassName", "value": ""}]'
    claim = {"target": {"kind": "PersistentVolumeClaim"}, "patch": no_class}
    write_kustomization(tmp_path, "overlays/volume", patches=[claim, small(replicas=2), BUDGET])
    try:
        with new_namespace(VOLUME):
            kubectl("apply", "--kustomize", str(tmp_path), namespace=VOLUME)
            kubectl("rollout", "status", "deployment/rookery", "--timeout=90s", namespace=VOLUME)
            yield folder
    finally:
        kubectl("delete", "persistentvolume", VOLUME, "--wait=false")


def test_replicas_share_the_models_and_the_pins_of_a_volume(volume: Path) -> None:
    for number in (1, 2):
        file = volume / "models" / "penguins" / str(number) / "model.onnx"
        file.parent.mkdir(parents=True)
        file.write_bytes(penguins(number))
    found = yaml.safe_load(kubectl("get", "pods", "--output=yaml", namespace=VOLUME))["items"]
    one, other = (f"http://{pod['status']['podIP']}:8000/models/penguins" for pod in found)

    def version(url: str) -> int | None:
        answer = httpx.post(f"{url}/predict", json=[PENGUIN], timeout=20, trust_env=False)
        return answer.json()["version"] if answer.status_code == 200 else None

    eventually(lambda: version(one) == version(other) == 2, within=60, every=0.1)
    pinned = httpx.put(f"{one}/active", json={"version": 1}, timeout=20, trust_env=False)
    assert pinned.status_code == 200, pinned.text
    assert version(one) == 1
    eventually(lambda: version(other) == 1, within=30, what="the other follows", every=0.1)


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """Copy the chart, without the version of Kubernetes that it asks for: the lab has 1.20."""
    shutil.copytree(ROOT / "deploy" / "helm" / "rookery", tmp_path / "rookery")
    file = tmp_path / "rookery" / "Chart.yaml"
    file.write_text(re.sub(r"^kubeVersion: .*\n", "", file.read_text(), flags=re.MULTILINE))
    return tmp_path / "rookery"


def _values(store: Door) -> dict[str, Any]:
    others = {name: value for name, value in store.environment.items() if name not in SECRETS}
    return {
        "replicas": 1,
        "image": {"repository": REPOSITORY, "tag": TAG},
        "resources": SMALL,
        "drainSeconds": 0,
        "podDisruptionBudget": {"enabled": False},  # policy/v1, too
        "models": {
            "bucket": {
                "modelsUrl": "s3://rookery/models",
                "stateUrl": "s3://rookery/helm",
                "environment": others,
                "secret": "rookery-bucket",
            }
        },
    }


def test_helm_installs_upgrades_rolls_back_and_removes_the_service(
    cluster: Cluster, key: Key, chart: Path, tmp_path: Path
) -> None:
    (tmp_path / "keys.txt").write_text(key.line)
    values = _values(cluster.door)
    options: Any = {"namespace": HELM, "wait": "legacy", "timeout": 90}
    with new_namespace(HELM), helm_python.Config(namespace=HELM) as helm:
        _make_secret("rookery-keys", f"--from-file={tmp_path / 'keys.txt'}", namespace=HELM)
        secrets = {name: cluster.door.environment[name] for name in SECRETS}
        _make_secret("rookery-bucket", *_literals(secrets), namespace=HELM)
        installed = helm.install(str(chart), "shop", values, **options)
        assert installed["status"] == "deployed"
        assert "http://shop-rookery.rookery-helm.svc:80" in installed["notes"]
        address = f"http://{address_of_service('shop-rookery', HELM)}"
        follows(address, 200)
        helm.upgrade(str(chart), "shop", values | {"keys": {"secret": "rookery-keys"}}, **options)
        follows(address, 401)
        follows(address, 200, key.headers)
        helm.rollback("shop", version=1, wait="legacy", timeout=90)
        follows(address, 200)
        helm.uninstall("shop", wait="legacy", timeout=90)
        kinds = "deployments,services,networkpolicies"
        assert kubectl("get", kinds, "--output=name", namespace=HELM) == ""
