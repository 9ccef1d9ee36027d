"""The examples of docs/how-to/kubernetes.md and kserve.md are what the manifests expect."""

from __future__ import annotations

import base64
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deploy.manifests import Manifest, by_kind, kustomize
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Render = Callable[..., list[Manifest]]

PAGE = (ROOT / "docs" / "how-to" / "kubernetes.md").read_text()
BUCKET, VALUES, MONITORING = map(
    yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
)
RELEASE = {"release": "kube-prometheus-stack"}


@pytest.fixture
def rendered(tmp_path: Path) -> Callable[[dict[str, Any]], dict[str, Manifest]]:
    """Give a function that renders a kustomization in a folder beside the checkout, by kind.

    The dashboard is left out: it is a second ConfigMap.
    """
    (tmp_path / "rookery").symlink_to(ROOT)
    (tmp_path / "mine").mkdir()

    def render(kustomization: dict[str, Any]) -> dict[str, Manifest]:
        (tmp_path / "mine" / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        manifests = kustomize(tmp_path / "mine")
        return by_kind([m for m in manifests if m["metadata"]["name"] != "rookery-dashboard"])

    return render


def test_the_bucket_and_the_image_are_yours(
    rendered: Callable[[dict[str, Any]], dict[str, Manifest]],
) -> None:
    kinds = rendered(BUCKET)
    assert kinds["ConfigMap"]["data"] == {
        "INFERENCE_MODELS_URL": "s3://my-bucket/models",
        "INFERENCE_STATE_URL": "s3://my-bucket/state",
        "AWS_REGION": "eu-central-1",
    }
    (container,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert re.fullmatch(r"registry\.example\.com/rookery-inference:[\d.]+", container["image"])
    assert {manifest["metadata"]["namespace"] for manifest in kinds.values()} == {"models"}


def test_prometheus_finds_the_service_and_may_call_it(
    rendered: Callable[[dict[str, Any]], dict[str, Manifest]], chart: Render
) -> None:
    ours = rendered(BUCKET | MONITORING)
    theirs = by_kind(chart(VALUES | {"keys": {"secret": "rookery-keys"}}))
    for kinds in (ours, theirs):
        for kind in ("ServiceMonitor", "PrometheusRule"):
            assert kinds[kind]["metadata"]["labels"].items() >= RELEASE.items()
        peers = kinds["NetworkPolicy"]["spec"]["ingress"][0]["from"]
        namespaces = [p.get("namespaceSelector", {}).get("matchLabels") for p in peers]
        assert {"kubernetes.io/metadata.name": "monitoring"} in namespaces
        (endpoint,) = kinds["ServiceMonitor"]["spec"]["endpoints"]
        credentials = endpoint["authorization"]["credentials"]
        assert f"secret generic {credentials['name']} --from-literal={credentials['key']}=" in PAGE


def commands(page: str, beginning: str) -> list[list[str]]:
    """Return the commands of a page that begin so, as words."""
    text = (ROOT / "docs" / "how-to" / page).read_text().replace("\\\n", " ")
    found = re.findall(rf"^\$ ({beginning}.*)$", text, re.MULTILINE)
    return [shlex.split(command, comments=True) for command in found]


SECRETS = [
    (page, command)
    for page in ("kubernetes.md", "kserve.md")
    for command in commands(page, "kubectl .*create secret")
]


@pytest.mark.parametrize(("page", "command"), SECRETS, ids=lambda value: str(value)[-60:])
def test_a_secret_has_the_entries_that_are_read(
    page: str, command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "keys.txt").write_text("shop predict sha256:00\n")
    offline = [*command, "--dry-run=client", "--output=yaml"]
    done = subprocess.run(
        offline, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    secret = yaml.safe_load(done.stdout)
    entries = {name: base64.b64decode(value) for name, value in secret["data"].items()}
    credentials = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    if page == "kserve.md":  # there, no ConfigMap has the region
        credentials.add("AWS_REGION")
    expected = {
        "rookery-bucket": credentials,
        "rookery-keys": {"keys.txt"},
        "rookery-metrics": {"key"},
    }
    assert entries.keys() == expected[secret["metadata"]["name"]]
    assert all(entries.values())


def test_the_values_on_the_command_line_are_those_of_the_chart(chart: Render) -> None:
    (command,) = commands("kubernetes.md", "helm install")
    assert command[2:4] == ["rookery", "deploy/helm/rookery"]
    values: dict[str, Any] = {}
    given = [command[i + 1] for i, word in enumerate(command) if word == "--set"]
    assert len(given) == 6
    for pair in given:
        path, _, value = pair.partition("=")
        *folders, name = path.split(".")
        place = values
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    pod = by_kind(chart(values))["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"].startswith("registry.example.com/rookery-inference:")
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert variables["INFERENCE_MODELS_URL"] == "s3://my-bucket/models"
    assert variables["AWS_REGION"] == "eu-central-1"
    assert "INFERENCE_ALLOW_ANONYMOUS" not in variables
