from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from inference.log import KEY_ID, REQUEST_ID, JsonFormatter, TextFormatter, fields

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
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "warning", "logger": "inference.test", "message": "model é\nis gone",
        "worker": 1, "request": "r-1", "key": "ops",
        "event": "swap", "model": "é", "version": 2,
    }  # fmt: skip


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter])
def test_the_message_of_an_unexpected_failure_is_left_out_unless_asked_for(
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
    assert "test_log.py:" in hidden
    assert "SECRET" in fail(values=True, name="inference.web.test")
    assert "SECRET" in fail(values=False, name="inference.repository.test")


def test_no_message_makes_a_second_line(written: Any) -> None:
    logger, stream = written(TextFormatter(), "inference.test")
    logger.info("path %s", "/a\nFORGED\x1b[2J\u2028")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
