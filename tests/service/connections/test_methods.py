"""HEAD wherever GET is, OPTIONS everywhere: as clients' and proxies' health checks ask."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from support.service.fast_requests import GOOD, HOT, V2, check_prediction, url
from support.service.haproxy import haproxy
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from pathlib import Path

    from support.service.process import Service

READS = (
    "/healthz", "/readyz", "/metrics", "/models", "/models/penguins", "/openapi.json", "/docs",
    "/docs/", "/", "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models",
    "/v2/models/penguins", "/v2/models/penguins/ready", "/v2/models/penguins/config",
    "/v2/models/stats", "/static-offline-docs/swagger-ui.css",
)  # fmt: skip
ALLOWED = {
    "/": "GET, HEAD, OPTIONS",
    "/healthz": "GET, HEAD, OPTIONS",
    "/models/penguins": "GET, HEAD, OPTIONS",
    "/models/penguins/active": "PUT, OPTIONS",
    "/select-model/": "POST, OPTIONS",
    "/select-model": "POST, OPTIONS",
    "/predict/": "POST, OPTIONS",
    "/predict": "POST, OPTIONS",
    HOT: "POST, OPTIONS",
    V2: "POST, OPTIONS",
    "/v2/repository/index": "POST, OPTIONS",
    "/static-offline-docs/swagger-ui.css": "GET, HEAD, OPTIONS",
}
METHODS = {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "TRACE"}
CHANGING = {"etag", "x-request-id", "date", "content-length", "server-timing"}


@pytest.mark.parametrize("path", READS)
def test_head_answers_as_get_does_without_the_body(served: Service, path: str) -> None:
    got = served.client.get(path)
    with Raw(url(served)) as raw:
        headed = raw.send(request(path, method="HEAD")).answer(head=True)
        assert headed.status == got.status_code < 400
        assert {n.lower() for n in headed.headers} == set(got.headers)
        for name, value in got.headers.items():
            if name not in CHANGING:
                assert headed.headers[name] == value
        if path != "/metrics" and not path.endswith("stats"):
            assert headed.headers["content-length"] == got.headers["content-length"]
        check_prediction(raw.ask(request(HOT, GOOD)))  # nothing of a body lies in between


def test_head_is_answered_304_to_who_has_it(served: Service) -> None:
    etag = served.client.get("/models").headers["etag"]
    assert served.client.head("/models", headers={"if-none-match": etag}).status_code == 304


def test_head_of_what_is_not_there_is_404(served: Service) -> None:
    for path in ("/no", "/models/no", "/v2/models/no", "/v2/no"):
        assert served.client.head(path).status_code == 404


@pytest.mark.parametrize(("path", "allowed"), ALLOWED.items())
def test_what_is_allowed_is_told(served: Service, path: str, allowed: str) -> None:
    answer = served.client.options(path)
    assert (answer.status_code, answer.headers["allow"]) == (204, allowed)
    assert "content-length" not in answer.headers
    for method in {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "TRACE"} - {
        *allowed.split(", ")
    }:
        answer = served.client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), method


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("TRACE", "/v2/models", 405),
        ("POST", "/models", 405),
        ("GET", HOT, 405),
        ("POST", "/no", 404),
        ("POST", "/select-model/", 415),
    ],
)
def test_method_is_checked_before_the_coding_of_the_body(
    served: Service, method: str, path: str, status: int
) -> None:
    for coding in ("gzip", "unknown"):
        with Raw(url(served)) as raw:
            asked = request(path, b"x", f"Content-Encoding: {coding}", method=method)
            assert raw.ask(asked).status == status


def test_options_of_what_is_not_there_is_404(served: Service) -> None:
    for path in ("/no", "/v2/no", "/models/penguins/no"):
        answer = served.client.options(path)
        assert answer.status_code == 404
        assert "allow" not in answer.headers


def test_options_of_the_whole_server_is_answered(served: Service) -> None:
    with Raw(url(served)) as raw:
        answer = raw.send(request("*", method="OPTIONS")).answer(head=True)
        assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, POST, PUT, OPTIONS")
        check_prediction(raw.ask(request(HOT, GOOD)))


@pytest.mark.parametrize(
    "check",
    [
        "option httpchk",
        "option httpchk HEAD /readyz",
        "option httpchk GET /readyz",
        "option httpchk\n    http-check send meth HEAD uri /readyz ver HTTP/1.1 hdr Host test",
        "option httpchk\n    http-check send meth OPTIONS uri /predict/ ver HTTP/1.1 hdr Host test",
    ],
)
def test_haproxy_finds_the_service_healthy(served: Service, tmp_path: Path, check: str) -> None:
    with haproxy(tmp_path, url(served), check) as (address, status):
        assert status == "L7OK"
        with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
            for _ in range(5):
                assert client.post(HOT, content=GOOD).status_code == 200


@pytest.mark.parametrize("path", ["/readyz", "/models", "/docs", "/"])
def test_wget_spider_finds_pages(served: Service, path: str) -> None:
    if shutil.which("wget") is None:
        pytest.skip("wget is not installed")
    asked = ["wget", "--no-proxy", "--spider", "--tries=1", url(served).rstrip("/") + path]
    seen = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)
    assert seen.returncode == 0, seen.stderr


@pytest.mark.parametrize(
    "target", ["http://test", "http://test:80", "http://test?a=1", "http://test/"]
)
def test_an_absolute_url_may_have_no_path(served: Service, target: str) -> None:
    with Raw(url(served)) as raw:
        answer = raw.ask(request(target, method="GET"))
        assert (answer.status, answer.headers["location"]) == (307, "/docs")


def test_an_absolute_url_is_as_good_as_a_path(served: Service) -> None:
    with Raw(url(served)) as raw:
        for _ in range(3):
            check_prediction(raw.ask(request(f"http://test{HOT}", GOOD)))
        assert raw.ask(request("http://test/healthz?a=b", method="GET")).status == 200
        assert raw.ask(request("HTTP://test:99/models", method="GET")).status == 200
        assert raw.ask(request("test:99", method="GET")).status == 400
