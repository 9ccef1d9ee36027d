"""Lines of answered requests are those of any other event, written in bulk and in order."""

from __future__ import annotations

import io
import json
import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from inference.logs import KEY_ID, REQUEST_ID, JsonFormatter, TextFormatter, fields
from inference.logs.request_line import JsonRequestLine, TextRequestLine
from inference.logs.request_log import MAX_WAITING, RequestLog

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKED = [
    ("POST", "/models/m/predict", 200, 0.0123456),
    ("POST", "/predict/", 422, 0.0),
    ("GET", "/x\n\x00\x7f\x85\u2028 é\"\\'{}%s%d", 404, 1e-7),
    ("GET", "/" + "a" * 198, 404, 12.3456789),
    ("GET", "/" + "a" * 199, 404, 123456.789),
    ("GET", "/" + "a" * 200, 404, 1e6),
    ("X" * 300, "/\ud800" + "é" * 5000, 503, 99.9999999),
    ("", "", 101, 1.0),
]
SECONDS = (1_700_000_000.0, 1_700_000_000.9994, 1_700_000_001.5, 1_700_000_000.001)


def event(created: float, method: str, path: str, status: int, ms: float) -> logging.LogRecord:
    """Make the record of an answered request as of any other event."""
    text, args = "%s %s: %d in %g ms", (method, path, status, ms)
    record = logging.LogRecord("inference.request", logging.INFO, "", 0, text, args, None)
    more = fields("request", method=method, path=path, status=status, ms=ms)
    record.__dict__.update(more)
    record.created, record.msecs = created, int((created - int(created)) * 1000) + 0.0
    return record


@pytest.mark.parametrize("key", [None, "ops"])
@pytest.mark.parametrize("worker", ["", "3"])
@pytest.mark.parametrize(
    ("formatter", "line"), [(JsonFormatter, JsonRequestLine), (TextFormatter, TextRequestLine)]
)
def test_line_is_that_of_any_other_event(
    formatter: Any, line: Any, worker: str, key: str | None
) -> None:
    format_record, make_line = formatter(worker=worker).format, line(worker)
    before = REQUEST_ID.set(b"a/b=1"), KEY_ID.set(key)
    try:
        for created in SECONDS:
            for method, path, status, seconds in ASKED:
                ms = round(seconds * 1e3, 3)
                made = make_line(
                    created, b"a/b=1", key, method=method, path=path, status=status, ms=ms
                )
                assert made == format_record(event(created, method, path, status, ms))
                assert "\n" not in made
    finally:
        REQUEST_ID.reset(before[0])
        KEY_ID.reset(before[1])


class Stream(io.StringIO):
    """Remembers what was written in one go; waits while the test holds the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        assert self.gate.wait(30)
        self.pieces.append(text)
        return len(text)


@contextmanager
def log(drops: list[int] | None = None) -> Iterator[tuple[RequestLog, Stream]]:
    """Give a request log whose lines go to a stream."""
    stream = Stream()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("inference.request")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    dropped = [] if drops is None else drops
    made = RequestLog(JsonRequestLine(), lambda: dropped.append(1))
    try:
        yield made, stream
    finally:
        stream.gate.set()
        made.close()
        logger.removeHandler(handler)
        logger.setLevel(level)


def entries(stream: Stream) -> list[dict[str, Any]]:
    return [json.loads(line) for line in "".join(stream.pieces).splitlines()]


def test_lines_are_written_in_order_and_in_pieces_that_are_not_torn() -> None:
    with log() as (requests, stream):
        for number in range(5000):
            requests.add(b"%d" % number, "POST", "/é" * (number % 50), 200, 0.001)
        requests.flush()
        assert [entry["request"] for entry in entries(stream)] == [str(n) for n in range(5000)]
        assert len(stream.pieces) < 5000
        assert all(len(piece.encode()) <= 4096 for piece in stream.pieces)
        assert all(piece.endswith("}\n") for piece in stream.pieces)


def test_lines_are_written_soon_without_being_asked() -> None:
    with log() as (requests, stream):
        requests.add(b"1", "POST", "/", 200, 0.001)
        assert stream.entered.wait(10)
    assert len(entries(stream)) == 1


def test_lines_are_written_when_logging_shuts_down() -> None:
    with log() as (requests, stream):
        requests.add(b"1", "POST", "/", 200, 0.001)
        logging.shutdown([lambda: requests])  # as at the end of a worker, after any error
        assert len(entries(stream)) == 1


def test_too_many_lines_are_dropped_and_counted() -> None:
    drops: list[int] = []
    with log(drops) as (requests, stream):
        stream.gate.clear()
        requests.add(b"first", "POST", "/", 200, 0.001)
        assert stream.entered.wait(10)  # the thread is in the middle of writing
        for number in range(MAX_WAITING + 7):
            requests.add(b"%d" % number, "POST", "/", 200, 0.001)
        assert sum(drops) == 7
        stream.gate.set()
        requests.flush()
        found = entries(stream)
        written = [e["request"] for e in found if e["event"] == "request"]
        assert written == ["first", *(str(n) for n in range(MAX_WAITING))]
        assert [e["lines"] for e in found if e["event"] == "left-out"] == [7]
        requests.add(b"later", "POST", "/", 200, 0.001)
        requests.flush()
        assert entries(stream)[-1]["request"] == "later"


def test_nothing_is_written_above_the_level() -> None:
    with log() as (requests, stream):
        logging.getLogger("inference.request").setLevel(logging.WARNING)
        requests.add(b"1", "POST", "/", 200, 0.001)
        requests.flush()
        assert not stream.pieces


def test_lines_wait_for_a_thread_that_the_system_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with log() as (requests, stream):
        with monkeypatch.context() as limited:
            limited.setattr(threading.Thread, "start", refuse)
            requests.add(b"1", "POST", "/", 200, 0.001)
        assert not stream.pieces
        requests.add(b"2", "POST", "/", 200, 0.001)
        assert stream.entered.wait(10)
    assert [entry["request"] for entry in entries(stream)] == ["1", "2"]
