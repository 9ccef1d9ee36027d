"""A service whose models come from a web server: here nginx."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from inference.errors import StorageError
from inference.settings.model_name import is_name
from inference.storage.source import open_source
from support.dispatcher_harness import scenario
from support.models.artifacts import penguins
from support.service.process import eventually
from support.storage.web_server import PASSWORD, USER, WebServer, web_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.service.process import Service

pytestmark = pytest.mark.long


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with web_server(tmp_path / "web") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        yield server


def place(web: WebServer, *paths: str, index: list[str] | None = None) -> None:
    """Upload files with different contents, and then the index, which lists all unless given."""
    models = web.files / "models"
    for path in paths:
        file = models / path
        file.parent.mkdir(parents=True, exist_ok=True)
        number = int((re.findall(r"\d+", path) or ["1"])[0])
        file.with_name(".new").write_bytes(penguins(number))
        file.with_name(".new").replace(file)
    found = sorted(str(file.relative_to(models)) for file in models.rglob("[!.]*.onnx"))
    write(web, json.dumps(found if index is None else index))


def write(web: WebServer, index: str) -> None:
    file = web.files / "models" / "index.json"
    file.parent.mkdir(exist_ok=True)
    file.with_name(".index").write_text(index)
    file.with_name(".index").replace(file)


def source(service: Service) -> dict[str, str]:
    found: dict[str, str] = service.client.get("/models").json()["source"]
    return found


@pytest.mark.parametrize("where", ["/models", "/models/", "/without-etag", "/moved", "/private"])
def test_what_the_index_lists_is_served_and_followed_with_tls(
    where: str, web: WebServer, make_service: Callable[..., Service]
) -> None:
    place(web, "penguins/1/model.onnx", "flat.onnx")
    user = f"{USER}:{quote(PASSWORD)}@" if where == "/private" else ""
    url = web.https.replace("://", f"://{user}") + where
    service = make_service(models_url=url, sync_seconds=0.2).start()
    service.wait_for("flat", active_version=1)
    service.wait_for("penguins", active_version=1)
    for shown in (service.log, service.client.get("/models").text):
        assert USER not in shown
        assert quote(PASSWORD) not in shown
    place(web, "penguins/2/model.onnx")
    service.wait_for("penguins", active_version=2)
    (web.files / "models" / "flat.onnx").unlink()
    place(web)
    eventually(lambda: not service.model("flat"), what="the removed model is gone")


def test_a_replaced_file_is_copied_again(
    web: WebServer, make_service: Callable[..., Service]
) -> None:
    place(web, "penguins/1/model.onnx")
    service = make_service(models_url=f"{web.http}/models", sync_seconds=0.2).start()
    service.wait_for("penguins", active_version=1)
    target = web.files / "models" / "penguins" / "1" / "model.onnx"
    target.with_name(".new").write_bytes(content := penguins(5))
    target.with_name(".new").replace(target)
    copy = service.models / "penguins" / "1" / "model.onnx"
    eventually(lambda: copy.read_bytes() == content, what="the new content")


def test_one_file_is_the_only_model_and_called_by_its_name(
    web: WebServer, make_service: Callable[..., Service]
) -> None:
    place(web, "iris.onnx", "other.onnx")
    service = make_service(models_url=f"{web.https}/models/iris.onnx", sync_seconds=0.2).start()
    assert [m["name"] for m in service.client.get("/models").json()["models"]] == ["iris"]


@pytest.mark.parametrize("index", ["", "{", "{}", '["penguins/1/model.onnx", 3]', '["../x.onnx"]'])
def test_a_wrong_index_is_named_and_removes_nothing(
    index: str, web: WebServer, make_service: Callable[..., Service]
) -> None:
    place(web, "penguins/1/model.onnx")
    service = make_service(models_url=f"{web.http}/models", sync_seconds=0.2).start()
    write(web, index)
    eventually(lambda: source(service)["state"] == "away", what="the index is refused")
    assert service.model("penguins")["active_version"] == 1
    assert ("../x.onnx" if "../" in index else "index.json") in service.log
    place(web, "penguins/2/model.onnx")
    service.wait_for("penguins", active_version=2, within=60)  # failures lengthen the interval


def test_a_path_that_the_index_lists_too_early_is_logged_and_served_later(
    web: WebServer, make_service: Callable[..., Service]
) -> None:
    place(web, "penguins/1/model.onnx", index=["penguins/1/model.onnx", "late/1/model.onnx"])
    service = make_service(models_url=f"{web.http}/models", sync_seconds=0.2).start()
    eventually(lambda: "late/1/model.onnx" in service.log, what="the missing path in the log")
    assert service.log.count("late/1/model.onnx") == 1
    place(web, "late/1/model.onnx")
    service.wait_for("late", active_version=1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda url: f"{url}/nothing", r"no index\.json under .*cannot be listed.*NAME/VERSION"),
        (lambda url: f"{url}/forbidden", "403 Forbidden$"),
        (lambda url: f"{url}/private", "401 Unauthorized$"),
        (lambda url: url.replace("localhost", "127.0.0.1"), r"certificate .*NotValidForName"),
        (lambda _: "https://localhost:1/models", "Connection refused$"),
        (lambda _: "https://nowhere.invalid/models", "lookup|Name or service"),
    ],
)
@scenario
async def test_a_source_that_cannot_be_read_says_why(
    change: Callable[[str], str], reason: str, web: WebServer
) -> None:
    place(web, "penguins/1/model.onnx")
    with pytest.raises(StorageError, match=reason) as caught:
        await open_source(change(web.https), is_name).list_versions()
    assert "<" not in str(caught.value), "no page for people"


@scenario
async def test_an_unknown_authority_is_named_with_the_variable_that_helps(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(web, "penguins/1/model.onnx")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(StorageError, match=r"UnknownIssuer.*SSL_CERT_FILE"):
        await open_source(f"{web.https}/models", is_name).list_versions()
    without_tls = web.http.replace("http://", "https://")
    with pytest.raises(StorageError, match="does not speak TLS"):
        await open_source(f"{without_tls}/models", is_name).list_versions()


@pytest.mark.parametrize("more", ["?X-Amz-Signature=hidden", "#x"])
def test_a_presigned_url_is_refused_at_the_start_without_its_signature(
    more: str, web: WebServer, make_service: Callable[..., Service]
) -> None:
    service = make_service(models_url=f"{web.https}/models/iris.onnx{more}")
    assert service.run().wait(60) != 0
    assert "presigned" in service.log
    assert "s3://BUCKET/PATH" in service.log
    assert "hidden" not in service.log
