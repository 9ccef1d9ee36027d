"""openapi-typescript makes types of the document, with which a strict program compiles and runs."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from clients.conftest import HERE, run

if TYPE_CHECKING:
    from pathlib import Path

    from support.service.process import Service

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def program(service: Service, node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate the types, and compile the program with them."""
    root = tmp_path_factory.mktemp("typescript")
    (root / "openapi.json").write_bytes(service.client.get("/openapi.json").content)
    (root / "node_modules").symlink_to(node_modules)
    for name in ("package.json", "tsconfig.json", "call.ts"):
        shutil.copy(HERE / name, root)
    run("npx", "openapi-typescript", "openapi.json", "--output", "schema.d.ts", cwd=root)
    run("npx", "tsc", "--project", "tsconfig.json", cwd=root)
    return root / "made" / "call.js"


@pytest.fixture(scope="module")
def called(service: Service, program: Path) -> dict[str, Any]:
    url = str(service.client.base_url).rstrip("/")
    answers: dict[str, Any] = json.loads(run("node", program, url, cwd=program.parent))
    return answers


def test_answers_are_those_of_the_service(service: Service, called: dict[str, Any]) -> None:
    url = "/models/penguins-logistic-regression/predict"
    own = service.client.post(url, json=[39.1, 18.7, 181.0, 3750.0]).json()
    label = own["label"]
    assert called["one"] == {"label": label, "share": own["probabilities"][label], "version": 1}
    assert called["several"] == [label, "Chinstrap"]
    row = [None, 4, True, "Dream", "male"]
    assert called["mixed"] == service.client.post("/models/mixed/predict", json=[row]).json()


def test_any_model_is_asked_selected_and_inferred_by_name(called: dict[str, Any]) -> None:
    assert called["any"] == "penguins-random-forest"
    assert called["selected"] == "penguins-logistic-regression"
    assert called["infer"] == ["label", "probabilities"]


def test_an_error_names_the_feature(called: dict[str, Any]) -> None:
    assert called["wrong"] == {"status": 422, "faults": ["body_mass_g"]}
