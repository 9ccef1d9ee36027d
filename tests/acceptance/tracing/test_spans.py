"""The spans that a collector gets of requests over HTTP."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import MEASUREMENTS, penguins
from support.models.hostile_models import busy
from support.service.fast_requests import PLANS, SLOW, TENSOR
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.monitoring.otlp_receiver import OtlpReceiver, Received
    from support.service.process import Service

ROW = [39.1, 18.7, 181.0, 3750.0]
GOOD = dict(zip(MEASUREMENTS, ROW, strict=True))
PARENT = "b7ad6b7169203331"
SERVER, ERROR = 2, 2

pytestmark = [
    pytest.mark.parametrize("direct", [True, False], ids=["direct", "asgi"]),
    pytest.mark.long,
]


def traceparent(number: int, flags: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{number:032x}-{PARENT}-{flags}"}


def filled(service: Service) -> Service:
    service.put("penguins/1/model.onnx", penguins(background=[ROW]))
    service.put("threaded/1/model.onnx", penguins(seed=1))
    return service.start()


def check_phases(spans: list[Received], *names: str) -> Received:
    """Check that the phases follow each other within the span of the request."""
    whole, *phases = spans
    assert whole.kind == SERVER
    assert [phase.name for phase in phases] == list(names)
    assert {phase.parent_id for phase in phases} == {whole.span_id}
    times = [whole.begin, *(t for phase in phases for t in (phase.begin, phase.end)), whole.end]
    assert times == sorted(times)
    assert abs(whole.end - time.time_ns()) < 60e9
    return whole


def test_a_prediction_is_a_span_with_its_phases(
    make_traced: Callable[..., Service], collector: OtlpReceiver, *, direct: bool
) -> None:
    service = filled(make_traced(direct=direct, plans=PLANS))
    headers = traceparent(1) | {"tracestate": "one=1,two=2", "user-agent": "tests"}
    answer = service.client.post("/models/penguins/predict", json=GOOD, headers=headers)
    spans = collector.of_trace(f"{1:032x}", 4)
    whole = check_phases(spans, "parse", "infer", "encode")
    assert answer.headers["traceresponse"] == f"00-{1:032x}-{whole.span_id}-01"
    assert (whole.name, whole.parent_id) == ("POST /models/{name}/predict", PARENT)
    assert {span.state for span in spans} == {"one=1,two=2"}
    assert whole.status == 0
    assert whole.attributes == {
        "http.request.method": "POST",
        "http.route": "/models/{name}/predict",
        "http.response.status_code": 200,
        "url.path": "/models/penguins/predict",
        "url.scheme": "http",
        "user_agent.original": "tests",
        "inference.model.name": "penguins",
        "inference.model.version": 1,
        "inference.request_id": answer.headers["x-request-id"],
        "inference.rows": 1,
    }
    assert whole.resource["service.name"] == "rookery"
    path, sent = collector.requests[0]
    assert (path, sent["content-type"]) == ("/v1/traces", "application/x-protobuf")


def test_a_run_in_a_thread_has_waited_for_it(
    make_traced: Callable[..., Service], collector: OtlpReceiver, *, direct: bool
) -> None:
    service = filled(make_traced(direct=direct, plans=PLANS))
    service.client.post("/models/threaded/predict", json=[GOOD] * 3, headers=traceparent(1))
    whole = check_phases(collector.of_trace(f"{1:032x}", 5), "parse", "queue", "infer", "encode")
    assert whole.attributes["inference.rows"] == 3


def test_every_route_has_a_span_with_a_name_of_few_values(
    make_traced: Callable[..., Service], collector: OtlpReceiver, *, direct: bool
) -> None:
    service = filled(make_traced(direct=direct, plans=PLANS))
    client = service.client
    asked: list[tuple[str, str, Any, str, int]] = [
        ("POST", "/models/threaded/predict", GOOD, "POST /models/{name}/predict", 200),
        ("POST", "/models/penguins/versions/1/predict/", GOOD,
         "POST /models/{name}/versions/{version}/predict", 200),
        ("POST", "/predict/", GOOD, "POST /predict", 409),
        ("POST", "/v2/models/penguins/infer", json.loads(TENSOR),
         "POST /v2/models/{name}/infer", 200),
        ("POST", "/v1/models/penguins:predict", {"instances": [GOOD]},
         "POST /v1/models/{name}:predict", 200),
        ("POST", "/v1/models/penguins/versions/1:predict/", {"instances": [GOOD]},
         "POST /v1/models/{name}/versions/{version}:predict", 200),
        ("POST", "/v1/models/penguins:explain", {"instances": [GOOD]},
         "POST /v1/models/{name}:explain", 200),
        ("POST", "/models/no:ne:predict/predict", GOOD, "POST /models/{name}/predict", 404),
        ("POST", "/models/penguins/explain", GOOD, "POST /models/{name}/explain", 200),
        ("POST", "/models/penguins/whatif?feature=body_mass_g", GOOD,
         "POST /models/{name}/whatif", 200),
        ("POST", "/models/penguins/predict", {}, "POST /models/{name}/predict", 422),
        ("POST", "/models/none/predict", GOOD, "POST /models/{name}/predict", 404),
        ("GET", "/models/penguins/predict", None, "GET /models/{name}/predict", 405),
        ("GET", "/models", None, "GET /models", 200),
        ("GET", "/models/penguins", None, "GET /models/{name}", 200),
        ("GET", "/models/none", None, "GET /models/{name}", 404),
        ("PUT", "/models/penguins/active", {"version": 7}, "PUT /models/{name}/active", 404),
        ("GET", "/nothing/at/all", None, "GET", 404),
    ]  # fmt: skip
    for number, (method, path, body, _, status) in enumerate(asked, 1):
        answer = client.request(method, path, json=body, headers=traceparent(number))
        assert answer.status_code == status, answer.text
        assert answer.headers["traceresponse"].startswith(f"00-{number:032x}-")
    for number, (method, path, _, name, status) in enumerate(asked, 1):
        (span,) = collector.wait_for(
            lambda s, number=number: s.trace_id == f"{number:032x}" and s.kind == SERVER
        )
        assert (span.name, span.attributes["http.response.status_code"]) == (name, status)
        assert span.attributes["http.request.method"] == method
        assert span.attributes["url.path"] == path.partition("?")[0]
        assert span.attributes.get("http.route", "") == name.partition(" ")[2]
        assert span.status == 0  # what a caller does wrong is no failure of the server


def test_each_request_of_a_connection_belongs_to_its_own_trace(
    make_traced: Callable[..., Service], collector: OtlpReceiver, *, direct: bool
) -> None:
    """Heads that differ in their values only are not parsed, with and without a ``traceparent``."""
    service = filled(make_traced(direct=direct, plans=PLANS))
    body = json.dumps(GOOD).encode()
    given = [f"{number:032x}" if number % 7 else None for number in range(1, 100)]
    answered = []
    with Raw(str(service.client.base_url)) as raw:
        for trace_id in given:
            headers = [f"traceparent: 00-{trace_id}-{PARENT}-01"] if trace_id else []
            answer = raw.ask(request("/models/penguins/predict", body, *headers))
            answered.append(answer.headers["traceresponse"].split("-"))
    assert len({span for _, _, span, _ in answered}) == len(given)
    for trace_id, (_, trace, span, _) in zip(given, answered, strict=True):
        assert trace_id in {trace, None}
        whole = collector.of_trace(trace, 4)[0]
        assert (whole.span_id, whole.parent_id) == (span, PARENT if trace_id else "")


def test_the_server_s_failures_and_denials_are_told_apart(
    make_traced: Callable[..., Service],
    collector: OtlpReceiver,
    tmp_path: Path,
    *,
    direct: bool,
) -> None:
    _, line = make_key("me", ["predict"])
    (tmp_path / "keys").write_text(line + "\n")
    service = filled(make_traced(direct=direct, api_keys_file=tmp_path / "keys"))
    for number, path in ((1, "/models/penguins/predict"), (2, "/models")):
        answer = service.client.post(path, json=GOOD, headers=traceparent(number))
        assert answer.status_code == 401
        span = collector.of_trace(f"{number:032x}", 1)[0]
        assert (span.attributes["http.response.status_code"], span.status) == (401, 0)


def test_a_failure_of_the_server_is_an_error_of_the_span(
    make_traced: Callable[..., Service], collector: OtlpReceiver, *, direct: bool
) -> None:
    service = make_traced(direct=direct, run_seconds=0.2)
    service.put("busy.onnx", busy())
    service.start()
    answer = service.client.post(SLOW, json=[[1e9]], headers=traceparent(1))
    assert answer.status_code == 504, answer.text
    span = collector.of_trace(f"{1:032x}", 1)[0]
    assert (span.status, span.attributes["error.type"]) == (ERROR, "504")


def test_only_what_is_sampled_is_recorded(
    make_traced: Callable[..., Service], collector: OtlpReceiver, *, direct: bool
) -> None:
    service = filled(make_traced(direct=direct, OTEL_TRACES_SAMPLER="parentbased_always_off"))
    path = "/models/penguins/predict"
    own = service.client.post(path, json=GOOD).headers["traceresponse"]
    other = service.client.post(path, json=GOOD, headers=traceparent(1, "00"))
    assert own.endswith("-00")
    assert other.headers["traceresponse"].startswith(f"00-{1:032x}-")
    assert other.headers["traceresponse"].endswith("-00")
    service.client.post(path, json=GOOD, headers=traceparent(2)).raise_for_status()
    collector.of_trace(f"{2:032x}", 4)
    assert {span.trace_id for span in collector.spans} == {f"{2:032x}"}


def test_probes_are_traced_only_for_a_caller_that_traces(
    make_traced: Callable[..., Service], collector: OtlpReceiver, *, direct: bool
) -> None:
    service = make_traced(direct=direct).start()
    for path in ("/healthz", "/readyz", "/metrics"):
        assert "traceresponse" not in service.client.get(path).headers
    service.client.get("/healthz", headers=traceparent(1))
    assert collector.of_trace(f"{1:032x}", 1)[0].attributes["url.path"] == "/healthz"
    assert {span.attributes["url.path"] for span in collector.spans} == {"/healthz"}
