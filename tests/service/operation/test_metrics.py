"""``GET /metrics`` and ``GET /models/{name}``: what is counted, and how models are run."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference.model.contract import Serving
from support.models.artifacts import (
    MEASUREMENTS,
    SPECIES,
    classifier_graph,
    contract,
    measurements,
    penguins,
    with_contract,
)
from support.project import FIXTURES
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.long

GOOD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))
PLANS = json.dumps({"threaded": {"mode": "thread", "threads": 64}})


@pytest.fixture(scope="module", params=[True, False], ids=["direct", "asgi"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve a model of each plan."""
    root = tmp_path_factory.mktemp("metrics")
    authored = contract(measurements(), SPECIES, serving=Serving(mode="thread", max_batch_rows=7))
    with Service(root, direct=request.param, plans=PLANS, metric_aliases=True) as service:
        service.put("cheap/1/model.onnx", penguins())
        service.put("threaded/1/model.onnx", penguins(seed=1))
        service.put("authored/1/model.onnx", with_contract(classifier_graph(SPECIES), authored))
        service.put("forest/1/model.onnx", (FIXTURES / "penguins-forest.onnx").read_bytes())
        service.put("corrupt.onnx", b"text")
        service.start()
        service.wait_for("corrupt", state="quarantined")
        yield service


Metrics = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(service: Service) -> Metrics:
    """Parse what is exposed, as Prometheus does; a series that comes twice is an error."""
    answer = service.client.get("/metrics")
    assert answer.status_code == 200
    found: Metrics = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.get((name, tuple(sorted(labels.items()))), 0.0)


def test_requests_are_counted_by_route_model_version_and_status(service: Service) -> None:
    client = service.client
    before = read(service)
    assert client.post("/models/cheap/predict", json=GOOD).status_code == 200
    assert client.post("/models/cheap/predict", json=[GOOD] * 3).status_code == 200
    assert client.post("/models/threaded/predict", json=GOOD).status_code == 200
    assert client.post("/models/cheap/predict", json={}).status_code == 422
    assert client.post("/models/cheap/predict", content=b"{").status_code == 400
    assert client.post("/models/any-name-at-all/predict", json=GOOD).status_code == 404
    assert client.get("/models/cheap/predict").status_code == 405
    assert client.post("/v2/models/cheap/infer", json={"inputs": []}).status_code == 400
    after = read(service)
    expected = {
        ("predict", "cheap", "1", "200"): 2,
        ("predict", "threaded", "1", "200"): 1,
        ("predict", "cheap", "1", "422"): 1,
        ("predict", "cheap", "1", "400"): 1,
        ("predict", "", "", "404"): 1,
        ("predict", "", "", "405"): 1,
        ("infer", "cheap", "1", "400"): 1,
    }
    for (route, model, number, status), count in expected.items():
        labels = {"route": route, "model": model, "version": number, "status": status}
        for name in ("inference_requests_total", "inference_request_duration_seconds_count"):
            assert value(after, name, **labels) - value(before, name, **labels) == count, labels
    rows = [
        value(m, "inference_batch_rows_sum", model="cheap", version="1") for m in (before, after)
    ]
    assert rows[1] - rows[0] == 4
    assert not any("any-name-at-all" in str(key) for key in after)


def test_histograms_are_cumulative_and_phases_fit_into_the_whole(service: Service) -> None:
    for _ in range(20):
        service.client.post("/models/threaded/predict", json=GOOD)
    metrics = read(service)
    name = "inference_request_duration_seconds"
    of_model = {"model": "threaded", "version": "1"}
    labels = {"route": "predict", "status": "200", **of_model}
    buckets = {
        float(dict(of)["le"]): count
        for (series, of), count in metrics.items()
        if series == f"{name}_bucket" and labels.items() <= dict(of).items()
    }
    counts = [buckets[bound] for bound in sorted(buckets)]
    assert counts == sorted(counts)
    assert counts[-1] == value(metrics, f"{name}_count", **labels)
    phases = [
        value(metrics, "inference_phase_duration_seconds_sum", phase=phase, **of_model)
        for phase in ("parse", "queue", "infer", "encode")
    ]
    assert all(seconds > 0 for seconds in phases)
    whole = sum(
        seconds
        for (series, of), seconds in metrics.items()
        if series == f"{name}_sum" and {**of_model, "status": "200"}.items() <= dict(of).items()
    )
    assert sum(phases) == pytest.approx(whole)


def test_the_metrics_show_what_runs(service: Service) -> None:
    (labels,) = [dict(key) for name, key in read(service) if name == "inference_build_info"]
    assert labels == {
        "version": version("inference"),
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
    }


def test_each_model_has_a_state_and_an_active_version(service: Service) -> None:
    metrics = read(service)
    states = {
        dict(key)["model"]: dict(key)["state"]
        for name, key in metrics
        if name == "inference_model_state"
    }
    expected = dict.fromkeys(("cheap", "threaded", "authored", "forest"), "ready")
    assert expected | {"corrupt": "quarantined"} == {
        name: state for name, state in states.items() if name != "twin"
    }
    assert value(metrics, "inference_model_active_version", model="forest") == 1
    assert ("inference_model_active_version", (("model", "corrupt"),)) not in metrics
    service.client.post("/v2/repository/models/authored/unload").raise_for_status()
    metrics = read(service)
    assert value(metrics, "inference_model_state", model="authored", state="unloaded") == 1
    assert ("inference_model_active_version", (("model", "authored"),)) not in metrics
    service.client.post("/v2/repository/models/authored/load").raise_for_status()


