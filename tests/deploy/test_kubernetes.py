"""Kustomize and Helm give valid manifests that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

from deploy.manifests import CHART, DEPLOY, SETTINGS, Manifest, by_kind, kustomize

if TYPE_CHECKING:
    from collections.abc import Callable

    Render = Callable[..., list[Manifest]]

MONITORED = {part: {"enabled": True} for part in ("serviceMonitor", "rules", "dashboard")}
# Values of the chart, and the overlay with the components that are the same.
SAME = {
    "nothing": ({}, "base", ()),
    "volume": ({"models": {"volume": {"enabled": True}}}, "overlays/volume", ()),
    "bucket": (
        {
            "models": {
                "bucket": {
                    "modelsUrl": "s3://rookery/models",
                    "stateUrl": "s3://rookery/state",
                    "environment": {"AWS_REGION": "us-east-1"},
                    "secret": "rookery-bucket",
                }
            }
        },
        "overlays/bucket",
        (),
    ),
    "keys": ({"keys": {"secret": "rookery-keys"}}, "base", ("keys",)),
    "grpc": ({"grpc": {"enabled": True}}, "base", ("grpc",)),
    "autoscaling": ({"autoscaling": {"enabled": True}}, "base", ("autoscaling",)),
    "keda": ({"keda": {"enabled": True}}, "base", ("keda",)),
    "monitoring": ({"monitoring": MONITORED}, "base", ("monitoring", "dashboard")),
    "monitoring with keys": (
        {
            "keys": {"secret": "rookery-keys"},
            "monitoring": MONITORED
            | {"serviceMonitor": {"enabled": True, "secret": "rookery-metrics"}},
        },
        "base",
        ("monitoring", "dashboard", "keys"),
    ),
    "all": (
        {
            "models": {"volume": {"enabled": True}},
            "keys": {"secret": "rookery-keys"},
            "grpc": {"enabled": True},
            "autoscaling": {"enabled": True},
        },
        "overlays/volume",
        ("keys", "grpc", "autoscaling"),
    ),
}
BUILT_IN = {"apps/v1", "v1", "policy/v1", "networking.k8s.io/v1", "autoscaling/v2"}
VERSIONS = ["1.29", "1.33", kubernetes_validate.latest_version()]
cases = pytest.mark.parametrize("case", SAME)


def validate(manifests: list[Manifest], version: str) -> set[str]:
    """Check manifests strictly against the schemas of a version; return the kinds checked."""
    checked = set()
    for manifest in manifests:
        if manifest["apiVersion"] in BUILT_IN:
            kubernetes_validate.validate(manifest, version, strict=True)
            checked.add(manifest["kind"])
    return checked


@cases
@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_valid(case: str, version: str, combined: Render, chart: Render) -> None:
    values, overlay, components = SAME[case]
    expected = {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    if "dashboard" in components:
        expected |= {"ConfigMap"}
    assert validate(combined(overlay, *components), version) >= expected
    assert validate(chart(values), version) >= expected


@pytest.mark.parametrize("case", ["keda", "monitoring", "monitoring with keys"])
def test_custom_resources_fit_the_definitions(
    case: str, combined: Render, chart: Render, fault_of: Callable[[Manifest], str]
) -> None:
    values, overlay, components = SAME[case]
    for manifests in (combined(overlay, *components), chart(values)):
        custom = [m for m in manifests if m["apiVersion"] not in BUILT_IN]
        assert custom
        assert [fault_of(manifest) for manifest in custom] == [""] * len(custom)


def test_the_validation_refuses_what_is_wrong() -> None:
    manifests = kustomize(DEPLOY / "kubernetes" / "base")
    deployment = by_kind(manifests)["Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerport"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(manifests, VERSIONS[-1])


@cases
def test_no_claim_is_two_volumes_of_a_pod(case: str, combined: Render, chart: Render) -> None:
    """Kubernetes never starts such a pod: the second volume is never mounted."""
    values, overlay, components = SAME[case]
    for manifests in (combined(overlay, *components), chart(values)):
        pod = by_kind(manifests)["Deployment"]["spec"]["template"]["spec"]
        sources = [volume.get("persistentVolumeClaim") for volume in pod["volumes"]]
        claims = [source["claimName"] for source in sources if source]
        assert len(claims) == len(set(claims))
        mounted = {m["name"] for c in pod["containers"] for m in c["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


@cases
def test_helm_and_kustomize_say_the_same(case: str, combined: Render, chart: Render) -> None:
    values, overlay, components = SAME[case]
    ours = by_kind(combined(overlay, *components))
    theirs = by_kind(chart(values))
    if case == "bucket":
        inline_config(ours)
    assert ours.keys() == theirs.keys()
    for kind, manifest in ours.items():
        assert comparable(manifest) == comparable(theirs[kind]), kind


def inline_config(manifests: dict[str, Manifest]) -> None:
    """Put the entries of kustomize's ConfigMap into the variables, as the chart does."""
    data = manifests.pop("ConfigMap")["data"]
    container = manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    container["env"] += [{"name": name, "value": value} for name, value in data.items()]
    container["envFrom"] = [s for s in container["envFrom"] if "secretRef" in s]
    container["envFrom"][0]["secretRef"].pop("optional")


