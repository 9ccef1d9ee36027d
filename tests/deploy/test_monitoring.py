"""Prometheus' operator and Grafana's sidecar get the files of deploy/monitoring."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import helm_python
import pytest
import yaml

from deploy.manifests import CHART, DEPLOY, Manifest, by_kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Render = Callable[..., list[Manifest]]

RULES = DEPLOY / "monitoring" / "rules" / "rookery.yml"
DASHBOARD = DEPLOY / "monitoring" / "grafana" / "dashboards" / "rookery.json"
PARTS = {part: {"enabled": True} for part in ("serviceMonitor", "rules", "dashboard")}


@pytest.fixture(params=["kustomize", "helm"])
def kinds(request: pytest.FixtureRequest, combined: Render, chart: Render) -> dict[str, Manifest]:
    """Give the manifests of each tool by kind."""
    if request.param == "helm":
        return by_kind(chart({"monitoring": PARTS}))
    return by_kind(combined("base", "monitoring", "dashboard"))


def test_the_alerts_are_those_of_the_rule_file(kinds: dict[str, Manifest]) -> None:
    rules = yaml.safe_load(RULES.read_text())
    assert kinds["PrometheusRule"]["spec"] == rules, "run `make alerts`"


def test_prometheus_takes_the_alerts(kinds: dict[str, Manifest], tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(kinds["PrometheusRule"]["spec"]))
    command = [promtool, "check", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_gets_the_dashboard_unchanged(kinds: dict[str, Manifest]) -> None:
    config = kinds["ConfigMap"]
    assert config["metadata"]["name"] == "rookery-dashboard"
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert config["data"] == {"rookery.json": DASHBOARD.read_text()}
    assert len(json.dumps(config)) < 262_144  # what `kubectl apply` can note down


def test_the_job_is_the_one_of_the_alert(kinds: dict[str, Manifest]) -> None:
    label = kinds["ServiceMonitor"]["spec"]["jobLabel"]
    job = kinds["Service"]["metadata"]["labels"][label]
    assert f'up{{job="{job}"}} == 0' in RULES.read_text()


def test_the_job_keeps_its_name_in_another_release(chart: Render) -> None:
    kinds = by_kind(chart({"monitoring": PARTS}, name="shop"))
    assert kinds["Service"]["metadata"]["name"] == "shop-rookery"
    label = kinds["ServiceMonitor"]["spec"]["jobLabel"]
    assert kinds["Service"]["metadata"]["labels"][label] == "rookery"


def test_the_endpoint_is_a_port_of_the_service(kinds: dict[str, Manifest]) -> None:
    (endpoint,) = kinds["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in kinds["Service"]["spec"]["ports"]}


def test_labels_that_prometheus_selects_are_added(chart: Render) -> None:
    labels = {"release": "kube-prometheus-stack"}
    parts = {part: {"enabled": True, "labels": labels} for part in PARTS}
    kinds = by_kind(chart({"monitoring": parts}))
    for kind in ("ServiceMonitor", "PrometheusRule", "ConfigMap"):
        assert labels.items() <= kinds[kind]["metadata"]["labels"].items()


@pytest.mark.parametrize("part", PARTS)
def test_each_part_can_be_had_alone(part: str, chart: Render) -> None:
    nothing = by_kind(chart({})).keys()
    (kind,) = by_kind(chart({"monitoring": {part: {"enabled": True}}})).keys() - nothing
    assert kind in {"ServiceMonitor", "PrometheusRule", "ConfigMap"}


@pytest.mark.parametrize("name", ["rules.yml", "rookery.json"])
def test_a_checkout_without_symbolic_links_is_refused(name: str, tmp_path: Path) -> None:
    target = (CHART / "files" / name).readlink()
    copied = shutil.copytree(CHART, tmp_path / "rookery")
    (copied / "files" / name).write_text(str(target))
    with (
        helm_python.Chart.load(str(copied)) as loaded,
        pytest.raises(helm_python.HelmError, match="symbolic link"),
    ):
        loaded.render({"monitoring": PARTS}, name="rookery", namespace="models")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("ServiceMonitor", lambda spec: spec["endpoints"][0].update(frequency="15s")),
        ("ServiceMonitor", lambda spec: spec["endpoints"][0].update(interval="15 s")),
        ("PrometheusRule", lambda spec: spec["groups"][0]["rules"][0].pop("expr")),
        ("PrometheusRule", lambda spec: spec["groups"][0]["rules"][0].update(summary="no")),
    ],
)
def test_the_definitions_refuse_what_is_wrong(
    kind: str,
    change: Callable[[Any], object],
    kinds: dict[str, Manifest],
    fault_of: Callable[[Manifest], str],
) -> None:
    manifest = kinds[kind]
    change(manifest["spec"])
    assert fault_of(manifest)
