"""What is served and asked: the penguin models, one with 200 features, and request bodies."""

from __future__ import annotations

import importlib.util
import json
import shutil
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import onnx
from palmerpenguins import load_penguins
from skl2onnx import to_onnx
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmark.names import NEIGHBORS, SCAN, WIDE
from benchmark.wrk import Request
from exporter import publish
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WIDE_FEATURES = 200
_SEED = 20
_KINDS = {"FP32": np.float32, "FP64": np.float64}


class Material:
    """The models, published and pickled, and the requests for them.

    Args:
        folder: Where they go.

    Attributes:
        models: The five penguin models.
        crowd: The same, and :data:`SCAN`.
        wide_models: The one of 200 features.
        pickles: The original of each, by joblib.
    """

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.crowd = folder / "crowd"
        self.wide_models = folder / "wide"
        self.pickles = folder / "pickles"
        self.pickles.mkdir(parents=True)
        self._features, self._rows = self._train_penguins()
        self._wide_row = self._train_wide()
        shutil.copytree(self.models, self.crowd)
        self._convert_by_scan()

    def one(self, model: str, *, is_unique: bool = True) -> Request:
        """One record."""
        return Request(f"/models/{model}/predict", self._records(1)[1:-1], is_unique=is_unique)

    def many(self, model: str, rows: int) -> Request:
        """So many records."""
        return Request(f"/models/{model}/predict", self._records(rows))

    def matrix(self, model: str, rows: int) -> Request:
        """So many rows of values, without names."""
        return Request(f"/models/{model}/predict", _encode(list(self._tiled(rows))))

    def tensor(
        self, model: str, rows: int, *, binary: bool = False, is_unique: bool = False
    ) -> Request:
        """So many rows by the Open Inference Protocol."""
        name, datatype = self._input(model)
        array = np.array(list(self._tiled(rows)), dtype=_KINDS[datatype])
        tensor: dict[str, Any] = {
            "name": name,
            "shape": list(array.shape),
            "datatype": datatype,
        }
        path = f"/v2/models/{model}/infer"
        if not binary:
            body = _encode({"inputs": [tensor | {"data": array.ravel().tolist()}]})
            return Request(path, body, is_unique=is_unique)
        data = array.tobytes()
        tensor["parameters"] = {"binary_data_size": len(data)}
        head = _encode({"inputs": [tensor], "parameters": {"binary_data_output": True}})
        headers = {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(len(head)),
        }
        return Request(path, head + data, headers)

    def peer_one(self, model: str) -> Request:
        """One record, to a peer."""
        return Request(f"/predict/{model}", self._records(1)[1:-1], is_unique=True)

    def mlserver_one(self, model: str) -> Request:
        """One row, to MLServer, which answers with the probabilities."""
        tensor = {"name": "rows", "shape": [1, len(self._features)], "datatype": "FP64"}
        document = {
            "inputs": [tensor | {"data": list(self._rows[0])}],
            "outputs": [{"name": "predict_proba"}],
        }
        return Request(f"/v2/models/{model}/infer", _encode(document), is_unique=True)

    def peer_many(self, model: str, rows: int) -> Request:
        """So many records, to a peer."""
        return Request(f"/predict-batch/{model}", self._records(rows))

    def wide(self) -> Request:
        """One row of 200 features."""
        return Request(f"/models/{WIDE}/predict", _encode(self._wide_row))

    def peer_wide(self) -> Request:
        """One row of 200 features, to a peer."""
        return Request(f"/predict-wide/{WIDE}", _encode({"features": self._wide_row}))

    def artifact(self, model: str) -> Path:
        """A published file."""
        return self.models / model / "1" / "model.onnx"

    def feeds(self, model: str, rows: int) -> dict[str, Any]:
        """So many rows for ``session.run``."""
        name, datatype = self._input(model)
        return {name: np.array(list(self._tiled(rows)), dtype=_KINDS[datatype])}

    def _input(self, model: str) -> tuple[str, str]:
        """Return the name and the datatype of a model's one input."""
        from inference.model.servable import Servable  # noqa: PLC0415 - onnxruntime, only here

        (spec,) = Servable.load(model, 1, self.artifact(model).read_bytes()).signature.inputs
        assert spec.datatype is not None
        return spec.name, spec.datatype

    def _train_penguins(self) -> tuple[list[str], list[list[float]]]:
        script = _import(ROOT / "notebooks" / "penguins.py")
        penguins = load_penguins().dropna(subset=list(script.UNITS))
        X, y = penguins[list(script.UNITS)], penguins["species"]  # noqa: N806
        for name, (description, classifier) in script.make_classifiers().items():
            classifier.fit(X, y)
            joblib.dump(classifier, self.pickles / f"{name}.joblib")
            publish(classifier, name, X, y, description=description, models_dir=self.models)
        return list(X), X.to_numpy(dtype=float).tolist()

    def _train_wide(self) -> list[float]:
        X, codes = make_classification(  # noqa: N806
            1000, _WIDE_FEATURES, n_informative=20, random_state=_SEED
        )
        y = np.array(["no", "yes"])[codes]
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)
        joblib.dump(classifier, self.pickles / f"{WIDE}.joblib")
        publish(classifier, WIDE, X, y, models_dir=self.wide_models)
        row: list[float] = X[0].round(6).tolist()
        return row

    def _convert_by_scan(self) -> None:
        """Convert the nearest neighbors without options, under the published one's contract."""
        classifier = joblib.load(self.pickles / f"{NEIGHBORS}.joblib")
        sample = np.array(self._rows[:1], dtype=np.float32)
        model = to_onnx(classifier, sample, options={"zipmap": False})
        model.metadata_props.extend(onnx.load(self.artifact(NEIGHBORS)).metadata_props)
        target = self.crowd / SCAN / "1" / "model.onnx"
        target.parent.mkdir(parents=True)
        target.write_bytes(model.SerializeToString())

    def _tiled(self, rows: int) -> Iterator[list[float]]:
        for index in range(rows):
            yield self._rows[index % len(self._rows)]

    def _records(self, rows: int) -> bytes:
        named = [dict(zip(self._features, row, strict=True)) for row in self._tiled(rows)]
        return _encode(named)


def _encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _import(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
