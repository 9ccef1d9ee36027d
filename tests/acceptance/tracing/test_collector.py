"""Whatever the collector does, requests are answered, and every trace is accounted for."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from support.models.artifacts import MEASUREMENTS, penguins
from support.service.process import eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.monitoring.otlp_receiver import OtlpReceiver
    from support.service.process import Service

pytestmark = pytest.mark.long

GOOD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))
BODY = json.dumps(GOOD).encode()
PATH = "/models/m/predict"
OPEN_METRICS = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}


def filled(service: Service) -> Service:
    service.put("m/1/model.onnx", penguins())
    return service.start()


def predict(service: Service, count: int) -> list[str]:
    """Ask so many times; return the traces that the answers name."""
    with Raw(str(service.client.base_url)) as raw:
        answers = [raw.ask(request(PATH, BODY)) for _ in range(count)]
    assert {answer.status for answer in answers} == {200}
    return [str(answer.headers["traceresponse"]).split("-")[1] for answer in answers]


def outcomes(service: Service) -> dict[str, int]:
    text = service.client.get("/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("inference_traces_total{")]
    return {line.split('"')[1]: int(float(line.split()[-1])) for line in lines}


def test_what_was_answered_arrives_whole(
    make_traced: Callable[..., Service], collector: OtlpReceiver
) -> None:
    service = filled(make_traced())
    traces = predict(service, 1500)
    eventually(lambda: outcomes(service) == {"exported": 1500, "dropped": 0, "failed": 0})
    assert len(collector.spans) == 4 * 1500
    assert {span.trace_id for span in collector.spans} == set(traces)


def test_what_waits_is_sent_before_the_service_ends(
    make_traced: Callable[..., Service], collector: OtlpReceiver
) -> None:
    service = filled(make_traced(OTEL_BSP_SCHEDULE_DELAY=3_600_000))
    traces = predict(service, 10)
    assert not collector.spans
    assert service.stop() == 0
    assert {span.trace_id for span in collector.spans} == set(traces)


def test_a_collector_that_is_away_costs_nothing_but_traces(
    make_traced: Callable[..., Service],
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        service = filled(
            make_traced(
                OTEL_EXPORTER_OTLP_ENDPOINT=address,
                OTEL_EXPORTER_OTLP_TIMEOUT=3,  # long enough for a second attempt
                OTEL_BSP_MAX_QUEUE_SIZE=100,
                OTEL_BSP_MAX_EXPORT_BATCH_SIZE=50,
            )
        )
        predict(service, 800)
        eventually(lambda: sum(outcomes(service).values()) == 800, within=60)
        counted = outcomes(service)
        assert counted["exported"] == 0
        assert counted["dropped"] >= 200
        assert counted["failed"] >= 50
        lost = "traces were lost"  # the line comes behind the count
        eventually(lambda: lost in service.log, what=lost)
        (line,) = [line for line in service.log.splitlines() if lost in line]
        assert "the collector did not take them: " in line
        assert "Connection refused" in line or "due to timeout" in line  # on a busy machine
        assert "Traceback" not in service.log
        predict(service, 60)
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 15


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_collector_that_refuses_is_quoted_in_the_log(
    make_traced: Callable[..., Service], collector: OtlpReceiver, status: int
) -> None:
    collector.status = status
    # Three at a time, however long this process pauses between them.
    together = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 3, "OTEL_BSP_SCHEDULE_DELAY": 3_600_000}
    service = filled(make_traced(**together))
    predict(service, 3)
    eventually(lambda: outcomes(service)["failed"] == 3)
    lost = "3 traces were lost, because the collector did not take them"
    eventually(lambda: lost in service.log, what="a line behind the count")
    assert str(status) in service.log.partition("did not take them")[2]
    collector.status = 200
    predict(service, 3)
    eventually(lambda: outcomes(service) == {"exported": 3, "dropped": 0, "failed": 3})


@pytest.mark.parametrize("state", ["=secret", "a=" + "b" * 600, "a=1," * 40, ";;", "a=1,a=2"])
def test_a_wrong_tracestate_is_left_out_and_not_logged(
    make_traced: Callable[..., Service], state: str
) -> None:
    service = filled(make_traced())
    parent = f"00-{7:032x}-b7ad6b7169203331-01"
    headers = {"traceparent": parent, "tracestate": state}
    answer = service.client.post(PATH, json=GOOD, headers=headers)
    assert answer.status_code == 200
    eventually(lambda: outcomes(service)["exported"] == 1)
    assert "WARNING" not in service.log, service.log


def test_one_that_is_silent_is_given_up(make_traced: Callable[..., Service]) -> None:
    """It takes the connection, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        service = filled(
            make_traced(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_EXPORTER_OTLP_TIMEOUT=0.5)
        )
        predict(service, 5)
        eventually(lambda: outcomes(service)["failed"] == 5, within=30)


