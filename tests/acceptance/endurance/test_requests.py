"""Whatever is asked, on every route, is answered: in time, by a status that is documented.

``FUZZ_REQUESTS`` says how many requests each way of serving gets; ``make endure`` gives it 10,000.
Hypothesis generates the requests, which are written to a socket, since no client would send them.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from support.amount import amount
from support.models import artifacts
from support.models.oip_models import identity, several
from support.openapi_answers import statuses
from support.random_requests import MODELS, Asked, requests
from support.service.process import Service
from support.service.raw_http import Raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.service.raw_http import Answer

REQUESTS = amount("FUZZ_REQUESTS", 500)
# What is true of every route, from docs/reference/errors.md, and ends the connection: no HTTP, or
# over a limit.
OF_THE_CONNECTION = {400, 408, 413, 431}
# The pages, which the document does not speak of.
PAGES = re.compile(r"/?|/docs|/openapi\.json|/static-offline-docs/.*")
# Errors of these routes have MLflow's form.
MLFLOW = ("/invocations", "/ping", "/health", "/version")

pytestmark = [pytest.mark.timeout(120 + REQUESTS // 10), pytest.mark.long]


class Route(NamedTuple):
    """One operation of the document."""

    method: str
    template: str
    pattern: re.Pattern[str]
    statuses: frozenset[int]


@pytest.fixture(scope="module", params=[True, False], ids=["direct", "through ASGI"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve every kind of model; who announces more than he sends is soon refused."""
    folder = tmp_path_factory.mktemp("requests")
    with Service(folder, direct=request.param, body_seconds=0.3) as made:
        made.put("penguins/1/model.onnx", artifacts.penguins(1))
        made.put("penguins/2/model.onnx", artifacts.penguins(2))
        made.put("spare/1/model.onnx", artifacts.penguins(3))
        made.put("mixed.onnx", artifacts.mixed())
        made.put("several.onnx", several())
        made.put(
            "zipmap.onnx", artifacts.model(artifacts.classifier_graph(("a", "b"), zipmap=True))
        )
        for datatype in ("FP32", "FP16", "BYTES"):
            made.put(f"id-{datatype.lower()}.onnx", identity(datatype))
        yield made.start(within=60)


@pytest.fixture(scope="module")
def routes(service: Service) -> list[Route]:
    """Read what the running service says of itself."""
    paths: dict[str, Any] = service.client.get("/openapi.json").json()["paths"]
    return [
        Route(
            method.upper(),
            path,
            # Under /v1, a colon ends the name.
            re.compile(
                re.sub(
                    r"\{\w+\}", "[^/:]+" if path.startswith("/v1/") else "[^/]+", path.rstrip("/")
                )
                + "/*"
            ),
            frozenset(statuses(operation)),
        )
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]


class Client:
    """Asks on one connection for as long as the service keeps it.

    Attributes:
        counted: The number of answers with each status.
    """

    def __init__(self, service: Service, routes: list[Route]) -> None:
        self._url = str(service.client.base_url)
        self._routes = routes
        self._connection = Raw(self._url)
        self.counted: Counter[int] = Counter()

    def close(self) -> None:
        self._connection.close()

    def connect_again(self) -> None:
        self.close()
        self._connection = Raw(self._url)

    def ask(self, asked: Asked) -> None:
        """Ask, and judge the answer; more than one may come where the request was really two."""
        self._connection.send(asked.data)
        answer = self._connection.answer(head=asked.method == "HEAD")
        if answer.status == 100:
            answer = self._connection.answer()
        self.counted[answer.status] += 1
        self._judge(asked, answer)
        if answer.headers.get("connection") == "close" or not asked.framed:
            self.connect_again()

    def _judge(self, asked: Asked, answer: Answer) -> None:
        path = unquote(asked.path.partition("?")[0], "latin-1")
        here = [r for r in self._routes if r.pattern.fullmatch(path)]
        # HEAD is answered as GET is.
        method = "GET" if asked.method == "HEAD" else asked.method
        fitting = [r for r in here if r.method == method]
        ends = answer.headers.get("connection") == "close"
        expected = set(OF_THE_CONNECTION) if ends else set[int]()
        for route in fitting:
            expected |= route.statuses
        expected.discard(500)
        if asked.method == "OPTIONS" and here:
            expected |= {204}
        if b"\r\nIf-None-Match:" in asked.data and method == "GET":
            expected |= {304}
        # The hot routes end in one slash at most.
        if path.endswith("//") or not here:
            expected |= {404, 405}
        elif not fitting:
            expected |= {405}
        if PAGES.fullmatch(path):
            expected |= {200, 206, 304, 307, 404, 405, 416}
        assert answer.status in expected, (asked, answer)
        if answer.status >= 400 and asked.method != "HEAD":
            self._judge_refusal(path, answer)
        if answer.status not in OF_THE_CONNECTION:
            assert answer.headers["x-request-id"], (asked, answer)

    @staticmethod
    def _judge_refusal(path: str, answer: Answer) -> None:
        counted = answer.json()
        spelt_by_protocol = path.startswith(("/v1/", "/v2/")) or path == "/v2"
        # Of what is no HTTP not even the path is known.
        if answer.status in OF_THE_CONNECTION and answer.headers.get("connection") == "close":
            spelt_by_protocol = "error" in counted
        if spelt_by_protocol:
            assert answer.headers["content-type"] == "application/json"
            assert counted["error"]
        elif path.startswith(MLFLOW) and "error_code" in counted:  # like MLflow
            assert answer.headers["content-type"] == "application/json"
            assert counted["message"]
        else:
            assert answer.headers["content-type"] == "application/problem+json"
            assert counted["status"] == answer.status
            assert counted["title"]


def test_every_route_answers_whatever_is_asked(
    service: Service, routes: list[Route], capsys: pytest.CaptureFixture[str]
) -> None:
    operations = [(route.method, route.template) for route in routes]
    # The routes that read a body hold more than the others.
    operations += [o for o in operations if o[0] in ("POST", "PUT")] * 3
    client = Client(service, routes)

    # Nothing is made smaller: the answer to a request may depend on those before it.
    @settings(
        max_examples=REQUESTS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(operations))
    def ask(asked: Asked) -> None:
        try:
            client.ask(asked)
        except (AssertionError, OSError) as error:
            client.connect_again()  # Hypothesis asks once more
            error.add_note(f"the request: {asked.data[:3000]!r}")
            raise

    try:
        ask()
    finally:
        client.close()
    assert client.counted.total() >= REQUESTS
    assert client.counted[200] > REQUESTS / 10, f"too few were taken: {client.counted}"
    for name in MODELS[:2]:
        assert service.client.get(f"/models/{name}").status_code == 200
    assert service.process is not None
    assert service.process.poll() is None
    assert "Traceback" not in service.log
    with capsys.disabled():
        sys.stdout.write(
            f"\n{client.counted.total()} requests: {dict(sorted(client.counted.items()))}\n"
        )
