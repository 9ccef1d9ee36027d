"""The manifests for KServe fit its own definitions; the test needs them in KSERVE_DEFINITIONS."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.manifests import DEPLOY, SETTINGS, Manifest
from inference.settings import Settings

KSERVE = DEPLOY / "kserve"
RUNTIMES = ("runtime.yaml", "runtime-grpc.yaml")
FILES = sorted(path.name for path in KSERVE.glob("*.yaml"))


@pytest.fixture(scope="module")
def definitions() -> dict[tuple[str, str], Any]:
    """Give the schemas of KServe's resources, by kind and version."""
    folder = os.environ.get("KSERVE_DEFINITIONS")
    if not folder:
        pytest.skip("KSERVE_DEFINITIONS names no folder with KServe's custom resource definitions")
    found = {}
    for path in Path(folder).glob("*.yaml"):
        spec = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)["spec"]
        for version in spec["versions"]:
            key = spec["names"]["kind"], f"{spec['group']}/{version['name']}"
            found[key] = _strict(version["schema"]["openAPIV3Schema"])
    return found


def _strict(schema: Any) -> Any:
    """Refuse members that a schema does not name, which a server drops without a word."""
    if isinstance(schema, list):
        return [_strict(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: _strict(value) for name, value in schema.items()}
    if schema.pop("x-kubernetes-int-or-string", False):
        return {"type": ["integer", "string"]}
    closed = "properties" in schema and isinstance(schema.get("type"), str)
    if closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


def load(name: str) -> Manifest:
    """Read a manifest without its metadata, whose schema is an empty object."""
    manifest: Manifest = yaml.safe_load((KSERVE / name).read_text())
    return manifest


def check(manifest: Manifest, definitions: dict[tuple[str, str], Any]) -> None:
    schema = definitions[manifest["kind"], manifest["apiVersion"]]["properties"]["spec"]
    jsonschema.validate(manifest["spec"], schema)


@pytest.mark.parametrize("name", FILES)
def test_a_manifest_fits_the_definition(name: str, definitions: dict[Any, Any]) -> None:
    check(load(name), definitions)


def test_the_protocol_of_the_page_fits_the_definition(definitions: dict[Any, Any]) -> None:
    page = (DEPLOY.parent / "docs" / "how-to" / "kserve.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    manifest = load("one-model.yaml")
    model = yaml.safe_load(example)["spec"]["predictor"]["model"]
    manifest["spec"]["predictor"]["model"] |= model
    check(manifest, definitions)
    runtimes = [load(name)["spec"]["protocolVersions"] for name in RUNTIMES]
    assert [model["protocolVersion"] in protocols for protocols in runtimes] == [False, True]


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_runtime_has_one_port_that_all_probes_ask(name: str) -> None:
    """Knative refuses a second port, and sends every probe to the first."""
    (container,) = load(name)["spec"]["containers"]
    (port,) = container["ports"]
    probes = [container[p] for p in ("readinessProbe", "livenessProbe") if p in container]
    handlers = [probe.get("httpGet") or probe["grpc"] for probe in probes]
    assert {handler["port"] for handler in handlers} == {port["containerPort"]}
    is_grpc = port.get("name") == "h2c"
    assert all(("grpc" in probe) == is_grpc for probe in probes)
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    listened = variables["INFERENCE_GRPC_PORT" if is_grpc else "INFERENCE_PORT"]
    assert listened == str(port["containerPort"])


def test_the_runtimes_differ_in_their_protocol_only() -> None:
    http, grpc = (load(name)["spec"] for name in RUNTIMES)
    for spec in (http, grpc):
        (container,) = spec["containers"]
        for member in ("ports", "readinessProbe", "livenessProbe"):
            container.pop(member, None)
        container["env"] = [v for v in container["env"] if v["name"] != "INFERENCE_GRPC_PORT"]
        assert spec.pop("protocolVersions")
    assert http == grpc


@pytest.mark.parametrize("name", ["runtime.yaml", "runtime-grpc.yaml", "folder-of-models.yaml"])
def test_a_stop_fits_into_the_time_that_is_granted(name: str) -> None:
    """Knative refuses another time than Kubernetes' default."""
    spec = load(name)["spec"]
    spec = spec.get("predictor", spec)
    assert "terminationGracePeriodSeconds" not in spec
    (container,) = spec["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    defaults = Settings()
    seconds = [
        float(variables.get(f"INFERENCE_{phase.upper()}_SECONDS", default))
        for phase, default in (
            ("drain", defaults.drain_seconds),
            ("shutdown", defaults.shutdown_seconds),
        )
    ]
    assert sum(seconds) + 5 < 30


@pytest.mark.parametrize("name", FILES)
def test_the_check_sees_a_wrong_member(name: str, definitions: dict[Any, Any]) -> None:
    manifest = load(name)
    containers = manifest["spec"].get("containers") or manifest["spec"]["predictor"].get(
        "containers", [manifest["spec"]["predictor"].get("model")]
    )
    containers[0]["environment"] = []
    with pytest.raises(jsonschema.ValidationError):
        check(manifest, definitions)


@pytest.mark.parametrize("name", ["runtime.yaml", "runtime-grpc.yaml", "folder-of-models.yaml"])
def test_each_variable_is_a_setting(name: str) -> None:
    spec = load(name)["spec"]
    (container,) = spec.get("predictor", spec)["containers"]
    assert {variable["name"] for variable in container["env"]} <= SETTINGS


def test_the_runtime_is_preferred_to_triton() -> None:
    (model_format,) = load(RUNTIMES[0])["spec"]["supportedModelFormats"]
    assert model_format["name"] == "onnx"
    assert model_format["autoSelect"]
    assert model_format["priority"] > 1  # that of kserve-tritonserver
