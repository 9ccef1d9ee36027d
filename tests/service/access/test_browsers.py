"""Browsers as attackers: pages of other sites that ask a service on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.service.browser import CHANGES, EVIL, READS, RECORD, ask
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.long

KEY, LINE = make_key("page", ["predict", "admin"])


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service on loopback without keys, in either mode."""
    service = Service(tmp_path_factory.mktemp("service"), direct=request.param)
    service.put("m.onnx", penguins())
    service.start()
    service.client.post("/select-model/?model=m").raise_for_status()
    yield service
    service.stop()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "a.b."]
)
@pytest.mark.parametrize("asked", [*CHANGES, *READS, ("GET", "/healthz", None)], ids=lambda r: r[1])
def test_foreign_host_is_refused(
    service: Service, host: str, asked: tuple[str, str, object]
) -> None:
    answer = ask(service, asked, host=host)
    assert answer.status_code == 421
    assert answer.headers["x-request-id"]
    message = answer.json()["error" if asked[1].startswith("/v2") else "detail"]
    assert host in message
    assert "INFERENCE_ALLOWED_HOSTS" in message


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "app.localhost:1",
        "127.0.0.1",
        "127.8.9.1:80",
        "[::1]:8000",
        "[::1]",
        "10.0.0.7",
        "api:8000",
        "h",
    ],
)
def test_loopback_names_addresses_and_names_without_dot_are_answered(
    service: Service, host: str
) -> None:
    for _ in range(2):  # once by the parser, once by the known head
        assert ask(service, ("POST", "/predict/", RECORD), host=host).status_code == 200


def test_long_host_is_shown_in_part(service: Service) -> None:
    answer = ask(service, ("GET", "/models", None), host="a." * 5000)
    assert answer.status_code == 421
    assert len(answer.content) < 1000


@pytest.mark.parametrize("asked", CHANGES, ids=lambda request: request[1])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": EVIL, "sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "http://localhost:3000"},
        {"sec_fetch_site": "nonsense"},
    ],
    ids=str,
)
def test_pages_of_other_sites_change_nothing(
    service: Service, asked: tuple[str, str, object], headers: dict[str, str]
) -> None:
    answer = ask(service, asked, **headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    message = answer.json()["error" if asked[1].startswith("/v2") else "detail"]
    assert "INFERENCE_CORS_ORIGINS" in message
    assert service.client.get("/v2/models/m/ready").status_code == 200


def test_foreign_head_is_refused_each_time(service: Service) -> None:
    statuses = [
        ask(service, ("POST", "/predict/", RECORD), **headers).status_code
        for headers in ({}, {"origin": EVIL}, {}, {"origin": EVIL}, {"host": "evil.example"}, {})
    ]
    assert statuses == [200, 403, 200, 403, 421, 200]


def test_what_the_rules_refuse_is_logged_and_counted(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(log_requests="true", log_format="json").start()
    refused = [
        (ask(service, ("POST", "/predict/", RECORD), host="evil.example"), "/predict/", 421),
        (ask(service, ("POST", "/predict/", RECORD), origin=EVIL), "/predict/", 403),
        (ask(service, ("PUT", "/models/m/active", {}), origin=EVIL), "/models/m/active", 403),
        (ask(service, ("GET", "/models", None), host="evil.example"), "/models", 421),
    ]
    metrics = service.client.get("/metrics").text
    for status in (403, 421):
        counted = [line for line in metrics.splitlines() if f'status="{status}"' in line]
        assert any(
            "duration_seconds_count" in line and 'route="predict"' in line for line in counted
        )
    assert service.stop() == 0
    entries = [json.loads(line) for line in service.log.splitlines()]
    logged = {e["request"]: e for e in entries if e.get("event") == "request"}
    for answer, path, status in refused:
        assert answer.status_code == status
        entry = logged[answer.headers["x-request-id"]]
        assert (entry["path"], entry["status"]) == (path, status)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_own_pages_are_answered(service: Service, scheme: str) -> None:
    own = f"{scheme}://{service.client.base_url.host}:{service.client.base_url.port}"
    for headers in (
        {"origin": own},
        {"sec_fetch_site": "same-origin", "origin": own},
        {"sec_fetch_site": "same-origin", "origin": "https://behind.a.proxy"},
        {"sec_fetch_site": "none"},
    ):
        assert ask(service, ("POST", "/predict/", RECORD), **headers).status_code == 200


@pytest.mark.parametrize("path", ["/models", "/v2", "/predict/"])
def test_no_site_is_allowed_by_default(service: Service, path: str) -> None:
    answer = service.client.options(
        path, headers={"origin": EVIL, "access-control-request-method": "POST"}
    )
    assert not any(name.startswith("access-control-") for name in answer.headers)
    assert (
        "access-control-allow-origin"
        not in service.client.get("/models", headers={"origin": EVIL}).headers
    )


def test_docs_run_their_own_scripts_only(service: Service) -> None:
    answer = service.client.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert service.client.get("/docs/oauth2-redirect").status_code == 404


def test_names_that_the_operator_lists_are_answered(make_service: Callable[..., Service]) -> None:
    service = make_service(allowed_hosts="models.example.com, *.apps.example.com").start()
    asked = ("GET", "/models", None)
    for host, status in (
        ("models.example.com", 200),
        ("Models.Example.COM:443", 200),
        ("x.apps.example.com", 200),
        ("a.b.apps.example.com", 200),
        ("apps.example.com", 421),
        ("evilapps.example.com", 421),
        ("models.example.com.evil.example", 421),
        ("localhost", 200),
    ):
        assert ask(service, asked, host=host).status_code == status, host


def test_every_name_is_answered_where_the_operator_says_so(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(allowed_hosts="*").start()
    assert ask(service, ("GET", "/models", None), host="any.example").status_code == 200


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("cors_origins", "app.example.com"),
        ("cors_origins", "https://app.example.com/"),
        ("cors_origins", "null"),
        ("allowed_hosts", "https://models.example.com"),
        ("allowed_hosts", "models.example.com:8000"),
    ],
)
def test_bad_setting_stops_the_start(
    make_service: Callable[..., Service], setting: str, value: str
) -> None:
    service = make_service(**{setting: value})
    assert service.run().wait(60) != 0
    assert f"INFERENCE_{setting.upper()}" in service.log
    assert "example.com" in service.log
