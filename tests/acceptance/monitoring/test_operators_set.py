"""The files of deploy/monitoring: rules by promtool, the dashboard's queries by a Prometheus."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from inference.model.contract import Metrics, Training
from inference.telemetry.traffic import LEFT_OUT
from service.monitoring.test_drift import rows_like_training, watched_model
from support.models.artifacts import (
    MEASUREMENTS,
    SPECIES,
    classifier_graph,
    contract,
    measurements,
    penguins,
    regressor,
    with_contract,
)
from support.project import ROOT
from support.service.fast_requests import PLANS
from support.service.ports import free_port
from support.service.process import Service, eventually
from support.service.raw_http import Raw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

FOLDER = ROOT / "deploy" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana/dashboards/rookery.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]] + [
    (a["name"], a["expr"]) for a in DASHBOARD["annotations"]["list"] if "expr" in a
]
GOOD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))
# Series that exist only with keys, or when something is lost.
ABSENT = re.compile(
    r"inference_(key_requests|monitoring_dropped|prediction_log_lost|log_lines_dropped|traces)"
)
METRIC = re.compile(r"\b(?:inference|process)_[a-z0-9_]+|\bup\b")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def find(command: str) -> str:
    found = shutil.which(command)
    if found is None:
        pytest.skip(f"{command} is not installed (Debian: apt-get install prometheus)")
    return found


def test_configuration_and_rules_are_valid(tmp_path: Path) -> None:
    promtool = find("promtool")
    shutil.copytree(FOLDER, tmp_path / "monitoring")
    for what, file in (("config", "prometheus.yml"), ("rules", "rules/rookery.yml")):
        done = run(promtool, "check", what, str(tmp_path / "monitoring" / file))
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_that_passes() -> None:
    done = run(find("promtool"), "test", "rules", str(FOLDER / "rules/tests.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    alerts = set(re.findall(r"- alert: (\w+)", (FOLDER / "rules/rookery.yml").read_text()))
    tested = (FOLDER / "rules/tests.yml").read_text()
    fired = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n\s+- exp_labels", tested))
    assert fired == alerts


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Scrape a service that is used and abused, every second."""
    prometheus = find("prometheus")
    root = tmp_path_factory.mktemp("monitoring")
    with Service(
        root, workers=2, rescan_seconds=0.2, plans=PLANS, prediction_log=root / "log"
    ) as service:
        _start(service)
        address = f"127.0.0.1:{free_port()}"
        configuration = (FOLDER / "prometheus.yml").read_text()
        target = str(service.client.base_url).removeprefix("http://").rstrip("/")
        for before, after in (
            ("api:8000", target),
            ("5s", "500ms"),
            ("rules/", f"{FOLDER}/rules/"),
        ):
            assert before in configuration
            configuration = configuration.replace(before, after)
        (root / "prometheus.yml").write_text(configuration)
        log = (root / "prometheus.log").open("wb")
        process = subprocess.Popen(
            [
                prometheus,
                f"--config.file={root / 'prometheus.yml'}",
                f"--storage.tsdb.path={root / 'data'}",
                f"--web.listen-address={address}",
                "--enable-feature=exemplar-storage",
            ],
            stderr=log,
        )
        log.close()
        try:
            with httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=20) as client:
                eventually(lambda: _is_scraped(client), within=60, what="a scrape")
                _use(service, client)
                yield client
        finally:
            process.terminate()
            process.wait(20)


def _start(service: Service) -> None:
    """Start with models of each kind, one of which has a shadow."""
    service.put("penguins/1/model.onnx", penguins())
    service.put("threaded/1/model.onnx", penguins(seed=1))
    service.put("known/1/model.onnx", _with_figures())
    for number in (1, 2):
        service.put(f"watched/{number}/model.onnx", watched_model(7 * number))
    service.put("sums/1/model.onnx", regressor())
    service.start()
    service.client.put("/models/watched/active", json={"version": 1}).raise_for_status()
    service.client.put("/models/watched/traffic", json={"shadow": 2}).raise_for_status()


def _with_figures() -> bytes:
    """Make a model whose contract says how it did on held-out data."""
    training = Training(
        9,
        "0" * 64,
        "2026-01-01T00:00:00+00:00",
        {},
        "Linear()",
        metrics=Metrics(9, accuracy=0.9, root_mean_squared_error=2.0),
    )
    described = contract(measurements(), SPECIES, training=training)
    return with_contract(classifier_graph(SPECIES), described)


def _is_scraped(client: httpx.Client) -> bool:
    try:
        is_ready = client.get("/-/ready").status_code == 200
    except httpx.HTTPError:
        return False
    return is_ready and bool(ask(client, "inference_build_info"))


