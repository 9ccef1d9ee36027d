"""The number of the operator's choices in the headers of real services with workers and keys."""

from __future__ import annotations

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from inference.access.api_key import make_key
from support.models.artifacts import MEASUREMENTS, penguins
from support.openapi_answers import statuses
from support.service.process import Service, eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORD = dict(zip(MEASUREMENTS, [39.1, 18.7, 181.0, 3750.0], strict=True))
INFER = {
    "inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [39.1, 18.7, 181, 3750]}]
}
READS = [
    ("GET", "/models", None),
    ("GET", "/models/penguins", None),
    ("GET", "/models/penguins/traffic", None),
    ("GET", "/v2/models", None),
    ("GET", "/v2/models/penguins/ready", None),
    ("POST", "/v2/repository/index", {}),
    ("GET", "/models/nothing", None),
    ("POST", "/models/penguins/predict", RECORD),
    ("POST", "/models/penguins/predict", [RECORD] * 2000),
    ("POST", "/models/nothing/predict", RECORD),
    ("POST", "/v2/models/penguins/infer", INFER),
    ("POST", "/invocations", {"dataframe_records": [RECORD]}),
    ("POST", "/v1/models/penguins:predict", {"instances": [RECORD]}),
    ("POST", "/models/penguins/explain", RECORD),
]


def place(service: Service) -> Service:
    for version in (1, 2):
        service.put(f"penguins/{version}/model.onnx", penguins())
    return service


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bucket")


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory, bucket: Path
) -> Iterator[tuple[Service, Service]]:
    """Two replicas: with two workers, and one without the direct protocol."""
    root = tmp_path_factory.mktemp("replicas")
    shared: dict[str, Any] = {"state_url": f"file://{bucket}", "state_seconds": 0.2}
    one = Service(root / "one", workers=2, **shared)
    two = Service(root / "two", direct="false", **shared)
    with contextlib.ExitStack() as stack:
        for service in (one, two):
            place(stack.enter_context(service)).start()
        yield one, two


@pytest.fixture
def replicas(started: tuple[Service, Service]) -> tuple[Service, Service]:
    """Give the replicas once both know all choices of the tests before."""
    settle(started)
    return started


def settle(replicas: tuple[Service, Service]) -> None:
    """Wait until the replica that is behind, if one is, knows the newest choices, too."""

    def known() -> list[int]:
        return [number(replica.client.get("/models")) for replica in replicas]

    newest = max(known())
    eventually(lambda: known() == [newest] * 2, what=f"both know number {newest}")


def pin(service: Service, version: int, **headers: str) -> int:
    answer = service.client.put(
        "/models/penguins/active", json={"version": version}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return number(answer)


def number(answer: httpx.Response) -> int:
    values = answer.headers.get_list("rookery-state")
    assert len(values) == 1, answer.headers
    return int(values[0])


def ask(service: Service, method: str, path: str, body: Any, wanted: object) -> httpx.Response:
    headers = {"rookery-state-min": str(wanted)}
    return service.client.request(method, path, json=body, headers=headers)


@pytest.mark.parametrize(("method", "path", "body"), READS, ids=lambda value: str(value)[:40])
def test_every_answer_has_the_number_and_one_that_is_known_is_not_waited_for(
    replicas: tuple[Service, Service], method: str, path: str, body: object
) -> None:
    if not number(replicas[0].client.get("/models")):
        pin(replicas[0], 1)
        settle(replicas)
    for replica in replicas:
        plain = replica.client.request(method, path, json=body)
        known = number(plain)
        assert known >= 1
        for wanted in (0, known - 1, known):
            answer = ask(replica, method, path, body, wanted)
            assert (answer.status_code, number(answer)) == (plain.status_code, known)


def test_a_change_has_the_number_that_is_then_demanded_of_another_replica(
    replicas: tuple[Service, Service],
) -> None:
    before = number(replicas[1].client.get("/models"))
    for step in range(1, 7):
        version = step % 2 + 1
        committed = pin(replicas[step % 2], version)
        assert committed == before + step
        for path in ("/models/penguins/predict",) * 4:
            answer = ask(replicas[(step + 1) % 2], "POST", path, RECORD, committed)
            assert (answer.json()["version"], number(answer)) == (version, committed)


@pytest.mark.parametrize("which", [0, 1])
def test_the_next_number_is_waited_for(replicas: tuple[Service, Service], which: int) -> None:
    replica, other = replicas[which], replicas[1 - which]
    version = 1 + replica.model("penguins")["active_version"] % 2
    known = number(replica.client.get("/models"))
    with ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(ask, replica, "POST", "/models/penguins/predict", RECORD, known + 1)
            for _ in range(6)
        ]
        asked.append(threads.submit(ask, replica, "GET", "/models/penguins", None, known + 1))
        pin(other, version)
        answers = [one.result() for one in asked]
    assert {number(answer) for answer in answers} == {known + 1}
    assert {answer.json()["version"] for answer in answers[:6]} == {version}
    assert answers[6].json()["active_version"] == version


