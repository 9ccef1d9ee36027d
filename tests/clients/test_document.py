"""Independent readers of the document find it valid."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from clients.conftest import run
from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.models.odd_models import put_odd_models
from support.service.process import Service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def documents(
    service: Service, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """Give the document of every kind of service."""
    key, line = make_key("person", ["predict"])
    found = {"penguins": service.client.get("/openapi.json").json()}
    root = tmp_path_factory.mktemp("documents")
    (root / "keys").write_text(line)
    with (
        Service(root / "empty") as empty,
        Service(root / "odd") as odd,
        Service(root / "keyed", api_keys_file=root / "keys") as keyed,
    ):
        put_odd_models(odd)
        keyed.put("m/1/model.onnx", penguins())
        for name, started in {"empty": empty, "odd": odd, "keyed": keyed}.items():
            client = started.start(within=60).client
            found[name] = client.get("/openapi.json").json()
        headers = {"x-api-key": key}
        found["known"] = keyed.client.get("/openapi.json", headers=headers).json()
    return found


KINDS = ("penguins", "empty", "odd", "keyed", "known")


@pytest.mark.parametrize("kind", KINDS)
def test_the_specification_is_kept(documents: dict[str, dict[str, Any]], kind: str) -> None:
    validate(documents[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_fits_its_schema(documents: dict[str, dict[str, Any]], kind: str) -> None:
    document = documents[kind]
    checked = 0
    for path, item in document["paths"].items():
        for operation in item.values():
            described = [operation.get("requestBody", {}), *operation["responses"].values()]
            contents = [c for d in described for c in d.get("content", {}).values()]
            for content in [*contents, *operation.get("parameters", [])]:
                examples = [e["value"] for e in content.get("examples", {}).values()]
                examples += [content["example"]] if "example" in content else []
                schema = content["schema"] | {"components": document["components"]}
                for example in examples:
                    errors = list(Draft202012Validator(schema).iter_errors(example))
                    assert errors == [], (path, example)
                    checked += 1
    assert checked > 10


def test_datamodel_code_generator_makes_models_of_it(
    documents: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(documents["odd"]))
    run(
        *("datamodel-codegen", "--input", "openapi.json", "--input-file-type", "openapi"),
        *("--output", "made.py", "--output-model-type", "pydantic_v2.BaseModel"),
        *("--formatters", "builtin", "--disable-timestamp"),
        cwd=tmp_path,
    )
    run(sys.executable, "-W", "ignore", "-c", "import made; made.PenguinsAnswer", cwd=tmp_path)
