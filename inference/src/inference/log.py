"""What the log looks like: one line for people, or one JSON object a line for machines.

Everything worth an alert is an *event* with fields: a start, a load, a swap, a quarantine, a
changed selection, a denied request. A line that is written while a request is answered carries that
request's id and the id of its key. Features' values are in no line, unless the operator asks: an
unexpected failure is told by its kind and its place, without its message.
"""

from __future__ import annotations

import json
import logging
import re
import time
from contextvars import ContextVar
from typing import Any

REQUEST_ID: ContextVar[bytes | None] = ContextVar("request_id", default=None)
KEY_ID: ContextVar[str | None] = ContextVar("key_id", default=None)

_FIELDS = "event_fields"
# What these raise unexpectedly they raised about a caller's values.
_ABOUT_VALUES = ("inference.web", "inference.serving")
_FROM_THE_SERVER = "uvicorn.error"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def fields(event: str, **more: object) -> dict[str, Any]:
    """Spell an event's fields for the ``extra`` of a logging call.

    >>> fields("swap", model="penguins")
    {'event_fields': {'event': 'swap', 'model': 'penguins'}}
    """
    return {_FIELDS: {"event": event, **more}}


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
        return super().format(_without_values(record, keep=self._values))


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
        record = _without_values(record, keep=self._values)
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        spelt: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._worker,
            **_context(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            spelt["traceback"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(spelt, ensure_ascii=False, default=str)


def configure(form: str, level: str, *, worker: str = "", values: bool = False) -> None:
    """Send every record of this process to standard error.

    Args:
        form: ``text`` or ``json``.
        level: The least that is told.
        worker: The worker's number; empty for the only process.
        values: Whether messages of unexpected failures are shown.
    """
    formatter = JsonFormatter if form == "json" else TextFormatter
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(worker=worker, values=values))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _context() -> dict[str, str]:
    request, key = REQUEST_ID.get(), KEY_ID.get()
    spelt = {} if request is None else {"request": request.decode("latin-1")}
    return spelt if key is None else spelt | {"key": key}


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
