"""The pages over HTTP: who gets them, in which language, with which headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.service.process import Service, eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

pytestmark = pytest.mark.long

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
KEY, LINE = make_key("person", ["predict", "admin"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("service"))
    service.put("m/1/model.onnx", penguins())
    yield service.start()
    service.stop()


def see(service: Service, path: str, **headers: str) -> httpx.Response:
    sent = BROWSER | {name.replace("_", "-"): value for name, value in headers.items()}
    return service.client.get(path, headers=sent)


def assets(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="(/pages/[^"]+)"', page)


@pytest.mark.parametrize("path", ["/", "/models", "/models/"])
def test_browser_gets_the_page_of_all_models(service: Service, path: str) -> None:
    page = see(service, path)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="en"' in page.text
    assert 'href="/models/m/"' in page.text


def test_other_clients_get_what_they_always_got(service: Service) -> None:
    root = service.client.get("/")
    assert (root.status_code, root.headers["location"]) == (307, "/docs")
    models = service.client.get("/models")
    assert models.json()["models"][0]["name"] == "m"
    assert models.headers["vary"] == "Accept"


def test_page_in_spanish(service: Service) -> None:
    page = see(service, "/", accept_language="es-CO,es;q=0.9,en;q=0.7")
    assert '<html lang="es"' in page.text
    assert "Clasificación" in page.text
    assert "Accept-Language" in page.headers["vary"]


def test_policy_forbids_inline_scripts_and_styles(service: Service) -> None:
    page = see(service, "/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", page.text)


def test_unchanged_page_is_304(service: Service) -> None:
    page = see(service, "/")
    again = see(service, "/", if_none_match=page.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


def test_files_are_kept_for_good_and_others_are_revalidated(service: Service) -> None:
    found = assets(see(service, "/").text)
    assert len(found) == 2
    for path in found:
        file = service.client.get(path)
        assert file.status_code == 200
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        name = path.rpartition("/")[2]
        other = service.client.get(f"/pages/of-another-release/{name}")
        assert (other.content, other.headers["cache-control"]) == (file.content, "no-cache")
    assert service.client.get(found[0].rpartition("/")[0] + "/none.js").status_code == 404
    assert service.client.get("/pages/x/..%2Ftexts%2Fen.toml").status_code == 404


def test_links_have_the_prefix_of_a_proxy(make_service: Callable[..., Service]) -> None:
    service = make_service(root_path="/ml").start()
    service.put("m/1/model.onnx", penguins())
    eventually(lambda: service.model("m").get("state") == "ready", what="m is ready")
    page = see(service, "/").text
    local = re.findall(r'(?:href|src)="(/[^"]*)"', page)
    assert len(local) > 5
    assert all(path.startswith("/ml/") for path in local)
    assert 'data-root="/ml"' in page


def test_events_tell_of_a_model_that_is_published_meanwhile(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    assert "No model yet" in see(service, "/").text
    with service.client.stream("GET", "/events") as events:
        lines = events.iter_lines()
        assert events.headers["content-type"] == "text/event-stream"
        before = _next_tag(lines)
        service.put("late/1/model.onnx", penguins())
        seen = [before, _next_tag(lines)]
        while 'data-state="ready"' not in (page := see(service, "/")).text:
            seen.append(_next_tag(lines))
        assert len(set(seen)) == len(seen)
        assert 'id="model-late"' in page.text


def _next_tag(lines: Iterator[str]) -> str:
    for line in lines:
        if line == "event: page":
            return next(lines)
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("further", [(), ("Connection: keep-alive",)])
def test_events_over_http_1_0_come_as_they_are_until_the_connection_ends(
    make_service: Callable[..., Service], further: tuple[str, ...], *, direct: bool
) -> None:
    """Source: RFC 9112, section 6.1: such a client knows no chunks."""
    service = make_service(direct=direct).start()
    with Raw(str(service.client.base_url)) as raw:
        raw.send(request("/events", b"", *further, method="GET", version="1.0"))
        head = b"".join(iter(raw.file.readline, b"\r\n")).lower()
        assert b"transfer-encoding" not in head
        assert b"content-length" not in head
        assert b"connection: close\r\n" in head
        assert raw.file.readline() == b"event: page\n"
        assert raw.file.readline().startswith(b"data: ")
        service.stop()
        assert raw.file.read().endswith(b"\n\n")
    assert "Exception" not in service.log


def test_open_streams_do_not_delay_the_stop(make_service: Callable[..., Service]) -> None:
    service = make_service(shutdown_seconds=60).start()
    with service.client.stream("GET", "/events") as events:
        _next_tag(events.iter_lines())
        client, service.client = service.client, type(service.client)()
        assert service.stop(within=30) == 0
        client.close()


def test_streams_are_bounded_and_given_back(make_service: Callable[..., Service]) -> None:
    service = make_service(page_streams=1).start()
    with service.client.stream("GET", "/events") as events:
        lines = events.iter_lines()  # kept, because the stream ends with them
        _next_tag(lines)
        refused = service.client.get("/events")
        assert refused.status_code == 503
        assert refused.headers["retry-after"]

    def is_free() -> bool:
        with service.client.stream("GET", "/events") as again:
            return again.status_code == 200

    eventually(is_free, what="the stream is given back")


@pytest.fixture
def keyed(make_service: Callable[..., Service]) -> Service:
    service = make_service()
    (service.root / "keys").write_text(LINE)
    service.settings["api_keys_file"] = service.root / "keys"
    service.put("secret/1/model.onnx", penguins())
    return service.start()


def test_without_the_key_a_page_shows_only_the_field_for_it(keyed: Service) -> None:
    right = {"authorization": f"Bearer {KEY}"}
    for path, status in (("/", 200), ("/models", 401), ("/models/secret/", 401)):
        page = see(keyed, path)
        assert (page.status_code, 'id="key-form"' in page.text) == (status, True)
        assert "model-secret" not in page.text
        assert page.headers["cache-control"] == "no-store"
    assert keyed.client.get("/models").json()["status"] == 401
    assert keyed.client.get("/events").status_code == 401
    page = see(keyed, "/", **right)
    assert 'id="model-secret"' in page.text
    assert KEY not in page.text
    for path in assets(page.text):
        assert keyed.client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/models",
        "/models/secret",
        "/models/secret/versions/1",
        "/openapi.json",
        "/v2/models",
        "/v2/models/secret",
    ],
)
def test_shared_caches_keep_nothing_that_needs_a_key(
    keyed: Service, service: Service, path: str
) -> None:
    document = keyed.client.get(path, headers={"x-api-key": KEY})
    assert document.status_code == 200
    again = keyed.client.get(
        path, headers={"x-api-key": KEY, "if-none-match": document.headers["etag"]}
    )
    assert again.status_code == 304
    negotiated = {"Accept"} if path in {"/models", "/models/secret"} else set()
    for answer in (document, again):
        assert answer.headers["cache-control"] == "private, no-cache"
        varies = set(answer.headers["vary"].split(", "))
        assert varies == negotiated | {"Authorization", "X-API-Key"}
    public = service.client.get(path.replace("secret", "m"))
    assert public.headers["cache-control"] == "no-cache"
    assert set(public.headers.get_list("vary")) == negotiated


def test_events_end_with_their_key(keyed: Service) -> None:
    _, other = make_key("other", ["predict"])
    with keyed.client.stream("GET", "/events", headers={"x-api-key": KEY}) as events:
        lines = events.iter_lines()
        _next_tag(lines)
        (keyed.root / "keys").write_text(other)
        for _ in lines:  # to the end of the stream; a stream that goes on exceeds the time limit
            pass
    assert keyed.client.get("/events", headers={"x-api-key": KEY}).status_code == 401


def test_model_has_a_page_and_stays_json_for_programs(service: Service) -> None:
    for path in ("/models/m", "/models/m/"):
        page = see(service, path)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert 'data-feature="body_mass_g"' in page.text
        document = service.client.get(path)
        assert document.json()["name"] == "m"
        assert document.headers["vary"] == "Accept"


def test_unknown_model_is_explained_on_a_page(service: Service) -> None:
    page = see(service, "/models/n/")
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "there is no model 'n'" in page.text.replace("&#x27;", "'")
    hostile = see(service, "/models/%3Cscript%3Ealert(1)%3C%2Fscript%3E/")
    assert "<script>alert" not in hostile.text
    assert service.client.get("/events?model=n").status_code == 404


def test_page_of_a_pinned_model_is_the_same_from_every_worker(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(workers=2)
    for number in (1, 2):
        service.put(f"m/{number}/model.onnx", penguins(seed=number))
    service.start()
    service.client.put("/models/m/active", json={"version": 1}).raise_for_status()

    def tags() -> set[str]:
        found = set()
        for _ in range(20):  # each on a connection of its own, so that both workers are asked
            page = see(service, "/models/m/", connection="close")
            assert "Version 1, pinned" in page.text
            found.add(page.headers["etag"])
        return found

    eventually(lambda: len(tags()) == 1, what="both workers know all that the page shows")