def test_all_workers_name_the_new_number_from_the_change_on(
    replicas: tuple[Service, Service],
) -> None:
    for step in range(4):
        committed = pin(replicas[0], step % 2 + 1)
        for _ in range(12):  # of which the kernel gives some to each worker
            url = replicas[0].client.base_url
            with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
                for _ in range(3):  # the first, a cached and a known head
                    answer = client.post("/models/penguins/predict", json=RECORD)
                    assert (answer.json()["version"], number(answer)) == (step % 2 + 1, committed)


@pytest.mark.parametrize("which", [0, 1])
def test_a_number_that_never_comes_is_503_in_the_form_of_the_route(
    replicas: tuple[Service, Service], which: int
) -> None:
    replica = replicas[which]
    known = number(replica.client.get("/models"))
    begun = time.monotonic()
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/models", None),
        ("POST", "/models/penguins/predict", RECORD),
        ("POST", "/v2/models/penguins/infer", INFER),
    ]
    with ThreadPoolExecutor(3) as threads:
        answers = [
            *threads.map(lambda one: ask(replica, one[0], one[1], one[2], known + 1000), asked)
        ]
    assert 5.2 <= time.monotonic() - begun < 25
    assert [answer.status_code for answer in answers] == [503] * 3
    assert [answer.headers["retry-after"] for answer in answers] == ["1"] * 3
    texts = [answers[0].json()["detail"], answers[1].json()["detail"], answers[2].json()["error"]]
    for text in texts:
        assert f"up to number {known}, " in text
        assert f"for {known + 1000} (Rookery-State-Min)" in text
    assert replica.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "", "99999999999999999999", "1, 2"])
def test_what_is_no_number_is_400(replicas: tuple[Service, Service], value: str) -> None:
    for replica in replicas:
        for method, path, body in READS:
            answer = ask(replica, method, path, body, value)
            assert answer.status_code == 400, answer.text
            assert "such as Rookery-State-Min: 7" in answer.text


def test_a_known_head_is_not_taken_for_one_that_demands_a_number(
    replicas: tuple[Service, Service],
) -> None:
    body = json.dumps(RECORD).encode()
    path = "/models/penguins/predict"
    with Raw(str(replicas[0].client.base_url)) as connection:
        for header, status in (
            ("A: 0", 200),
            ("A: 0", 200),
            ("A: 1", 200),
            ("A: 2", 200),
            ("Rookery-State-Min: x", 400),
            ("Rookery-State-Min: 0", 200),
            ("rOOKERY-sTATE-mIN: x", 400),
            ("A: 3", 200),
        ):
            answer = connection.ask(request(path, body, header))
            assert answer.status == status, header
            assert (answer.headers["rookery-state"] is None) == (status == 400)


def test_the_document_describes_both_headers_where_they_work(
    replicas: tuple[Service, Service],
) -> None:
    document = replicas[0].client.get("/openapi.json").json()
    wanted = {"$ref": "#/components/parameters/Rookery-State-Min"}
    assert document["components"]["parameters"]["Rookery-State-Min"]["in"] == "header"
    for method, path in (
        ("get", "/models"),
        ("put", "/models/{name}/active"),
        ("post", "/models/penguins/predict"),
        ("post", "/models/{name}/predict"),
        ("post", "/v2/repository/models/{model_name}/load"),
        ("post", "/invocations"),
    ):
        operation = document["paths"][path][method]
        assert wanted in operation["parameters"]
        assert "Rookery-State" in operation["responses"]["200"]["headers"]
        assert {400, 503} <= statuses(operation)
    for path in ("/healthz", "/readyz", "/v2/health/live"):
        assert "parameters" not in document["paths"][path]["get"]


def test_probes_and_documentation_have_no_number(replicas: tuple[Service, Service]) -> None:
    for path in ("/healthz", "/readyz", "/docs", "/v2/health/ready"):
        answer = ask(replicas[0], "GET", path, None, "x")
        assert answer.status_code == 200
        assert "rookery-state" not in answer.headers


def test_a_caller_without_a_key_neither_waits_nor_learns_the_number(
    tmp_path: Path, bucket: Path
) -> None:
    made = {scope: make_key(scope, [scope]) for scope in ("predict", "admin")}
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{line}\n" for _, line in made.values()))
    with Service(
        tmp_path, api_keys_file=keys, state_url=f"file://{bucket}", state_seconds=0.2
    ) as service:
        place(service).start()
        for method, path, body in READS:
            answer = ask(service, method, path, body, 10**9)
            assert answer.status_code == 401
            assert "rookery-state" not in answer.headers
        predict = {"authorization": f"Bearer {made['predict'][0]}"}
        answer = service.client.post("/models/penguins/predict", json=RECORD, headers=predict)
        known = number(answer)
        again = service.client.post(
            "/models/penguins/predict",
            json=RECORD,
            headers=predict | {"rookery-state-min": str(known)},
        )
        assert number(again) == known
        admin = {"authorization": f"Bearer {made['admin'][0]}"}
        changed = service.client.post("/select-model/?model=penguins", headers=admin)
        assert number(changed) in (known, known + 1)


def test_without_a_bucket_both_headers_do_nothing(service: Service) -> None:
    place(service)
    service.wait_for("penguins", active_version=2)
    assert "Rookery-State" not in service.client.get("/openapi.json").text
    for method, path, body in READS:
        answer = ask(service, method, path, body, "x")
        assert answer.status_code != 400, answer.text
        assert "rookery-state" not in answer.headers