@pytest.mark.parametrize("name", ["cheap", "threaded", "forest"])
def test_predicted_classes_are_counted_on_every_route(service: Service, name: str) -> None:
    """One record, a list of them, and tensors, on the loop and in a thread."""
    client = service.client
    before = read(service)
    label = client.post(f"/models/{name}/predict", json=GOOD).json()["label"]
    client.post(f"/models/{name}/predict", json=[GOOD] * 5).raise_for_status()
    (wanted,) = client.get(f"/v2/models/{name}").json()["inputs"]
    values = [GOOD[feature] for feature in client.get(f"/models/{name}").json()["features"]]
    row = {**wanted, "shape": [1, 4], "data": [values]}
    client.post(f"/v2/models/{name}/infer", json={"inputs": [row]}).raise_for_status()
    assert client.post(f"/models/{name}/predict", content=b"{").status_code == 400  # is not counted
    after = read(service)
    of = {"model": name, "version": "1"}
    counts = {
        species: value(after, "inference_predicted_labels_total", label=species, **of)
        - value(before, "inference_predicted_labels_total", label=species, **of)
        for species in SPECIES
    }
    assert counts == dict.fromkeys(SPECIES, 0) | {label: 7}


def test_values_out_of_range_are_counted_by_feature(service: Service) -> None:
    before = read(service)
    far = GOOD | {"body_mass_g": 99_999.0}
    for body in (far, [far, GOOD, far | {"bill_length_mm": 999.0}]):
        assert service.client.post("/models/cheap/predict", json=body).json()["warnings"]
    after = read(service)
    counts = [
        value(after, "inference_out_of_range_values_total", feature=feature, **of)
        - value(before, "inference_out_of_range_values_total", feature=feature, **of)
        for of in ({"model": "cheap", "version": "1"},)
        for feature in MEASUREMENTS
    ]
    assert dict(zip(MEASUREMENTS, counts, strict=True)) == {
        "bill_length_mm": 1, "bill_depth_mm": 0, "flipper_length_mm": 0, "body_mass_g": 3,
    }  # fmt: skip


def test_no_metric_shows_which_process_answered(service: Service) -> None:
    assert not any("pid" in name for name, _ in read(service))


def test_events_of_the_repository_are_counted(service: Service) -> None:
    metrics = read(service)
    assert value(metrics, "inference_models", state="ready") == 4
    assert value(metrics, "inference_models", state="quarantined") == 1
    assert value(metrics, "inference_swaps_total", model="cheap") == 1
    assert value(metrics, "inference_quarantines_total", model="corrupt") == 1
    assert value(metrics, "inference_load_duration_seconds_count", model="forest") == 1
    assert value(metrics, "inference_admission_duration_seconds_count", verdict="admitted") == 4
    changes = [read(service)]
    service.client.post("/select-model/?model=cheap")
    service.client.post("/select-model/?model=forest")
    changes.append(read(service))
    chosen = [value(m, "inference_choices_total", change="selection") for m in changes]
    assert chosen[1] - chosen[0] == 2
    assert value(metrics, "process_resident_memory_bytes") > 0


def test_aliases_agree_with_our_own_names(service: Service) -> None:
    service.client.post("/models/cheap/predict", json=GOOD)
    service.client.post("/models/cheap/predict", json={})
    metrics = read(service)
    of = {"model": "cheap", "version": "1"}
    ours = {
        status: sum(
            count
            for (name, labels), count in metrics.items()
            if name == "inference_requests_total"
            and {**of, "status": status}.items() <= dict(labels).items()
        )
        for status in ("200", "422", "400")
    }
    assert value(metrics, "nv_inference_request_success", **of) == ours["200"]
    assert value(metrics, "nv_inference_request_failure", **of) == ours["422"] + ours["400"]
    assert value(metrics, "nv_inference_count", **of) == value(
        metrics, "inference_batch_rows_sum", **of
    )
    assert value(metrics, "request_predict_seconds_count", model_name="cheap") == ours["200"]


def test_aliases_are_off_by_default(make_service: Callable[..., Service]) -> None:
    service = make_service().start()
    assert not any("nv_" in name or "predict_sec" in name for name, _ in read(service))


def plan(service: Service, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = service.client.get(f"/models/{name}").json()["plan"]
    return shown


def test_the_plan_is_shown_with_the_costs_behind_it(service: Service) -> None:
    cheap = plan(service, "cheap")
    assert cheap["mode"] == "inline"
    assert cheap["max_batch_rows"] == 1
    assert cheap["inline_rows"] in {1, 8, 32, 128}
    assert cheap["threads"] == 1
    assert set(cheap["cost_us"]) == {"1", "8", "32", "128"}
    assert all(cost > 0 for cost in cheap["cost_us"].values())


def test_setting_and_contract_change_the_plan(service: Service) -> None:
    authored = plan(service, "authored")
    assert (authored["mode"], authored["inline_rows"]) == ("thread", 0)
    assert authored["max_batch_rows"] == 7
    threaded = plan(service, "threaded")
    assert threaded["mode"] == "thread"
    assert threaded["threads"] < 64  # no more than the machine grants


def test_every_plan_gives_the_same_answer(service: Service) -> None:
    service.put("twin/1/model.onnx", penguins(seed=1, note="runs inline"))
    service.wait_for("twin", state="ready")
    answers = [
        service.client.post(f"/models/{name}/predict", json=GOOD).json()
        for name in ("threaded", "twin")
    ]
    assert answers[0]["probabilities"] == answers[1]["probabilities"]
