"""Hypothesis strategies for HTTP requests, valid and invalid, to the routes of a service."""

from __future__ import annotations

import json
import re
import zlib
from typing import NamedTuple

from hypothesis import strategies as st

from support.models import artifacts
from support.models.mutation import Mutator
from support.service.raw_http import chunked

MODELS = ("penguins", "mixed", "several", "id-fp32", "id-bytes", "id-fp16", "zipmap", "spare")


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
        *({"instances": [_PENGUIN]}, {"dataframe_records": [_PENGUIN]}, {"row": _PENGUIN}),
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


def _mostly(usual: st.SearchStrategy[str], rare: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw from ``rare`` once in twenty times; ``one_of`` would draw from both equally often."""
    return st.sampled_from([usual] * 19 + [rare]).flatmap(lambda chosen: chosen)


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
_names = _mostly(st.sampled_from(MODELS), _junk)
_versions = _mostly(
    st.sampled_from(["1"] * 14 + ["2"]),
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
def requests(draw: st.DrawFn, operations: list[tuple[str, str]]) -> Asked:
    """Draw a request for one of these operations, each a method and a path template."""
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
