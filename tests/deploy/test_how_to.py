"""The examples of docs/how-to/kubernetes.md render to what the page promises."""

from __future__ import annotations

import re
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
