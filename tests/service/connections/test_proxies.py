"""The service under a path of a proxy: every link that it gives is one that clients can follow."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from support.models.artifacts import penguins
from support.service.fast_requests import GOOD, HOT, TENSOR, V2, url
from support.service.nginx import nginx
from support.service.ports import free_port
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

PREFIXED = "proxy_set_header X-Forwarded-Prefix /ml; proxy_set_header X-Forwarded-Host $http_host;"
LINK = re.compile(r"""(?:src|href|data-openapi)="([^"]+)\"""")


@contextlib.contextmanager
def proxied(how: str, service: Service, root: Path) -> Iterator[str]:
    """Run a proxy that offers the service under /ml, and give its address."""
    upstream = url(service)
    match how:
        case "strips":
            with nginx(root, upstream, location="/ml/", path="/") as address:
                yield address
        case "keeps":
            with nginx(root, upstream, location="/ml", keep=8) as address:
                yield address
        case "tells":
            with nginx(root, upstream, location="/ml/", path="/", further=PREFIXED) as address:
                yield address
        case "caddy":
            with caddy(root, upstream) as address:
                yield address


@contextlib.contextmanager
def caddy(root: Path, upstream: str) -> Iterator[str]:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed")
    root.mkdir(parents=True, exist_ok=True)
    port = free_port()
    file = root / "Caddyfile"
    server = upstream.removeprefix("http://").rstrip("/")
    file.write_text(
        f"{{\n admin off\n auto_https off\n}}\nhttp://127.0.0.1:{port} {{\n"
        f" handle_path /ml/* {{\n  reverse_proxy {server} {{\n"
        "   header_up X-Forwarded-Prefix /ml\n   health_uri /readyz\n   health_interval 1s\n"
        "  }\n }\n}\n"
    )
    process = subprocess.Popen(
        [program, "run", "--config", str(file), "--adapter", "caddyfile"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"HOME": str(root), "XDG_DATA_HOME": str(root), "XDG_CONFIG_HOME": str(root)},
    )

    def answers() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
            return True
        return False

    try:
        eventually(answers, what="caddy listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def rooted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with Service(
        tmp_path_factory.mktemp("rooted"), direct=request.param, root_path="/ml/"
    ) as service:
        service.put("penguins/1/model.onnx", penguins())
        service.start()
        assert "/ml/docs" in service.log
        service.client.post("/select-model/?model=penguins")
        yield service
        assert "Traceback" not in service.log


def follow_links(address: str) -> None:
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as client:
        begun = client.get("/ml/")
        assert (begun.status_code, begun.headers["location"]) == (307, "/ml/docs")
        for shown in ("/ml/docs", "/ml/redoc"):
            page = client.get(shown)
            assert page.status_code == 200
            links = LINK.findall(page.text)
            assert len(links) >= 4
            for link in links:
                assert link.startswith("/ml/"), link
                assert client.get(link).status_code == 200, link
        document = client.get("/ml/openapi.json")
        servers = [server["url"] for server in document.json()["servers"]]
        assert servers[0] == "/ml"
        for server in servers:  # as a generated client asks
            base = httpx.URL(address).join(server)
            answer = client.post(f"{base}/predict/", content=GOOD)
            assert (answer.status_code, answer.json()["model"]) == (200, "penguins")
        again = client.get("/ml/openapi.json", headers={"if-none-match": document.headers["etag"]})
        assert again.status_code == 304
        for path, body in ((HOT, GOOD), (V2, TENSOR)):
            for _ in range(3):
                assert client.post(f"/ml{path}", content=body).status_code == 200
        assert client.get("/ml/models").json()["models"][0]["name"] == "penguins"


@pytest.mark.parametrize("how", ["strips", "keeps", "tells", "caddy"])
def test_every_link_works_under_a_root_path(rooted: Service, tmp_path: Path, how: str) -> None:
    with proxied(how, rooted, tmp_path / how) as address:
        follow_links(address)


@pytest.mark.parametrize("how", ["tells", "caddy"])
def test_a_trusted_proxy_names_the_prefix_itself(
    make_service: Callable[..., Service], tmp_path: Path, how: str
) -> None:
    service = make_service()
    service.put("penguins/1/model.onnx", penguins())
    service.start()
    service.client.post("/select-model/?model=penguins")
    with proxied(how, service, tmp_path / how) as address:
        follow_links(address)
        asked = httpx.get(f"{address}/ml/openapi.json", trust_env=False, timeout=30)
        document = asked.json()
        assert document["servers"][1]["url"] == f"{address}/ml"
    # And to others the service is as before.
    assert "servers" not in service.client.get("/openapi.json").json()
    assert service.client.get("/").headers["location"] == "/docs"


def test_others_are_not_believed(make_service: Callable[..., Service]) -> None:
    service = make_service(trusted_proxies="10.0.0.0/8, fd00::/8").start()
    headers = {"x-forwarded-prefix": "/evil", "x-forwarded-host": "evil.example"}
    assert service.client.get("/", headers=headers).headers["location"] == "/docs"
    assert "/evil" not in service.client.get("/docs", headers=headers).text
    assert "servers" not in service.client.get("/openapi.json", headers=headers).json()


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "/a b", '/"><script>', "http://evil", "/a\\b", "ml", "/x" * 200]
)
def test_what_is_no_prefix_is_ignored(served: Service, prefix: str) -> None:
    headers = {"x-forwarded-prefix": prefix}
    assert served.client.get("/", headers=headers).headers["location"] == "/docs"
    assert served.client.get("/docs", headers=headers).text == served.client.get("/docs").text


def test_a_page_behind_a_proxy_may_ask_and_others_may_not(served: Service, tmp_path: Path) -> None:
    """A browser tells another origin than the Host that nginx gives the service."""
    with (
        nginx(tmp_path, url(served), location="/ml/", path="/", further=PREFIXED) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=30) as client,
    ):
        own = client.post(f"/ml{HOT}", content=GOOD, headers={"origin": address})
        assert own.status_code == 200
        other = client.post(f"/ml{HOT}", content=GOOD, headers={"origin": "http://evil.example"})
        assert other.status_code == 403
    # Whatever a page says of itself: which hosts are answered follows from Host alone.
    headers_sent = {"host": "evil.example", "x-forwarded-host": "localhost"}
    assert served.client.get("/models", headers=headers_sent).status_code == 421


@pytest.mark.parametrize("value", ["ml", "/a b", "//ml", "/models", "/v2/x", "/ä"])
def test_a_root_path_that_cannot_be_is_told_at_the_start(
    make_service: Callable[..., Service], value: str
) -> None:
    service = make_service(root_path=value)
    assert service.run().wait(60) == 2
    assert "INFERENCE_ROOT_PATH" in service.log
    assert "Traceback" not in service.log
