"""With keys on, every route of every protocol is tried with no key, a wrong one, each scope."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.openapi_answers import statuses
from support.service.keyed_routes import ANY, NOTHING, RECORD, ROUTES
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# A template of the document is tried through one of these.
_SPELT = {"{name}": "m", "{model_name}": "m", "{version}": "1", "{model_version}": "1"}


class Keyed(NamedTuple):
    """A service that needs keys, and keys of all kinds."""

    service: Service
    file: Path
    keys: dict[str, str]

    def ask(self, method: str, path: str, body: object, key: str | None) -> httpx.Response:
        headers = {} if key is None else {"authorization": f"Bearer {self.keys[key]}"}
        return self.service.client.request(method, path, json=body, headers=headers)


def _write(file: Path, **scopes: str) -> dict[str, str]:
    made = {name: make_key(name, asked.split(",")) for name, asked in scopes.items()}
    temporary = file.with_suffix(".tmp")
    temporary.write_text("# keys\n\n" + "".join(f"{line}  # made\n" for _, line in made.values()))
    temporary.replace(file)
    return {name: key for name, (key, _) in made.items()}


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def keyed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keyed]:
    """A service with two models, in either mode."""
    root = tmp_path_factory.mktemp("keyed")
    keys = _write(root / "keys", predict="predict", admin="admin", both="predict,admin")
    keys["wrong"] = "rk_" + "0" * 43
    service = Service(
        root, api_keys_file=root / "keys", direct=request.param, log_lines_per_second=10_000
    )
    for name in ("m", "other"):
        service.put(f"{name}.onnx", penguins())
    service.start()
    service.client.post(
        "/select-model/?model=m", headers={"x-api-key": keys["both"]}
    ).raise_for_status()
    yield Keyed(service, root / "keys", keys)
    service.stop()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} {route[1]}")
@pytest.mark.parametrize("key", [None, "wrong", "predict", "admin", "both"])
def test_each_route_lets_in_who_has_the_scope(
    keyed: Keyed, route: tuple[str, str, object, str], key: str | None
) -> None:
    method, path, body, need = route
    answer = keyed.ask(method, path, body, key)
    known = key not in (None, "wrong")
    if need == NOTHING or (known and (need in (ANY, key) or key == "both")):
        # This file has no background rows.
        refused = (
            (409,)
            if "/explain" in path or path == "/feedback"
            else (400,)
            if ":explain" in path
            else ()
        )
        assert answer.status_code in (200, 307, *refused), answer.text
        return
    assert answer.status_code == (403 if known else 401)
    assert answer.headers["www-authenticate"].startswith('Bearer realm="rookery"')
    assert ("insufficient_scope" in answer.headers["www-authenticate"]) is known
    assert answer.headers["x-request-id"]
    if path.startswith(("/v1", "/v2")):
        assert list(answer.json()) == ["error"]
    elif path in ("/invocations", "/version"):
        assert list(answer.json()) == ["error_code", "message"]
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


def test_a_line_about_a_request_without_a_key_names_no_key(keyed: Keyed) -> None:
    """Connections share a context, in which the key of the last request was set."""
    assert keyed.ask("POST", "/models/m/predict", RECORD, "predict").status_code == 200
    service = keyed.service
    with httpx.Client(base_url=service.client.base_url, timeout=30) as other:
        foreign = {"origin": "http://foreign.example", "sec-fetch-site": "cross-site"}
        refused = other.post("/models/m/predict", json=RECORD, headers=foreign)
    assert refused.status_code == 403
    identity = refused.headers["x-request-id"]
    line = eventually(
        lambda: [text for text in service.log.splitlines() if identity in text],
        what="the refusal is logged",
    )[0]
    assert "key=" not in line
    assert "predict]" not in line


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "POST"])
@pytest.mark.parametrize("path", ["/nothing", "/v2/nothing", "/models/m/predict", "/%2fhealthz"])
def test_who_has_no_key_learns_nothing(keyed: Keyed, method: str, path: str) -> None:
    assert keyed.ask(method, path, None, None).status_code == 401


def test_every_route_is_tried(keyed: Keyed) -> None:
    document = keyed.ask("GET", "/openapi.json", None, "both").json()
    tried = {(method, path.partition("?")[0]) for method, path, _, _ in ROUTES}
    for path, item in document["paths"].items():
        payload = re.sub(r"\{\w+\}", lambda found: _SPELT[found[0]], path)
        for method in item:
            options = {payload, payload.replace("/models/m/", "/models/other/")}
            assert {(method.upper(), option) for option in options} & tried, (method, path)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer {}"},
        {"authorization": "bearer {}"},
        {"x-api-key": "{}"},
        {"authorization": "Basic abc", "x-api-key": "{}"},
    ],
)
def test_a_key_is_taken_from_either_header(keyed: Keyed, headers: dict[str, str]) -> None:
    shown = {name: value.format(keyed.keys["predict"]) for name, value in headers.items()}
    answer = keyed.service.client.post("/predict/", json=RECORD, headers=shown)
    assert answer.status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer x y", "Bearer é", "Bearer " + "x" * 5000])
def test_what_is_no_key_is_refused(keyed: Keyed, value: str) -> None:
    answer = keyed.service.client.post(
        "/predict/", json=RECORD, headers=[(b"authorization", value.encode())]
    )
    assert answer.status_code == 401


def test_a_connection_keeps_no_right(keyed: Keyed) -> None:
    """Each request of a connection is let in or denied by its own key."""
    statuses = [
        keyed.ask("POST", "/predict/", RECORD, key).status_code
        for key in ("predict", None, "admin", "both", "wrong", "predict")
    ]
    assert statuses == [200, 401, 403, 200, 401, 200]


def test_a_large_body_is_refused_before_it_is_read(keyed: Keyed) -> None:
    body = [RECORD] * 3000
    assert keyed.ask("POST", "/predict/", body, None).status_code == 401
    assert keyed.ask("POST", "/predict/", body, "predict").status_code == 200


def test_the_document_tells_of_models_only_to_who_has_a_key(keyed: Keyed) -> None:
    anonymous = keyed.ask("GET", "/openapi.json", None, None)
    assert "bill_length_mm" not in anonymous.text
    assert "/models/m/predict" not in anonymous.json()["paths"]
    document = keyed.ask("GET", "/openapi.json", None, "predict").json()
    assert "/models/m/predict" in document["paths"]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header"}
    assert document["paths"]["/healthz"]["get"]["security"] == []
    for path in ("/predict/", "/models/m/predict", "/v2/models/{model_name}/infer"):
        assert {401, 403, 404, 429} <= statuses(document["paths"][path]["post"])
    assert "Authorize" in anonymous.json()["info"]["description"]


def test_the_log_and_the_metrics_name_the_key_and_never_show_it(keyed: Keyed) -> None:
    keyed.ask("POST", "/predict/", RECORD, "predict")
    keyed.ask("POST", "/predict/", RECORD, "admin")
    keyed.service.client.post("/predict/", headers={"x-request-id": "mine"})
    keyed.ask("POST", "/select-model/?model=other", None, "both")
    keyed.ask("POST", "/select-model/?model=m", None, "both")
    log = keyed.service.log
    assert re.search(r"denied with 403: POST /predict/: .*\(request \S+, key admin\)", log)
    assert re.search(r"denied with 401: POST /predict/: .*\(request mine\)", log)
    assert re.search(r"the selected model changed .*\(request \S+, key both\)", log)
    assert not any(key in log for key in keyed.keys.values())
    metrics = keyed.ask("GET", "/metrics", None, "admin").text
    assert 'inference_key_requests_total{key="predict",outcome="admitted"}' in metrics
    assert 'inference_key_requests_total{key="admin",outcome="403"}' in metrics
    assert 'inference_key_requests_total{key="",outcome="401"}' in metrics


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "outcome"),
    [
        ("POST", "/predict/", {}, b"{}", "admitted"),
        ("PUT", "/predict/", {}, b"{}", "405"),
        ("POST", "/predict/", {"content-encoding": "brotli-2"}, b"{}", "415"),
        ("POST", "/predict/", {"content-encoding": "gzip"}, b"no gzip", "admitted"),
        ("POST", "/predict/", {}, bytes(64 * 1024 * 1024 + 1), "413"),
        ("POST", "/select-model/?model=m", {}, bytes(64 * 1024 + 1), "413"),
        ("POST", "/select-model/?model=m", {"content-encoding": "gzip"}, b"{}", "415"),
        ("POST", "/metrics", {}, b"{}", "admitted"),
        ("GET", "/healthz", {}, b"", ""),
    ],
)
def test_each_request_with_a_key_is_counted_once(
    keyed: Keyed, *, method: str, path: str, headers: dict[str, str], body: bytes, outcome: str
) -> None:
    def counts() -> Counter[str]:
        metrics = keyed.ask("GET", "/metrics", None, "admin").text
        found = re.findall(r'key_requests_total{key="both",outcome="(\w+)"} ([\d.]+)', metrics)
        return Counter({name: int(float(count)) for name, count in found})

    before = counts()
    key = {"authorization": f"Bearer {keyed.keys['both']}"}
    keyed.service.client.request(method, path, content=body, headers=headers | key)
    assert counts() - before == Counter(filter(None, [outcome]))


def test_a_line_of_the_log_cannot_be_forged(keyed: Keyed) -> None:
    keyed.service.client.get("/x%0aFORGED")
    assert "\\nFORGED" in keyed.service.log
    assert "\nFORGED" not in keyed.service.log


@pytest.mark.parametrize("direct", ["true", "false"])
def test_keys_are_replaced_without_a_restart(
    make_service: Callable[..., Service], tmp_path: Path, direct: str
) -> None:
    file = tmp_path / "keys"
    old = _write(file, me="predict,admin")["me"]
    service = make_service(api_keys_file=file, direct=direct)
    service.put("m.onnx", penguins())
    service.start()

    def status(key: str) -> int:
        headers = {"x-api-key": key}
        return service.client.post("/models/m/predict", json=RECORD, headers=headers).status_code

    assert status(old) == 200
    new = _write(file, me="predict,admin")["me"]
    assert (status(old), status(new)) == (401, 200)
    file.write_text("no line of keys")
    assert status(new) == 200
    assert "the previous API keys stay valid" in service.log
    file.unlink()
    assert status(new) == 200
    file.write_text("")
    assert status(new) == 401


@pytest.mark.parametrize("workers", [1, 2])
def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    make_service: Callable[..., Service], tmp_path: Path, workers: int
) -> None:
    file = tmp_path / "keys"
    keys = _write(file, eager="predict", calm="predict")
    service = make_service(
        api_keys_file=file, rate_limit=0.01, rate_burst=20, workers=workers, max_rows=10
    )
    service.put("m.onnx", penguins())
    service.start()

    def ask(key: str, **more: str) -> httpx.Response:
        headers = {"x-api-key": keys[key], **more}
        return service.client.post("/models/m/predict", json=RECORD, headers=headers)

    answers = [ask("eager", connection="close") for _ in range(22)]
    assert [a.status_code for a in answers] == [200] * 20 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 200
    assert answers[-1].json()["title"] == "Too many requests"
    assert ask("calm").status_code == 200
    eventually(lambda: "denied with 429" in service.log)