def comparable(manifest: Manifest) -> Any:
    """Return a manifest without what only one of both tools knows and writes, in one order."""
    ignored = {
        "app.kubernetes.io/version",
        "app.kubernetes.io/managed-by",
        "helm.sh/chart",
        "helm.sh/resource-policy",
    }

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("type") == "ClusterIP":  # the default
                value = {k: v for k, v in value.items() if k != "type"}
            pairs = {k: plain(v) for k, v in value.items() if k not in ignored}
            return {k: v for k, v in pairs.items() if k != "annotations" or v}
        if isinstance(value, list):
            entries = [plain(entry) for entry in value]
            named = all(isinstance(entry, dict) and "name" in entry for entry in entries)
            return sorted(entries, key=lambda entry: entry["name"]) if named else entries
        return value.replace('namespace="models",', "") if isinstance(value, str) else value

    return plain(manifest)


@cases
def test_the_selectors_find_the_pods(case: str, combined: Render, chart: Render) -> None:
    values, overlay, components = SAME[case]
    for manifests in (combined(overlay, *components), chart(values, name="other")):
        kinds = by_kind(manifests)
        pod = kinds["Deployment"]["spec"]["template"]
        labels = pod["metadata"]["labels"]
        selectors = [
            kinds["Deployment"]["spec"]["selector"]["matchLabels"],
            kinds["Service"]["spec"]["selector"],
            kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
            kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        ]
        spread = pod["spec"]["topologySpreadConstraints"]
        selectors += [constraint["labelSelector"]["matchLabels"] for constraint in spread]
        for selector in selectors:
            assert selector
            assert selector.items() <= labels.items()
        names = {manifest["metadata"]["name"] for manifest in kinds.values()}
        if "ServiceMonitor" in kinds:
            selector = kinds["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
            assert selector.items() <= kinds["Service"]["metadata"]["labels"].items()
        if "HorizontalPodAutoscaler" in kinds:
            target = kinds["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"]
            assert target == kinds["Deployment"]["metadata"]["name"]
        assert names


@cases
def test_the_pod_is_confined(case: str, chart: Render) -> None:
    pod = by_kind(chart(SAME[case][0]))["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() == {"memory"}


@cases
def test_each_variable_is_a_setting(case: str, chart: Render, combined: Render) -> None:
    values, overlay, components = SAME[case]
    for manifests in (combined(overlay, *components), chart(values)):
        kinds = by_kind(manifests)
        container = kinds["Deployment"]["spec"]["template"]["spec"]["containers"][0]
        names = {variable["name"] for variable in container["env"]}
        names |= set(kinds.get("ConfigMap", {}).get("data", {}))
        assert {name for name in names if name.startswith("INFERENCE_")} <= SETTINGS


def test_the_versions_are_those_of_the_service() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (DEPLOY.parent / "inference" / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
    base = yaml.safe_load((DEPLOY / "kubernetes" / "base" / "kustomization.yaml").read_text())
    assert base["images"][0]["newTag"] == chart["appVersion"] == chart["version"]
