"""Pages of other sites, in a real browser, against a service on the same machine."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import penguins
from support.service.process import Service
from support.swagger_page import Swagger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

ASK = """async ([url, method, mode]) => {
  try {
    const answer = await fetch(url, {method, mode});
    return answer.type === "opaque" ? "opaque" : answer.status;
  } catch (error) { return "blocked"; }
}"""


class Site:
    """Another site on this machine; remembers what was asked of it."""

    def __init__(self) -> None:
        asked: list[Any] = []
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>another site</title>")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    with contextlib.closing(made.server.socket):
        yield made
        made.server.shutdown()
        thread.join()


def _start(root: Path, **settings: object) -> Service:
    service = Service(root, **settings)
    service.put("m.onnx", penguins())
    return service.start()


def test_page_of_another_site_neither_changes_nor_reads(
    page: Page, site: Site, tmp_path: Path
) -> None:
    with _start(tmp_path) as service:
        page.goto(site.url)
        base = str(service.client.base_url).rstrip("/")
        for mode in ("no-cors", "cors"):
            page.evaluate(ASK, [f"{base}/select-model/?model=m", "POST", mode])
            assert service.log.count("denied with 403") == ["no-cors", "cors"].index(mode) + 1
        assert page.evaluate(ASK, [f"{base}/models", "GET", "cors"]) == "blocked"
        assert service.client.get("/models").json()["selected"] is None
        service.stop()


def test_page_of_a_listed_site_changes_and_reads(page: Page, site: Site, tmp_path: Path) -> None:
    with _start(tmp_path, cors_origins=site.url) as service:
        page.goto(site.url)
        base = str(service.client.base_url).rstrip("/")
        assert page.evaluate(ASK, [f"{base}/select-model/?model=m", "POST", "cors"]) == 200
        assert page.evaluate(ASK, [f"{base}/models", "GET", "cors"]) == 200
        assert page.evaluate(ASK, [f"{base}/models/m/active", "PUT", "cors"]) == 422
        service.stop()


def test_description_of_a_model_loads_nothing_from_other_hosts(
    page: Page, site: Site, tmp_path: Path
) -> None:
    note = f"![picture]({site.url}/picture.png) <img src='{site.url}/tag.png'>"
    with Service(tmp_path) as service:
        service.put("m.onnx", penguins(note=note))
        service.start()
        swagger = Swagger(page, str(service.client.base_url).rstrip("/"))
        swagger.open()
        swagger.entry("/models/m/predict").try_it_out()
        page.wait_for_load_state("networkidle")
        assert site.asked == []
        service.stop()
