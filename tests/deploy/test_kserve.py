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

KSERVE = DEPLOY / "kserve"
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


def test_the_port_for_grpc_of_the_page_fits_the_definition(definitions: dict[Any, Any]) -> None:
    page = (DEPLOY.parent / "docs" / "how-to" / "kserve.md").read_text()
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    manifest = load("one-model.yaml")
    model = yaml.safe_load(example)["spec"]["predictor"]["model"]
    manifest["spec"]["predictor"]["model"] |= model
    check(manifest, definitions)
    (port,) = model["ports"]
    (container,) = load("runtime.yaml")["spec"]["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert str(port["containerPort"]) == variables["INFERENCE_GRPC_PORT"]


@pytest.mark.parametrize("name", FILES)
def test_the_check_sees_a_wrong_member(name: str, definitions: dict[Any, Any]) -> None:
    manifest = load(name)
    containers = manifest["spec"].get("containers") or manifest["spec"]["predictor"].get(
        "containers", [manifest["spec"]["predictor"].get("model")]
    )
    containers[0]["environment"] = []
    with pytest.raises(jsonschema.ValidationError):
        check(manifest, definitions)


@pytest.mark.parametrize("name", ["runtime.yaml", "folder-of-models.yaml"])
def test_each_variable_is_a_setting(name: str) -> None:
    spec = load(name)["spec"]
    (container,) = spec.get("predictor", spec)["containers"]
    assert {variable["name"] for variable in container["env"]} <= SETTINGS


def test_the_runtime_is_preferred_to_triton() -> None:
    (model_format,) = load("runtime.yaml")["spec"]["supportedModelFormats"]
    assert model_format["name"] == "onnx"
    assert model_format["autoSelect"]
    assert model_format["priority"] > 1  # that of kserve-tritonserver
