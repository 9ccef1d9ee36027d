"""Pages of sites that the operator lists may ask, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import penguins
from support.service.browser import APP, CHANGES, EVIL, READS, ask
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

KEY, LINE = make_key("page", ["predict", "admin"])


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with keys that pages of one site may ask."""
    root = tmp_path_factory.mktemp("shared")
    (root / "keys").write_text(LINE)
    service = Service(
        root, direct=request.param, api_keys_file=root / "keys", cors_origins=f"{APP},{APP}:8443"
    )
    service.put("m.onnx", penguins())
    service.start()
    service.client.post("/select-model/?model=m", headers={"x-api-key": KEY}).raise_for_status()
    yield service
    service.stop()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/predict/"),
        ("POST", "/v2/models/m/infer"),
        ("GET", "/models"),
        ("PUT", "/models/m/active"),
        ("GET", "/nothing"),
    ],
)
def test_preflight_of_a_listed_site_needs_no_key(shared: Service, method: str, path: str) -> None:
    answer = shared.client.options(
        path,
        headers={
            "origin": APP,
            "access-control-request-method": method,
            "access-control-request-headers": "authorization,content-type,x-api-key",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["x-request-id"]
    assert answer.headers["access-control-allow-origin"] == APP
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type", "x-api-key"} <= set(
        allowed.replace(" ", "").split(",")
    )


def test_other_options_of_a_listed_site_have_one_id(shared: Service) -> None:
    headers = {"origin": APP, "x-api-key": KEY, "x-request-id": "mine"}
    answer = shared.client.options("/predict/", headers=headers)
    assert (answer.status_code, answer.headers.get_list("x-request-id")) == (204, ["mine"])


def test_preflight_of_another_site_is_refused(shared: Service) -> None:
    asked = {"origin": EVIL, "access-control-request-method": "POST", "x-request-id": "mine"}
    answer = shared.client.options("/predict/", headers=asked)
    assert (answer.status_code, answer.headers.get_list("x-request-id")) == (400, ["mine"])
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("asked", [*CHANGES, *READS], ids=lambda request: request[1])
@pytest.mark.parametrize("key", [KEY, None, "wrong"], ids=["key", "no key", "wrong key"])
def test_listed_site_reads_every_answer(
    shared: Service, asked: tuple[str, str, object], key: str | None
) -> None:
    headers = {"origin": f"{APP}:8443"} | (
        {} if key is None else {"authorization": f"Bearer {key}"}
    )
    answer = ask(shared, asked, **headers, sec_fetch_site="cross-site")
    assert answer.status_code != 403, answer.text
    assert answer.headers["access-control-allow-origin"] == f"{APP}:8443"
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
    assert "Origin" in answer.headers["vary"]


def test_other_sites_stay_out_with_keys(shared: Service) -> None:
    for asked in CHANGES:
        answer = ask(shared, asked, origin=EVIL, authorization=f"Bearer {KEY}")
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