def _use(service: Service, client: httpx.Client) -> None:
    """Do what every panel shows, in two rounds, so that each series has two values that differ."""
    for number in (1, 2):
        for path in ("/models/penguins/predict", "/models/threaded/predict"):
            for body in (GOOD, [GOOD] * 9, GOOD | {"body_mass_g": 99_999.0}, {}):
                service.client.post(path, json=body)
        service.client.post("/models/none/predict", json=GOOD)
        service.put(f"penguins/{number + 1}/model.onnx", penguins(note=str(number)))
        service.wait_for("penguins", active_version=number + 1)
        service.put(f"broken/{number}/model.onnx", b"no model" * number)
        eventually(lambda n=number: len(service.model("broken").get("quarantined", ())) == n)
        with Raw(str(service.client.base_url)) as raw:
            assert raw.ask(b"nonsense\r\n\r\n").status == 400
        os.kill(service.worker_pids[0], signal.SIGKILL)
        counted = f"sum(inference_worker_restarts_total) >= {number}"
        eventually(lambda counted=counted: ask(client, counted), within=60, what="a restart")
        _watch(service, client)


def _watch(service: Service, client: httpx.Client) -> None:
    """Let rows be compared with the training data, a truth and a shadow."""
    served = ask(client, 'sum(inference_shadow_rows_total{outcome="answered"})')
    before = float(served[0]["value"][1]) if served else 0.0
    service.client.post("/models/watched/predict", json=rows_like_training(400)).raise_for_status()
    for name, truth in (("watched", SPECIES[0]), ("sums", 1.0)):
        answer = service.client.post(f"/models/{name}/predict", json=GOOD)
        sent = {"request_id": answer.headers["x-request-id"], "truth": truth}
        assert service.client.post("/feedback", json=sent).json()["accepted"] == 1
    for _ in range(40):  # one of some requests is timed
        service.client.post("/models/watched/predict", json=GOOD).raise_for_status()
    for query in (
        f'sum(inference_shadow_rows_total{{outcome="answered"}}) > {before}',
        "inference_shadow_run_duration_seconds_count > 0",
        "inference_feature_psi",
        "inference_live_accuracy",
        "inference_live_root_mean_squared_error",
        "rate(inference_feedback_rows_total[1m])",
    ):
        eventually(lambda query=query: ask(client, query), within=60, what=query)


def ask(client: httpx.Client, query: str) -> list[Any]:
    answer = client.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, (query, answer.text)
    result: list[Any] = answer.json()["data"]["result"]
    return result


def test_no_query_of_the_dashboard_is_empty(prometheus: httpx.Client) -> None:
    empty = []
    for title, expression in QUERIES:
        query = expression.replace("$__rate_interval", "1m").replace("$model", ".*")
        if not ask(prometheus, query) and not ABSENT.search(query):
            empty.append((title, query))
    assert empty == []
    models = prometheus.get(
        "/api/v1/label/model/values", params={"match[]": "inference_model_state"}
    )
    assert {"penguins", "threaded"} <= set(models.json()["data"])


def test_prometheus_takes_the_rules(prometheus: httpx.Client) -> None:
    groups = prometheus.get("/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == (FOLDER / "rules/rookery.yml").read_text().count("- alert:")
    assert {rule["lastError"] for rule in rules if "lastError" in rule} <= {""}


def test_the_dashboard_and_the_rules_name_metrics_that_exist() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    known = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) | {"up"}
    text = " ".join(expression for _, expression in QUERIES)
    rules = (FOLDER / "rules/rookery.yml").read_text()
    text += " ".join(re.findall(r"expr: (.*?)\n(?: +for:| +labels:)", rules, re.DOTALL))
    named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in METRIC.findall(text)}
    assert named - known == set()
    assert len(named & known) > 20


def test_rules_and_panels_leave_out_the_routes_that_the_pages_leave_out() -> None:
    text = (FOLDER / "rules/rookery.yml").read_text()
    text += " ".join(expression for _, expression in QUERIES)
    assert {frozenset(found.split("|")) for found in re.findall(r'route!~"(.+?)"', text)} == {
        LEFT_OUT
    }


def test_lines_that_are_called_dashed_are_dashed() -> None:
    dashed = [panel for panel in PANELS if "dashed" in panel["description"]]
    assert dashed
    for panel in dashed:
        (override,) = panel["fieldConfig"]["overrides"]
        (style,) = override["properties"]
        assert (style["id"], style["value"]["fill"]) == ("custom.lineStyle", "dash")
        pattern = override["matcher"]["options"].strip("/")
        assert [bool(re.search(pattern, t["legendFormat"])) for t in panel["targets"]] == [
            False,
            True,
        ]


def test_panels_have_a_description_a_unit_and_places_of_their_own() -> None:
    places = set()
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                assert (x, y) not in places, panel["title"]
                places.add((x, y))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in PANELS:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["multi"], variable["includeAll"]) == ("model", True, True)
