"""The notebooks run as they are stored, from top to bottom."""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from support.project import ROOT
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

NOTEBOOKS = ROOT / "notebooks"
PENGUINS = {
    "penguins-logistic-regression",
    "penguins-random-forest",
    "penguins-nearest-neighbours",
    "penguins-support-vector-machine",
    "penguins-gradient-boosting",
}
MEASUREMENTS = {
    "bill_length_mm": "mm",
    "bill_depth_mm": "mm",
    "flipper_length_mm": "mm",
    "body_mass_g": "g",
}

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]

each_notebook = pytest.mark.parametrize("name", ["penguins", "mixed_columns"])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Start a service with an empty models folder."""
    running = Service(tmp_path).start()
    yield running
    running.stop()


@pytest.fixture
def unused_url() -> Iterator[str]:
    """Return an address where no service listens during the test."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def execute(
    name: str, url: str, models: Path, *, without: Collection[str] = (), log: Path | None = None
) -> str:
    """Run a notebook in a kernel of its own; give the text of all its outputs.

    Args:
        name: The file's name without its ending.
        url: Where its service is.
        models: Where it publishes.
        without: Cells to leave out, by id.
        log: The folder of the prediction log.
    """
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id not in without]
    environment = os.environ | {"EXPORTER_URL": url, "EXPORTER_MODELS_DIR": str(models)}
    if log is not None:
        environment["EXPORTER_PREDICTION_LOG"] = str(log)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": NOTEBOOKS}})
    # In the main thread it would handle SIGINT and SIGTERM: a stopped run went on, and its report
    # was that the kernel died.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, client.async_execute(env=environment)).result()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(_text(output) for output in outputs)


def _text(output: Any) -> str:
    text: str = output.get("text") or output.get("data", {}).get("text/plain", "")
    return text


@pytest.mark.parametrize("name", ["penguins", "mixed_columns", "monitoring"])
def test_notebook_is_stored_without_outputs(name: str) -> None:
    """No output, no counter, and an id for each cell."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)

    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    for cell in notebook.cells:
        assert cell.id
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id


def test_penguins_publishes_five_models_that_a_service_beside_it_serves(service: Service) -> None:
    """It compares their answers with scikit-learn itself; here: names, order and units."""
    said = execute("penguins", str(service.client.base_url), service.models)

    assert "All of them are live" in said
    answer = service.client.get("/models").json()
    models = {model["name"]: model for model in answer["models"]}
    assert set(models) == PENGUINS
    assert {model["state"] for model in models.values()} == {"ready"}
    assert answer["selected"]["model"] in PENGUINS
    for name in PENGUINS:
        features = service.model(name)["contract"]["features"]
        assert [(f["name"], f["unit"]) for f in features] == list(MEASUREMENTS.items())


def test_mixed_columns_publishes_a_pipeline_that_takes_words_and_gaps(service: Service) -> None:
    """Island and sex are categories, and a sex may be unknown."""
    said = execute("mixed_columns", str(service.client.base_url), service.models)

    assert "86 of 86 labels are equal" in said
    features = service.model("penguins-mixed-columns")["contract"]["features"]
    kinds = {feature["name"]: feature["kind"] for feature in features}
    assert kinds == dict.fromkeys(MEASUREMENTS, "number") | {
        "island": "category",
        "sex": "category",
    }
    assert {f["name"] for f in features if f.get("nullable")} >= {"sex"}


def test_monitoring_sees_the_shift_and_promotes_a_better_version(tmp_path: Path) -> None:
    """The story ends with the second version, which is right more often."""
    with Service(tmp_path, prediction_log=tmp_path / "log") as service:
        service.start()
        url = str(service.client.base_url)
        said = execute("monitoring", url, service.models, log=tmp_path / "log")
        described = service.model("penguins-watched")
        service.stop()

    assert "live accuracy of version 1: 0." in said
    assert "active version: 2" in said
    assert (described["active_version"], described["pinned_version"]) == (2, 2)


def test_monitoring_without_a_log_sees_the_shift_and_says_what_to_set(tmp_path: Path) -> None:
    """As in the containers, where the folder of the log is there and empty."""
    (tmp_path / "log").mkdir()
    with Service(tmp_path) as service:
        service.start()
        url = str(service.client.base_url)
        with pytest.raises(CellExecutionError, match="set INFERENCE_PREDICTION_LOG") as error:
            execute("monitoring", url, service.models, log=tmp_path / "log")
        drift = service.client.get("/models/penguins-watched/drift").json()

    assert "drift().draw()" not in str(error.value), "it stops after the drift"
    shifted = {one["name"] for one in drift["features"] if one["psi"] > 0.2}
    assert shifted == {"bill_length_mm", "body_mass_g"}


@each_notebook
def test_notebook_says_what_to_do_when_no_service_runs(
    name: str, unused_url: str, tmp_path: Path
) -> None:
    """Without a service it publishes all the same, and ends well."""
    said = execute(name, unused_url, tmp_path, without={"pairs", "cross-validate", "comparison"})

    assert f"no service answers at {unused_url}" in said
    assert "make serve" in said
    assert list(tmp_path.glob("penguins-*/1/model.onnx"))