def test_the_standard_variables_reach_the_exporter(
    make_traced: Callable[..., Service], collector: OtlpReceiver
) -> None:
    service = filled(
        make_traced(
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/elsewhere",
            OTEL_EXPORTER_OTLP_HEADERS="x-tenant=one",
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
            OTEL_SERVICE_NAME="penguins-api",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,service.version=7",
        )
    )
    predict(service, 1)
    eventually(lambda: len(collector.spans) == 4)
    path, headers = collector.requests[0]
    assert (path, headers["x-tenant"], headers["content-encoding"]) == ("/elsewhere", "one", "gzip")
    resource = collector.spans[0].resource
    assert resource["service.name"] == "penguins-api"
    assert (resource["deployment.environment.name"], resource["service.version"]) == ("test", "7")


def test_opentelemetry_s_own_switch_disables_it(
    make_traced: Callable[..., Service], collector: OtlpReceiver
) -> None:
    service = filled(make_traced(OTEL_SDK_DISABLED="true"))
    assert "traceresponse" not in service.client.post(PATH, json=GOOD).headers
    assert outcomes(service) == {}
    assert not collector.requests


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OTEL_TRACES_SAMPLER", "some", "OTEL_TRACES_SAMPLER=some is not known: use one of"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "is not supported: use http/protobuf"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "OTEL_BSP_MAX_QUEUE_SIZE=0 is not a positive integer"),
    ],
)
def test_an_invalid_variable_stops_the_start(
    make_traced: Callable[..., Service], name: str, value: str, message: str
) -> None:
    service = make_traced(**{name: value})
    assert service.run().wait(60) != 0
    assert message in service.log


def test_lines_of_the_log_name_the_trace(make_traced: Callable[..., Service]) -> None:
    service = filled(make_traced(log_format="json", log_requests=True))
    traces = predict(service, 3)
    service.client.get("/readyz")
    service.client.post("/select-model/?model=m").raise_for_status()

    def lines_to_the_last() -> list[dict[str, Any]]:
        whole, _, _ = service.log.rpartition("\n")  # the last line may still be written
        found = [json.loads(line) for line in whole.splitlines()]
        return found if any(line.get("path") == "/select-model/" for line in found) else []

    lines = eventually(lines_to_the_last, what="the line of the last request")
    asked = [line for line in lines if line.get("path") == PATH]
    assert [line["trace_id"] for line in asked] == traces
    assert all(len(line["span_id"]) == 16 for line in asked)
    # What is logged during a request, too, and nothing is left behind for a probe.
    (choice,) = [line for line in lines if line.get("event") == "choice"]
    assert choice["trace_id"] not in traces
    assert not any("trace_id" in line for line in lines if line.get("path") == "/readyz")


def test_text_lines_name_the_trace(make_traced: Callable[..., Service]) -> None:
    service = filled(make_traced(log_requests=True))
    (trace,) = predict(service, 1)
    eventually(lambda: f"trace_id {trace}, span_id " in service.log)


def test_a_scraper_of_openmetrics_gets_exemplars(make_traced: Callable[..., Service]) -> None:
    service = filled(make_traced())
    traces = predict(service, 20)
    plain = service.client.get("/metrics")
    answer = service.client.get("/metrics", headers=OPEN_METRICS)
    assert plain.headers["content-type"].startswith("text/plain")
    assert " # {" not in plain.text
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found: list[tuple[float, Any]] = []
    for family in text_string_to_metric_families(answer.text):  # refuses what is not in a bucket
        found += [
            (float(sample.labels["le"]), sample.exemplar)
            for sample in family.samples
            if sample.exemplar and sample.labels.get("model") == "m"
        ]
    assert found
    for bound, exemplar in found:
        assert exemplar.labels["trace_id"] in traces
        assert exemplar.value <= bound
        assert abs(float(exemplar.timestamp) - time.time()) < 60
