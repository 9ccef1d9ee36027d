from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from inference.logs import KEY_ID, REQUEST_ID, JsonFormatter, LineLimit, TextFormatter, fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def written() -> Iterator[Callable[[logging.Formatter, str], tuple[logging.Logger, io.StringIO]]]:
    """Give a logger of a name that writes with a formatter, and what it has written."""
    made: list[tuple[logging.Logger, logging.Handler]] = []

    def make(formatter: logging.Formatter, name: str) -> tuple[logging.Logger, io.StringIO]:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        made.append((logger, handler))
        return logger, stream

    yield make
    for logger, handler in made:
        logger.removeHandler(handler)


@pytest.fixture
def _in_a_request() -> Iterator[None]:
    request, key = REQUEST_ID.set(b"r-1"), KEY_ID.set("ops")
    yield
    REQUEST_ID.reset(request)
    KEY_ID.reset(key)


@pytest.mark.usefixtures("_in_a_request")
def test_a_line_names_request_and_key(written: Any) -> None:
    logger, stream = written(TextFormatter(worker="1"), "inference.test")
    logger.info("it happened")
    assert stream.getvalue().endswith("INFO    [1] it happened (request r-1, key ops)\n")


@pytest.mark.usefixtures("_in_a_request")
def test_an_event_is_one_object_with_its_fields(written: Any) -> None:
    logger, stream = written(JsonFormatter(worker="1"), "inference.test")
    logger.warning("model %s\nis gone", "é", extra=fields("swap", model="é", version=2))
    [line] = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "warning", "logger": "inference.test", "message": "model é\nis gone",
        "worker": 1, "request": "r-1", "key": "ops",
        "event": "swap", "model": "é", "version": 2,
    }  # fmt: skip


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_message_of_an_unexpected_exception_is_omitted_by_default(
    written: Any, formatter: Any
) -> None:
    def fail(values: bool, name: str) -> str:
        logger, stream = written(formatter(values=values), name)
        try:
            int("SECRET")
        except ValueError as error:
            logger.error("failed", exc_info=error)  # noqa: TRY400
        return str(stream.getvalue())

    hidden = fail(values=False, name="inference.serving.test")
    assert "SECRET" not in hidden
    assert "ValueError" in hidden
    assert "test_format.py:" in hidden
    assert "SECRET" in fail(values=True, name="inference.web.test")
    assert "SECRET" in fail(values=False, name="inference.repository.test")


def test_no_message_makes_a_second_line(written: Any) -> None:
    logger, stream = written(TextFormatter(), "inference.test")
    logger.info("path %s", "/a\nFORGED\x1b[2J\u2028")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()


