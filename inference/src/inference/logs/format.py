"""Formats of log lines, with limits on their length.

No line contains feature values, unless ``INFERENCE_LOG_VALUES`` is set: the message of an
unexpected exception is omitted; the log contains only the exception's type and traceback.
"""

from __future__ import annotations

import json
import logging
import re
import time
from numbers import Number
from typing import TYPE_CHECKING, Any

from inference.logs.record import ABOUT_FILES, FIELDS, KEY_ID, LINES, REQUEST_ID, TRACE, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# Unexpected exceptions of these packages can contain a caller's values.
_ABOUT_VALUES = ("inference.web", "inference.serving")
_FROM_THE_SERVER = "uvicorn.error"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Maximum characters, before escaping: a field from a caller, a field about a file, a whole message
# or traceback.
_LONGEST_FIELD, _LONGEST_REASON, _LONGEST_TEXT = 200, 1_000, 10_000


class TextFormatter(logging.Formatter):
    """Text lines for people.

    Args:
        worker: The worker's number; empty for a single process.
        values: Whether to show the messages of unexpected exceptions.
    """

    def __init__(self, *, worker: str = "", values: bool = False) -> None:
        number = f" [{worker}]" if worker else ""
        super().__init__(f"%(asctime)s %(levelname)-7s{number} %(message)s")
        self._values = values

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line, followed by the ids of request, key and trace."""
        # A value from a caller, such as a path, must not look like another line.
        line = escape_controls(super().formatMessage(record))
        context = _context()
        if not context:
            return line
        return f"{line} ({', '.join(f'{name} {value}' for name, value in context.items())})"

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record."""
        if hasattr(record, LINES):
            return str(record.msg)
        bounded = _bounded(_without_values(record, keep=self._values))
        if bounded.exc_text:
            # A line of an error's message, such as one about a file, must not look like a record.
            lines = bounded.exc_text.splitlines()
            bounded.exc_text = "\n".join(f"  {escape_controls(line)}" for line in lines)
        return super().format(bounded)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, message, event with its fields, request and key.

    Args:
        worker: The worker's number, or the name of another process; empty for a single process.
        values: Whether to show the messages of unexpected exceptions.
    """

    def __init__(self, *, worker: str = "", values: bool = False) -> None:
        super().__init__()
        shown = int(worker) if worker.isdigit() else worker
        self._worker = {"worker": shown} if worker else {}
        self._values = values

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record."""
        if hasattr(record, LINES):
            return str(record.msg)
        record = _bounded(_without_values(record, keep=self._values))
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._worker,
            **_context(),
            **fields_of(record),
        }
        if record.exc_info:
            entry["traceback"] = record.exc_text
        return json.dumps(entry, ensure_ascii=False, default=str)


def escape_controls(text: str) -> str:
    """Return a text in which nothing looks like the beginning of another line."""
    return _CONTROL.sub(_escape, text)


def shorten_field(text: str) -> str:
    """Return a field from a caller, cut to its maximum length."""
    return _cut(text, _LONGEST_FIELD)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _context() -> dict[str, str]:
    request, key, trace = REQUEST_ID.get(), KEY_ID.get(), TRACE.get()
    entry = {} if request is None else {"request": request.decode("latin-1")}
    if key is not None:
        entry["key"] = key
    if trace is not None:  # the names that OpenTelemetry recommends
        entry |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    return entry


def _bounded(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy with shortened fields, message and traceback."""
    about_files = record.name.startswith(ABOUT_FILES)
    longest = _LONGEST_REASON if about_files else _LONGEST_FIELD
    copy = logging.makeLogRecord(record.__dict__)
    if isinstance(record.args, tuple):
        copy.args = tuple(_shorten(record.args, longest))
    copy.msg, copy.args = _cut(copy.getMessage(), _LONGEST_TEXT), ()
    if record.exc_info:
        trace = record.exc_text or logging.Formatter().formatException(record.exc_info)
        copy.exc_text = _cut(trace, _LONGEST_TEXT)
    event = fields_of(record)
    setattr(copy, FIELDS, dict(zip(event, _shorten(event.values(), longest), strict=True)))
    return copy


def _shorten(values: Iterable[object], longest: int) -> list[object]:
    short = (Number, list, tuple, dict, type(None))
    return [v if isinstance(v, short) else _cut(str(v), longest) for v in values]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


def _without_values(record: logging.LogRecord, *, keep: bool) -> logging.LogRecord:
    """Replace the traceback of an unexpected exception by one without messages."""
    if keep or not record.exc_info or not record.exc_info[0]:
        return record
    served = record.name == _FROM_THE_SERVER and record.msg.startswith("Exception in ASGI")
    if not served and not record.name.startswith(_ABOUT_VALUES):
        return record
    copy = logging.makeLogRecord(record.__dict__)
    copy.exc_text = _frames(record.exc_info[1])
    return copy


def _frames(error: BaseException | None) -> str:
    lines = []
    while error is not None:
        lines.append(f"{type(error).__name__}, message omitted (INFERENCE_LOG_VALUES)")
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            lines.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_name}")
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
    return "\n".join(lines)
