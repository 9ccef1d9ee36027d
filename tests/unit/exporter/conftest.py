"""Data, models and fakes that several modules test with."""

from __future__ import annotations

import importlib
import json
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
import pytest
from palmerpenguins import load_penguins
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter.display.timings import Timing
from exporter.publication import Publication
from inference.admission.report import Report
from inference.model.contract import (
    Contract,
    Feature,
    Metrics,
    Outputs,
    Parity,
    Sample,
    Training,
)
from support.conversion import mlflow_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    import pandas as pd
    from sklearn.pipeline import Pipeline

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


@pytest.fixture(scope="session")
def penguins() -> pd.DataFrame:
    """The penguins without missing values."""
    return load_penguins().dropna().reset_index(drop=True)


@pytest.fixture(scope="session")
def measured(penguins: pd.DataFrame) -> pd.DataFrame:
    """Their four measurements."""
    return penguins[MEASUREMENTS]


@pytest.fixture(scope="session")
def logistic(penguins: pd.DataFrame, measured: pd.DataFrame) -> Pipeline:
    """A scaler and a logistic regression of the species."""
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(measured, penguins["species"])


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """MLflow with a store of files and an experiment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in mlflow_store.SETTINGS.items():
            patch.setenv(name, value)
        patch.setenv("MLFLOW_TRACKING_URI", tmp_path_factory.mktemp("store").as_uri())
        patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of MLflow's own
            found = importlib.import_module("mlflow")
            found.set_experiment("penguins")
        yield found


@pytest.fixture(scope="session")
def logged(mlflow: Any, measured: pd.DataFrame, logistic: Pipeline) -> list[str]:
    """The runs of two versions of a registered model, the first with the alias ``champion``."""
    return mlflow_store.log_versions(mlflow, logistic, measured[::5])


@pytest.fixture
def fake_service() -> type[FakeService]:
    """A service made of ready answers."""
    return FakeService


@pytest.fixture
def make_publication() -> Callable[..., Publication]:
    """Make a publication of two features and two classes."""
    return build_publication


class FakeService:
    """Answers requests from a list, the last answer again and again.

    Args:
        answers: A status, a JSON value, and headers if it has any.
    """

    def __init__(self, *answers: tuple[Any, ...]) -> None:
        self.requests: list[tuple[str, Any]] = []
        remaining = list(answers)
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                self._answer(json.loads(self.rfile.read(length)))

            def _answer(self, body: Any) -> None:
                requests.append((self.path, body))
                status, value, *headers = remaining.pop(0) if remaining[1:] else remaining[0]
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                for header in headers:
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def build_publication(url: str = "http://127.0.0.1:8000", **changes: Any) -> Publication:
    """Make a publication of two features and two classes; changes are those of its contract."""
    contract = Contract(
        contract_version=1,
        task="classification",
        features=[
            Feature("length", "number", "X", 1.5, "mm", minimum=0.5, maximum=2.0, nullable=True),
            Feature("sex", "category", "sex", "it's", categories=["it's", "<i>"]),
        ],
        outputs=Outputs("label", "probabilities"),
        training=Training(
            rows=10,
            data_sha256="0" * 64,
            time="2026-01-01T00:00:00+00:00",
            versions={"python": "3.11.7"},
            estimator="Made()",
            metrics=Metrics(
                rows=4,
                accuracy=0.75,
                macro_f1=0.7,
                log_loss=0.3,
                confusion_matrix=[[2, 1], [0, 1]],
            ),
        ),
        parity=Parity(rows=14, label_agreement=1.0, max_difference=1e-7, tolerance=1e-5),
        samples=[Sample([1.5, "it's"], "a", [0.9, 0.1])],
        classes=["a", "b"],
    )
    for name, value in changes.items():
        if name in ("description", "metrics", "estimator"):
            training = _replace(contract.training, **{name: value})
            contract = _replace(contract, training=training)
        else:
            contract = _replace(contract, **{name: value})
    return Publication(
        name="penguins",
        version=3,
        path=Path("/models/penguins/3/model.onnx"),
        url=url,
        link_url=url,
        contract=contract,
        report=Report(admitted=True, size_bytes=2048),
        timings=[Timing(1, 5000.0, 10.0), Timing(1000, 6000.0, 1500.0)],
    )


def _replace(struct: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(struct, **changes)
