"""Foreign files of every kind: what is admitted is answered on every route that lists it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from tritonclient.utils import InferenceServerException

from support.models.odd_graphs import GRAPHS
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

X = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [2, 1], [1, 2]], np.float32)
Y = np.array([[0, 2], [1, 3], [1, 2], [0, 3], [1, 2], [0, 4]])
REFUSED = {
    "sequence-input", "map-input", "to-bfloat16", "to-int4", "to-uint4", "to-float8e4m3fn",
    "to-complex64", "from-bfloat16", "from-int4", "from-float8e4m3fn",
}  # fmt: skip
TENSORS_ONLY = {
    "batch-8", "no-rows", "scalar-input", "image", "scalar", "transposed", "constant", "non-zero",
    "never", "sized",
}  # fmt: skip
ESTIMATORS = {
    "tree": DecisionTreeClassifier(),
    "k-means": KMeans(2, n_init=1),
    "isolation": IsolationForest(n_estimators=3),
    "linear-svc": LinearSVC(),
    "ridge": MultiOutputRegressor(Ridge()),
    "neighbors": KNeighborsClassifier(2),
    "pca": PCA(1),
    "scaled": make_pipeline(StandardScaler(), LogisticRegression()),
    "binned": KBinsDiscretizer(2, encode="onehot-dense", quantile_method="averaged_inverted_cdf"),
    "words": OneHotEncoder(sparse_output=False),
}
NAMES = sorted({*GRAPHS, "multi-output", *ESTIMATORS} - REFUSED)
ANSWERS = {
    "batch-1": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    "scalar-and-rows": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    "sequence": [[[1.0, 2.0]] * 2, [[3.0, 4.0]] * 2, [[5.0, 6.0]] * 2],
    "sequence-string": [[["1", "2"]] * 2, [["3", "4"]] * 2, [["5", "6"]] * 2],
    "maps-int": [{"3": 1.0, "4": 2.0}, {"3": 3.0, "4": 4.0}, {"3": 5.0, "4": 6.0}],
    "to-float16": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
}
ROWS = [[1, 2], [3, 4], [5, 6]]
DTYPES: dict[str, Any] = {
    "BYTES": np.object_, "BOOL": np.bool_, "FP16": np.float16, "FP32": np.float32,
    "FP64": np.float64, "INT8": np.int8, "INT64": np.int64, "UINT64": np.uint64,
}  # fmt: skip


def multi_output() -> bytes:
    model = MultiOutputClassifier(LogisticRegression()).fit(X, Y)
    return bytes(to_onnx(model, X[:1], options={"zipmap": False}).SerializeToString())


def converted(estimator: Any) -> bytes:
    is_text = isinstance(estimator, OneHotEncoder)
    targets = Y if isinstance(estimator, MultiOutputRegressor) else Y[:, 0]
    fitted = estimator.fit([["1"], ["2"], ["3"]]) if is_text else estimator.fit(X, targets)
    model = to_onnx(
        fitted,
        None if is_text else X[:1],
        initial_types=[("text", StringTensorType([None, 1]))] if is_text else None,
        target_opset={"": 21, "ai.onnx.ml": 3},
    )
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("odd"), grpc_port=0) as service:
        for name, data in GRAPHS.items():
            service.put(f"{name}/1/model.onnx", data)
        service.put("multi-output/1/model.onnx", multi_output())
        for name, estimator in ESTIMATORS.items():
            service.put(f"{name}/1/model.onnx", converted(estimator))
        service.start(within=120)
        count = len(GRAPHS) + 1 + len(ESTIMATORS)
        eventually(lambda: len(service.client.get("/models").json()["models"]) == count, within=60)
        yield service
        assert "failed unexpectedly" not in service.log


def test_what_no_route_can_carry_is_quarantined_with_a_reason(odd: Service) -> None:
    states = {m["name"]: m for m in odd.client.get("/models").json()["models"]}
    assert {n for n, m in states.items() if m["state"] == "quarantined"} == REFUSED
    for name in REFUSED - {"to-complex64"}:
        assert "which no " in states[name]["reason"]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_listed_for_rows_answers_rows(odd: Service, name: str) -> None:
    model = odd.client.get(f"/models/{name}").json()
    features = model["features"]
    assert (features is None) == (name in TENSORS_ONLY)
    document = odd.client.get("/openapi.json").json()
    assert (f"/models/{name}/predict" in document["paths"]) == (features is not None)
    for path in (f"/models/{name}/predict", f"/models/{name}/versions/1/predict"):
        if features is None:
            answer = odd.client.post(path, json=[1, 2])
            assert answer.status_code == 409
            assert f"/v2/models/{name}/infer" in answer.json()["detail"]
            continue
        kinds = {i["name"]: i["datatype"] for i in model["signature"]["inputs"]}
        value: Any = {"BYTES": "1", "BOOL": True}.get(next(iter(kinds.values())), 1)
        record = dict.fromkeys(features, 0 if name == "not-utf8" else value)
        assert odd.client.post(path, json=record).status_code == 200
        for count in (1, 2, 3, 7):
            answer = odd.client.post(path, json=[record] * count)
            assert answer.status_code == 200, answer.text
            predictions = answer.json()["predictions"]
            assert len(predictions) == count
            assert all(p == predictions[0] for p in predictions)


def test_text_that_is_none_is_the_callers_affair(odd: Service) -> None:
    answer = odd.client.post("/models/not-utf8/predict", json=[5])
    assert answer.status_code == 400
    assert "utf-8" in answer.json()["detail"]


@pytest.mark.parametrize(("name", "expected"), ANSWERS.items())
def test_each_row_gets_its_own_values(odd: Service, name: str, expected: list[Any]) -> None:
    answer = odd.client.post(f"/models/{name}/predict", json=ROWS).json()
    outputs = [list(p["outputs"].values()) for p in answer["predictions"]]
    assert outputs == [[value] for value in expected]


def test_several_targets_are_answered_as_scikit_learn_does(odd: Service) -> None:
    model = MultiOutputClassifier(LogisticRegression()).fit(X, Y)
    for rows in (X[:1], X[:2], X[:3], X):
        answer = odd.client.post("/models/multi-output/predict", json=rows.tolist()).json()
        given = [p["outputs"] for p in answer["predictions"]]
        assert [g["label"] for g in given] == model.predict(rows).tolist()
        for target, wanted in enumerate(model.predict_proba(rows)):
            found = np.array([g["probabilities"][target] for g in given])
            np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protocol", ["json", "binary", "grpc"])
def test_tensors_are_answered_by_every_protocol(odd: Service, name: str, protocol: str) -> None:
    described = odd.client.get(f"/v2/models/{name}").json()
    client, kind = open_client(odd, protocol)
    outputs = [o for o in described["outputs"] if protocol != "json" or o["datatype"] != "FP16"]
    with client:
        try:
            given = client.infer(
                name,
                [spell(kind, name, tensor, protocol) for tensor in described["inputs"]],
                outputs=[want(kind, output, protocol) for output in outputs],
            )
        except InferenceServerException as error:
            reason = str(error)
            no_tensor = not described["outputs"] and "no output" in reason
            assert no_tensor or name in {"never", "non-zero"}, reason
            assert "failed" not in reason.lower() or name == "never"
            return
        for output in outputs:
            assert given.as_numpy(output["name"]) is not None


def open_client(service: Service, protocol: str) -> tuple[Any, Any]:
    if protocol != "grpc":
        place = str(service.client.base_url).removeprefix("http://").rstrip("/")
        return tritonclient.http.InferenceServerClient(place), tritonclient.http
    place = eventually(lambda: re.search(r"gRPC running on (\S+)", service.log), what="gRPC")[1]
    return tritonclient.grpc.InferenceServerClient(place), tritonclient.grpc


def spell(kind: Any, name: str, tensor: dict[str, Any], protocol: str) -> Any:
    shape = [max(1, d) if d else 0 for d in tensor["shape"]]
    text = "1" if tensor["datatype"] == "BYTES" else 1
    array = np.full(shape, 0 if name == "not-utf8" else text, DTYPES[tensor["datatype"]])
    made = kind.InferInput(tensor["name"], shape, tensor["datatype"])
    if kind is tritonclient.grpc:
        made.set_data_from_numpy(array)
    else:
        made.set_data_from_numpy(
            array, binary_data=protocol == "binary" or tensor["datatype"] == "FP16"
        )
    return made


def want(kind: Any, output: dict[str, Any], protocol: str) -> Any:
    if kind is tritonclient.grpc:
        return kind.InferRequestedOutput(output["name"])
    return kind.InferRequestedOutput(output["name"], binary_data=protocol == "binary")