class Clock:
    """A clock that a test advances, with calls that are due later."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.due.append((self.now + seconds, call))

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds
        due = [call for when, call in self.due if when <= self.now]
        self.due = [(when, call) for when, call in self.due if when > self.now]
        for call in due:
            call()


def _limited(written: Any, name: str, clock: Clock) -> tuple[logging.Logger, io.StringIO]:
    logger, stream = written(TextFormatter(), name)
    limit = LineLimit(10, clock=lambda: clock.now, later=clock.later)
    logger.handlers[0].addFilter(limit)
    return logger, stream


def _deny(logger: logging.Logger, times: int, event: str = "denied") -> None:
    for _ in range(times):
        logger.warning("denied", extra=fields(event))


@pytest.mark.parametrize(("denied", "logged"), [(9, 9), (10, 10), (11, 10), (5000, 10)])
def test_lines_above_the_rate_are_omitted_and_counted(
    written: Any, denied: int, logged: int
) -> None:
    clock = Clock()
    logger, stream = _limited(written, "inference.web.test", clock)
    _deny(logger, denied)
    assert stream.getvalue().count(" denied") == logged
    clock.pass_seconds(1)
    counted = f"{denied - logged} more lines from test_format.py:"
    assert (counted in stream.getvalue()) == (denied > logged)
    _deny(logger, 3)
    assert stream.getvalue().count(" denied") == logged + 3
    clock.pass_seconds(1)
    assert stream.getvalue().count("were omitted") == (denied > logged)


def test_omitted_lines_are_counted_once_a_second(written: Any) -> None:
    clock = Clock()
    logger, stream = _limited(written, "inference.web.test", clock)
    for _ in range(100):
        _deny(logger, 100)
        clock.pass_seconds(0.1)
    assert 100 <= stream.getvalue().count(" denied") <= 111
    assert 9 <= stream.getvalue().count("were omitted") <= 10


def test_one_kind_of_line_does_not_silence_another(written: Any) -> None:
    logger, stream = _limited(written, "inference.web.test", Clock())
    _deny(logger, 100)
    logger.info("another")
    assert "another" in stream.getvalue()


def test_lines_of_logged_requests_are_not_limited(written: Any) -> None:
    logger, stream = _limited(written, "inference.request", Clock())
    _deny(logger, 100, event="request")
    assert stream.getvalue().count(" denied") == 100


def test_a_folder_of_many_files_may_log_a_burst(written: Any) -> None:
    logger, stream = _limited(written, "inference.repository.test", Clock())
    _deny(logger, 1001, event="quarantine")
    assert stream.getvalue().count(" denied") == 1000


@pytest.mark.parametrize("length", [199, 200, 201, 1_000_000])
@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_no_field_of_a_caller_is_longer_than_200_characters(
    written: Any, formatter: Any, length: int
) -> None:
    logger, stream = written(formatter(), "inference.web.test")
    path = "x" * length
    logger.warning(
        "denied: %s: %s in %d", path, ValueError(path), 3, extra=fields("denied", what=path)
    )
    shown = stream.getvalue()
    fields_shown = 3 if formatter is JsonFormatter else 2
    assert shown.count("x" * min(length, 200)) == fields_shown
    assert "x" * 201 not in shown
    assert (f"... ({length:,} characters)" in shown) == (length > 200)


def test_a_reason_about_a_file_may_be_longer_than_a_callers_field(written: Any) -> None:
    logger, stream = written(TextFormatter(), "inference.repository.test")
    logger.warning("quarantined: %s", "x" * 600)
    logger.warning("quarantined: %s", "y" * 6000)
    assert "x" * 600 in stream.getvalue()
    assert "y" * 1001 not in stream.getvalue()


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_a_traceback_is_bounded(written: Any, formatter: Any) -> None:
    logger, stream = written(formatter(values=True), "inference.web.test")
    logger.error("failed", exc_info=ValueError("x" * 1_000_000))
    assert "ValueError" in stream.getvalue()
    assert len(stream.getvalue()) < 11_000


def test_another_process_has_a_name_instead_of_a_number(written: Any) -> None:
    logger, stream = written(JsonFormatter(worker="storage"), "inference.test")
    logger.info("copied")
    assert json.loads(stream.getvalue())["worker"] == "storage"


def test_omitted_lines_are_counted_once_there_is_a_thread_for_it(written: Any) -> None:
    clock = Clock()
    logger, stream = written(TextFormatter(), "inference.web.test")
    threads = iter([False, True])

    def later(seconds: float, call: Callable[[], None]) -> None:
        if not next(threads):
            raise RuntimeError("can't start new thread")
        clock.later(seconds, call)

    logger.handlers[0].addFilter(LineLimit(10, clock=lambda: clock.now, later=later))
    _deny(logger, 12)
    clock.pass_seconds(1)
    assert "2 more lines from test_format.py:" in stream.getvalue()


def test_no_message_of_an_exception_makes_a_line_that_looks_like_a_record(written: Any) -> None:
    logger, stream = written(TextFormatter(), "inference.repository.test")
    error = ValueError("a\n2026-01-01 00:00:00,000 INFO    FORGED\r\x1b[2J\u2028FORGED")
    logger.error("failed", exc_info=error)
    first, *others = stream.getvalue().removesuffix("\n").split("\n")
    assert "ERROR   failed" in first
    assert all(line.startswith("  ") for line in others)
    assert "ValueError: a" in stream.getvalue()
    assert not {"\r", "\x1b", "\u2028"} & set(stream.getvalue())
