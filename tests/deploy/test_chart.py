"""What the values of the chart do, and which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import helm_python
import pytest
import yaml

from deploy.manifests import CHART, SETTINGS, Manifest, by_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    Render = Callable[..., list[Manifest]]


def test_a_stop_has_time_for_its_phases(chart: Render) -> None:
    values = {"drainSeconds": 100, "shutdownSeconds": 200}
    pod = by_kind(chart(values))["Deployment"]["spec"]["template"]["spec"]
    variables = {v["name"]: v["value"] for v in pod["containers"][0]["env"]}
    assert variables["INFERENCE_DRAIN_SECONDS"] == "100"
    assert variables["INFERENCE_SHUTDOWN_SECONDS"] == "200"
    assert pod["terminationGracePeriodSeconds"] > 300


def test_settings_are_strings_and_can_replace_those_of_the_chart(chart: Render) -> None:
    settings = {"INFERENCE_WORKERS": 2, "INFERENCE_MAX_CONNECTION_SECONDS": 60}
    pod = by_kind(chart({"settings": settings}))["Deployment"]["spec"]["template"]["spec"]
    pairs = [(v["name"], v["value"]) for v in pod["containers"][0]["env"]]
    assert ("INFERENCE_WORKERS", "2") in pairs
    assert ("INFERENCE_MAX_CONNECTION_SECONDS", "60") in pairs
    assert len({name for name, _ in pairs}) == len(pairs)


def test_no_variable_is_there_twice(chart: Render) -> None:
    """The last one would win, and a server-side apply refuses it."""
    environment = {"AWS_REGION": "a", "X": "", "INFERENCE_DIRECT": True}
    settings = {
        "INFERENCE_FORCE_POLLING": True,
        "INFERENCE_LOG_FORMAT": "text",
        "INFERENCE_DIRECT": False,
    }
    bucket = {"modelsUrl": "s3://b/m", "environment": environment}
    values = {"models": {"bucket": bucket}, "settings": settings}
    pod = by_kind(chart(values))["Deployment"]["spec"]["template"]["spec"]
    pairs = [(v["name"], v["value"]) for v in pod["containers"][0]["env"]]
    assert len(dict(pairs)) == len(pairs)
    assert {
        ("AWS_REGION", "a"),
        ("X", ""),
        ("INFERENCE_FORCE_POLLING", "true"),
        ("INFERENCE_LOG_FORMAT", "text"),
        ("INFERENCE_DIRECT", "false"),
    } <= set(pairs)


def test_what_other_values_decide_is_refused_as_a_setting(chart: Render) -> None:
    """A longer drain, for example, would end after the pod was killed."""
    everything = {
        "models": {"bucket": {"modelsUrl": "s3://b/m", "stateUrl": "s3://b/s"}},
        "grpc": {"enabled": True},
    }
    free = {"INFERENCE_LOG_FORMAT", "INFERENCE_MAX_CONNECTION_SECONDS", "INFERENCE_FORCE_POLLING"}
    names = {"INFERENCE_PORT", "INFERENCE_MODELS_DIR"}
    for values in (everything, {"keys": {"secret": "k"}}):
        pod = by_kind(chart(values))["Deployment"]["spec"]["template"]["spec"]
        names |= {v["name"] for v in pod["containers"][0]["env"]}
    for name in names - free:
        assert name in SETTINGS
        with pytest.raises(helm_python.HelmError, match=f"{name} cannot be given as a setting"):
            chart({"settings": {name: "1"}})


def test_a_long_value_stays_a_whole_number(chart: Render) -> None:
    settings = {"INFERENCE_MAX_BODY_BYTES": 67108864}
    pod = by_kind(chart({"settings": settings}))["Deployment"]["spec"]["template"]["spec"]
    pairs = {v["name"]: v["value"] for v in pod["containers"][0]["env"]}
    assert pairs["INFERENCE_MAX_BODY_BYTES"] == "67108864"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"autoscaling": {"enabled": True}, "keda": {"enabled": True}}, "exclude each other"),
        (
            {"models": {"volume": {"enabled": True}, "bucket": {"modelsUrl": "s3://b/m"}}},
            "exclude each other",
        ),
        ({"replica": 3}, "replica"),
        (
            {"keys": {"secret": "k"}, "monitoring": {"serviceMonitor": {"enabled": True}}},
            "set monitoring.serviceMonitor.secret",
        ),
        ({"models": {"bucket": {"modelsUrl": "/models"}}}, "modelsUrl"),
        ({"settings": {"PATH": "/bin"}}, "PATH"),
        ({"settings": {"INFERENCE_DRAIN_SECONDS": 60}}, "set drainSeconds"),
        ({"keda": {"enabled": True, "minReplicas": 0}}, "minReplicas"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], reason: str, chart: Render) -> None:
    with pytest.raises(helm_python.HelmError, match=reason):
        chart(values)


def test_helm_finds_nothing_to_say() -> None:
    found = helm_python.lint(str(CHART))
    assert not found["errors"]
    assert [m["error"] for m in found["messages"]] == ["icon is recommended"]


def test_the_schema_names_every_value() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())

    def check(values: dict[str, Any], schema: dict[str, Any], path: str) -> None:
        if schema.get("additionalProperties", True) is False:
            assert values.keys() <= schema["properties"].keys(), path
            for name, value in values.items():
                if isinstance(value, dict):
                    check(value, schema["properties"][name], f"{path}.{name}")

    check(values, schema, "values")
