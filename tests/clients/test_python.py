"""openapi-python-client makes a client of the document, and the client's calls work."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from clients.conftest import HERE, run
from support.answers.kinds import ROWS
from support.models.odd_models import put_odd_models
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)

IMPORT_ALL = """
import importlib, pkgutil
import generated.api.predict as package
for module in pkgutil.iter_modules(package.__path__):
    importlib.import_module(f"{package.__name__}.{module.name}")
"""


def generate(service: Service, root: Path) -> Path:
    """Generate a package from a service's document; every warning is a failure."""
    document = root / "openapi.json"
    document.write_bytes(service.client.get("/openapi.json").raise_for_status().content)
    run(
        *("openapi-python-client", "generate", "--path", document, "--meta", "none"),
        *("--output-path", root / "generated", "--fail-on-warning"),
        cwd=root,
    )
    return root / "generated"


@pytest.fixture(scope="module")
def generated(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(service, tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="module")
def called(service: Service, generated: Path) -> dict[str, Any]:
    """Give what a program with the generated client was answered."""
    shutil.copy(HERE / "call.py", generated.parent)
    output = run(sys.executable, "call.py", service.client.base_url, cwd=generated.parent)
    answers: dict[str, Any] = json.loads(output)
    return answers


def test_program_and_client_are_typed_strictly(generated: Path) -> None:
    for name in ("call.py", "call_kinds.py"):
        shutil.copy(HERE / name, generated.parent)
    # The generator's own client.py, which is the same for every document, is not strict.
    configuration = generated.parent / "mypy.ini"
    configuration.write_text(
        "[mypy]\nstrict = true\n[mypy-generated.client]\nignore_errors = true\n"
    )
    run(sys.executable, "-m", "mypy", "call.py", "generated", cwd=generated.parent)
    run(sys.executable, "-m", "mypy", "call_kinds.py", "generated", cwd=generated.parent)


def test_one_record_is_answered_as_one_and_a_list_as_a_list(
    service: Service, called: dict[str, Any]
) -> None:
    url = "/models/penguins-logistic-regression/predict"
    row = [39.1, 18.7, 181.0, 3750.0]
    own = service.client.post(url, json=row).json()
    assert called["ask_one"] == {k: own[k] for k in ("label", "probabilities")}
    assert called["ask_several"] == [own["label"]] * 2


def test_records_and_rows_of_every_kind_of_column_are_sent(called: dict[str, Any]) -> None:
    assert called["ask_mixed"] == ["small", "big"]
    assert called["ask_value"] == 10.0


def test_each_kind_of_answer_is_decoded(service: Service, generated: Path) -> None:
    shutil.copy(HERE / "call_kinds.py", generated.parent)
    output = run(sys.executable, "call_kinds.py", service.client.base_url, cwd=generated.parent)
    for kind, answer in json.loads(output).items():
        own = service.client.post(f"/models/{kind}/predict", json=[ROWS[0]]).json()
        assert answer == own["predictions"][0]


def test_an_error_names_the_row(called: dict[str, Any]) -> None:
    status, reasons = called["ask_wrong"]
    assert status == 422
    assert "4 values" in reasons[0]


def test_models_are_selected_listed_and_asked_by_name(called: dict[str, Any]) -> None:
    version, one, by_name = called["ask_selected"]
    assert (version, one, by_name) == (1, "penguins-logistic-regression", "penguins-random-forest")
    names, features = called["ask_about"]
    assert "mixed" in names
    assert features == ["mass", "age", "wild", "island", "sex"]
    assert called["ask_tensors"] == ["label"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("odd")) as service:
        put_odd_models(service)
        yield service.start(within=60)


def test_models_columns_and_classes_of_any_name_get_code_of_their_own(
    odd: Service, tmp_path: Path
) -> None:
    package = generate(odd, tmp_path)
    typed = list((package / "api" / "predict").glob("predict_*.py"))
    models = odd.client.get("/v2/models").json()["models"]
    assert len(typed) == len(models) + len(["predict_by_name", "predict_by_version"])
    answers = list((package / "models").glob("*_answer.py"))
    assert len(answers) == len(models)
    run(sys.executable, "-c", IMPORT_ALL, cwd=tmp_path)
