"""Whatever is asked, on every route, is answered: in time, by a status that is documented.

``FUZZ_REQUESTS`` says how many requests each way of serving gets; ``make endure`` gives it 10,000.
Hypothesis generates the requests, which are written to a socket, since no client would send them.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.amount import amount
from support.models import artifacts
from support.models.mutation import Mutator
from support.models.oip_models import identity, several
from support.openapi_answers import statuses
from support.service.process import Service
from support.service.raw_http import Raw, chunked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.service.raw_http import Answer

REQUESTS = amount("FUZZ_REQUESTS", 500)
MODELS = ("penguins", "mixed", "several", "id-fp32", "id-bytes", "id-fp16", "zipmap", "spare")
# What is true of every route, from docs/reference/errors.md, and ends the connection: no HTTP, or
# over a limit.
OF_THE_CONNECTION = {400, 408, 413, 431}
# The pages, which the document does not speak of.
PAGES = re.compile(r"/?|/docs|/openapi\.json|/static-offline-docs/.*")

pytestmark = pytest.mark.timeout(120 + REQUESTS // 10)


# -- what is asked ---------------------------------------------------------------------------------


class Asked(NamedTuple):
    """One request as it goes onto the wire.

    Attributes:
        method: In its first line.
        path: Likewise, with the query.
        data: All of it.
        framed: Whether its end is where it says; if not, nothing can be asked behind it.
    """

    method: str
    path: str
    data: bytes
    framed: bool


_PENGUIN = dict(zip(artifacts.MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))
_MIXED = {"mass": 3.5, "age": 4, "wild": True, "island": "Dream", "sex": "male"}
_NUMBERS = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [39.1, 18.7, 181, 3750]}
_WORDS = {"name": "x", "shape": [1, 2], "datatype": "BYTES", "data": ["a", "b"]}
_BINARY = {
    "inputs": [
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    ],
    "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
}
_SEVERAL = {
    "inputs": [
        {"name": "scalar", "shape": [], "datatype": "INT64", "data": [7]},
        {"name": "words", "shape": [1], "datatype": "BYTES", "data": ["a"]},
        {"name": "cube", "shape": [2, 1, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]},
    ],
    "outputs": [{"name": "cube_out", "parameters": {"classification": 2}}],
}
_BODIES = [
    json.dumps(body).encode()
    for body in (
        *(_PENGUIN, [_PENGUIN, _PENGUIN], list(_PENGUIN.values()), _MIXED, [list(_MIXED.values())]),
        *(
            {"inputs": [_NUMBERS]},
            {"inputs": [_WORDS], "id": "7"},
            _SEVERAL,
            {"inputs": [_NUMBERS] * 2},
        ),
        *({"version": 1}, {"version": "latest"}, {"ready": True}, {"parameters": {"a": 1}}, {}),
    )
]
_WITH_TAIL = json.dumps(_BINARY).encode()
_BODIES += [b"", _WITH_TAIL + bytes(8), bytes(8), b"\x01\x00\x00\x00a"]

_mutated = st.integers(0, 2**32).map(lambda seed: Mutator(_BODIES, seed=seed).make())
_bodies = st.one_of(
    st.sampled_from(_BODIES),
    _mutated,
    _mutated,
    st.binary(max_size=100),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)

_latin = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
_counts = st.sampled_from(
    ["0", "1", str(len(_WITH_TAIL)), "00", "-1", "+1", "1.0", "", " ", "\xb2", "9" * 30, "1_0", "x"]
)
_headers = st.one_of(
    st.sampled_from(["application/json", "text/plain", "", "image/png", "\xff", "a/b;"])
    .map(lambda value: f"Content-Type: {value}"),
    _counts.map(lambda value: f"Inference-Header-Content-Length: {value}"),
    st.just(f"Inference-Header-Content-Length: {len(_WITH_TAIL)}"),
    st.sampled_from(["gzip", "deflate", "br", "identity", "gzip, deflate", "", "GZIP", "\xb2", "*"])
    .map(lambda value: f"Content-Encoding: {value}"),
    st.sampled_from(["gzip", "deflate;q=nan", "gzip;q=1e999", "gzip;q=", ";;,", "*;q=0", "\xe9"])
    .map(lambda value: f"Accept-Encoding: {value}"),
    _latin.map(lambda value: f"X-Request-ID: {value}"),
    _latin.map(lambda value: f"Authorization: {value}"),
    st.tuples(st.from_regex(r"[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,12}", fullmatch=True), _latin)
    .map(lambda pair: f"X-{pair[0]}: {pair[1]}"),
    st.sampled_from(
        ["Connection: close", "Connection: Upgrade\r\nUpgrade: h2c", "Range: bytes=0-",
         "Expect: 100-continue", "Expect: the unexpected", "If-None-Match: *", "TE: trailers",
         "X-Long: " + "x" * 40_000, "Host: other", "Content-Length: 5", "Transfer-Encoding: gzip",
         "Transfer-Encoding: chunked", "no header at all", ": nameless", "a b: c", "X: a\r\n b"]
    ),
)  # fmt: skip

_junk = st.one_of(
    st.sampled_from(
        [
            "penguin",
            "%00",
            "%2e%2e",
            "..",
            "%ff",
            "%",
            "a" * 300,
            "%2Fmodels",
            "PENGUINS",
            "%F0%9F%90%A7",
        ]
    ),
    st.text("abz09._-%~;:@$", min_size=1, max_size=12),
)
_names = st.one_of(*[st.sampled_from(MODELS)] * 19, _junk)
_versions = st.one_of(
    *[st.just("1")] * 14,
    st.just("2"),
    st.sampled_from(["0", "-1", "01", "1.0", "9" * 18, "9" * 30, "%31", "latest", "\xb2", "1%0A"]),
)
_query_words = st.sampled_from(
    ["model=penguins", "model=mixed", "model=spare", "model=id-fp32", "version=1", "version=2",
     "version=", "version=-1", "version=" + "9" * 30, "version=1e3", "version=%D9%A1", "model=",
     "model=%00", "model=%ff", "model", "=", "%", "a=b", "model=penguins&model=mixed", "\xff"]
)  # fmt: skip
_methods = st.sampled_from(
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "BREW", "get"]
)


@st.composite
def _requests(draw: st.DrawFn, operations: list[tuple[str, str]]) -> Asked:
    method, template = draw(st.sampled_from(operations))
    if draw(st.integers(0, 19)) == 0:
        method = draw(_methods)
    # Only one model is unloaded, so that not all that follows is refused for that.
    names = st.one_of(st.just("spare"), st.just("spare"), _junk) if "load" in template else _names
    path = re.sub(r"\{(?:model_)?name\}", lambda _: draw(names), template)
    path = re.sub(r"\{(?:model_)?version\}", lambda _: draw(_versions), path)
    path += draw(st.sampled_from([*[""] * 8, "/", "/", "//"]))
    words = draw(st.lists(_query_words, max_size=3))
    if template.startswith("/select") and draw(st.booleans()):
        words = [f"model={draw(st.sampled_from(MODELS))}"]
    path += "?" + "&".join(words) if words else ""
    headers = ["Host: test", *draw(st.lists(_headers, max_size=3))]
    body = b"" if method in ("GET", "HEAD") and draw(st.integers(0, 4)) else draw(_bodies)
    body = _encoded(body, headers, draw(st.integers(0, 3)))
    said = any(h.startswith(("Content-Length", "Transfer-Encoding")) for h in headers)
    if not said and body and draw(st.integers(0, 4)) == 0:
        headers.append("Transfer-Encoding: chunked")
        body = chunked(body, draw(st.sampled_from([1, 7, 1000])))
    elif not said and (body or method not in ("GET", "HEAD")):
        headers.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "", ""])
    return Asked(method, path, head.encode("latin-1") + body, framed=not said)


def _encoded(body: bytes, headers: list[str], how: int) -> bytes:
    """Compress a body as its headers say, most often."""
    if "Content-Encoding: gzip" in headers and how:
        deflater = zlib.compressobj(wbits=31)
        return deflater.compress(body) + deflater.flush()
    if "Content-Encoding: deflate" in headers and how:
        return zlib.compress(body)
    return body


# -- who is asked ----------------------------------------------------------------------------------


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
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path.rstrip("/")) + "/*"),
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
        if not fitting:
            # The hot routes end in one slash at most.
            expected |= {405} if here and not path.endswith("//") else {404, 405}
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
        spelt_by_protocol = path == "/v2" or path.startswith("/v2/")
        # Of what is no HTTP not even the path is known.
        if answer.status in OF_THE_CONNECTION and answer.headers.get("connection") == "close":
            spelt_by_protocol = "error" in counted
        if spelt_by_protocol:
            assert answer.headers["content-type"] == "application/json"
            assert counted["error"]
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
    @given(_requests(operations))
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
