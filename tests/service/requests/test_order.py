"""On every route the key comes before the body, the body before the rate, and that before decoding.

What is refused for its key has not sent its body, and the service has not waited for it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from inference.access.api_key import make_key
from support.models.artifacts import MEASUREMENTS, penguins
from support.service.process import Service
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = 50_000_000
BODY = json.dumps(dict(zip(MEASUREMENTS, [39.1, 18.7, 181.0, 3750.0], strict=True))).encode()
ROUTES = [
    ("POST", "/predict/"),
    ("POST", "/models/m/predict"),
    ("POST", "/models/m/versions/1/predict/"),
    ("POST", "/models/nothing/predict"),
    ("POST", "/v2/models/m/infer"),
    ("POST", "/v2/models/m/versions/1/infer"),
    ("POST", "/select-model/?model=m"),
    ("PUT", "/models/m/active"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/m/load"),
    ("POST", "/v2/repository/models/m/unload"),
    ("DELETE", "/models/m"),
    ("POST", "/no/such/route"),
]


HOT = ("/predict", "/infer")


class Keyed:
    """A service with keys of each scope, and of both."""

    def __init__(self, service: Service) -> None:
        self.service = service
        scopes = {"able": ["predict", "admin"], "predict": ["predict"], "admin": ["admin"]}
        made = {name: make_key(name, asked) for name, asked in scopes.items()}
        self.keys = {name: key for name, (key, _) in made.items()} | {"wrong": "x" * 43}
        self.file = service.root / "keys"
        self.file.write_text("".join(f"{line}\n" for _, line in made.values()))

    def connect(self) -> Raw:
        return Raw(str(self.service.client.base_url))

    def header(self, key: str | None) -> list[str]:
        return [] if key is None else [f"Authorization: Bearer {self.keys[key]}"]


@pytest.fixture(scope="module", params=["true", "false"], ids=["direct", "asgi"])
def keyed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keyed]:
    root = tmp_path_factory.mktemp("order")
    service = Service(
        root, direct=request.param, api_keys_file=root / "keys", rate_limit=0.001, rate_burst=60
    )
    made = Keyed(service)
    service.put("m.onnx", penguins())
    service.start()
    yield made
    service.stop()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_key_comes_before_the_body(keyed: Keyed, method: str, path: str) -> None:
    other = "admin" if path.rstrip("/").endswith(HOT) else "predict"
    for key, status in ((None, 401), ("wrong", 401), (other, 403)):
        if key == other and path == "/v2/repository/index":
            continue  # any key may
        for length in (1000, 50_000_000, 10**15):
            with keyed.connect() as raw:
                head = [*keyed.header(key), f"Content-Length: {length}"]
                answer = raw.ask(request(path, b"", *head, method=method))
                assert answer.status == status, (key, length)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_the_size_comes_before_the_route_and_its_decoding(
    keyed: Keyed, method: str, path: str
) -> None:
    """With a key: what is announced too large is refused, whether or not there is such a route."""
    with keyed.connect() as raw:
        head = [*keyed.header("able"), "Content-Length: 1000000000"]
        assert raw.ask(request(path, b"", *head, method=method)).status == 413


def test_the_body_comes_before_the_rate_and_the_rate_before_decoding(keyed: Keyed) -> None:
    """To be run last: it uses up the key's rate."""
    able = keyed.header("able")
    with keyed.connect() as raw:
        while raw.ask(request("/models/m/predict", BODY, *able)).status == 200:
            pass
        assert raw.ask(request("/models/m/predict", b"no JSON", *able)).status == 429
        assert raw.ask(request("/v2/repository/index", b"no JSON", *able)).status == 429
    for path in ("/models/m/predict", "/v2/repository/index"):
        with keyed.connect() as raw:
            head = [*able, "Content-Length: 1000000000"]
            assert raw.ask(request(path, b"", *head)).status == 413
