"""Lines: text for people, or one JSON object a line for machines. Their length is bounded.

Features' values are in no line, unless the operator asks: an unexpected failure is told by its kind
and its place, without its message.
"""

from __future__ import annotations

import json
import logging
import re
import time
from numbers import Number
from typing import TYPE_CHECKING, Any

from inference.logs.record import ABOUT_FILES, FIELDS, KEY_ID, REQUEST_ID, fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# What these raise unexpectedly they raised about a caller's values.
_ABOUT_VALUES = ("inference.web", "inference.serving")
_FROM_THE_SERVER = "uvicorn.error"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Characters of one field, before they are escaped: a caller's, and one about a file, which holds a
# reason; and of a whole message and a traceback.
_LONGEST_FIELD, _LONGEST_REASON, _LONGEST_TEXT = 200, 1_000, 10_000


class TextFormatter(logging.Formatter):
    """Lines for people.

    Args:
        worker: The worker's number; empty for the only process.
        values: Whether messages of unexpected failures are shown.
    """

    def __init__(self, *, worker: str = "", values: bool = False) -> None:
        place = f" [{worker}]" if worker else ""
        super().__init__(f"%(asctime)s %(levelname)-7s{place} %(message)s")
        self._values = values

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Write the line, with the request's and the key's id behind it."""
        # A caller's path, say, must not look like a line of its own.
        line = _CONTROL.sub(_escape, super().formatMessage(record))
        context = _context()
        if not context:
            return line
        return f"{line} ({', '.join(f'{name} {value}' for name, value in context.items())})"

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
        return super().format(_bounded(_without_values(record, keep=self._values)))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, message, event, its fields, request and key.

    Args:
        worker: The worker's number; empty for the only process.
        values: Whether messages of unexpected failures are shown.
    """

    def __init__(self, *, worker: str = "", values: bool = False) -> None:
        super().__init__()
        self._worker = {"worker": int(worker)} if worker else {}
        self._values = values

    def format(self, record: logging.LogRecord) -> str:
        """Write the record."""
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


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _context() -> dict[str, str]:
    request, key = REQUEST_ID.get(), KEY_ID.get()
    entry = {} if request is None else {"request": request.decode("latin-1")}
    return entry if key is None else entry | {"key": key}


def _bounded(record: logging.LogRecord) -> logging.LogRecord:
    """Cut what is too long in a line: its fields, and the whole."""
    about_files = record.name.startswith(ABOUT_FILES)
    longest = _LONGEST_REASON if about_files else _LONGEST_FIELD
    told = logging.makeLogRecord(record.__dict__)
    if isinstance(record.args, tuple):
        told.args = tuple(_shorten(record.args, longest))
    told.msg, told.args = _cut(told.getMessage(), _LONGEST_TEXT), ()
    if record.exc_info:
        trace = record.exc_text or logging.Formatter().formatException(record.exc_info)
        told.exc_text = _cut(trace, _LONGEST_TEXT)
    event = fields_of(record)
    setattr(told, FIELDS, dict(zip(event, _shorten(event.values(), longest), strict=True)))
    return told


def _shorten(values: Iterable[object], longest: int) -> list[object]:
    short = (Number, list, tuple, dict, type(None))
    return [v if isinstance(v, short) else _cut(str(v), longest) for v in values]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text):,} characters)"


def _without_values(record: logging.LogRecord, *, keep: bool) -> logging.LogRecord:
    """Leave the message of an unexpected failure out: only its kind and its place are told."""
    if keep or not record.exc_info or not record.exc_info[0]:
        return record
    served = record.name == _FROM_THE_SERVER and record.msg.startswith("Exception in ASGI")
    if not served and not record.name.startswith(_ABOUT_VALUES):
        return record
    told = logging.makeLogRecord(record.__dict__)
    told.exc_text = _places(record.exc_info[1])
    return told


def _places(error: BaseException | None) -> str:
    lines = []
    while error is not None:
        lines.append(f"{type(error).__name__}, its message left out (INFERENCE_LOG_VALUES)")
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            lines.append(f"  {code.co_filename}:{trace.tb_lineno} in {code.co_name}")
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
    return "\n".join(lines)
