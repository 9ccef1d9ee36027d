"""What the log looks like: one line for people, or one JSON object a line for machines.

Everything worth an alert is an *event* with fields: a start, a load, a swap, a quarantine, a
changed selection, a denied request. A line that is written while a request is answered carries that
request's id and the id of its key. Features' values are in no line, unless the operator asks: an
unexpected failure is told by its kind and its place, without its message.

Callers and files cause lines, so both the number of lines and their length are bounded.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from numbers import Number
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REQUEST_ID: ContextVar[bytes | None] = ContextVar("request_id", default=None)
KEY_ID: ContextVar[str | None] = ContextVar("key_id", default=None)

_FIELDS = "event_fields"
# What these raise unexpectedly they raised about a caller's values.
_ABOUT_VALUES = ("inference.web", "inference.serving")
_FROM_THE_SERVER = "uvicorn.error"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# Lines about files come in bursts: a folder of a thousand models starts.
_ABOUT_FILES = "inference.repository"
_BURST_SECONDS = 100.0
_TELL_SECONDS = 1.0
# The operator asks for one line a request (INFERENCE_LOG_REQUESTS), and how many were left out is
# told once a second at most.
_UNLIMITED = ("request", "left-out")
# Characters of one field, before they are escaped: a caller's, and one about a file, which holds a
# reason; and of a whole message and a traceback.
_LONGEST_FIELD, _LONGEST_REASON, _LONGEST_TEXT = 200, 1_000, 10_000


def fields(event: str, **more: object) -> dict[str, Any]:
    """Spell an event's fields for the ``extra`` of a logging call.

    >>> fields("swap", model="penguins")
    {'event_fields': {'event': 'swap', 'model': 'penguins'}}
    """
    return {_FIELDS: {"event": event, **more}}


@dataclass(slots=True)
class _Bucket:
    """The lines of one place in the code: how many it may write now, and how many it could not."""

    tokens: float
    filled: float
    left_out: int = 0


class LineLimit(logging.Filter):
    """Bounds the lines that each place in the code writes, and tells how many were left out.

    Args:
        per_second: Lines of one place; 0 for no limit. Lines about files may come in bursts.
        clock: Seconds, monotonic.
        later: Calls something after so many seconds, in another thread.
    """

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        super().__init__()
        self._per_second = per_second
        self._clock = clock
        self._later = later or _in_thread
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, int], _Bucket] = {}
        self._telling = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is written."""
        event = getattr(record, _FIELDS, {}).get("event")
        if not self._per_second or event in _UNLIMITED:
            return True
        burst = max(1.0, self._per_second)
        if record.name.startswith(_ABOUT_FILES):
            burst *= _BURST_SECONDS
        place = (record.name, record.pathname, record.lineno)
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(place, _Bucket(burst, now))
            gained = (now - bucket.filled) * self._per_second
            bucket.tokens, bucket.filled = min(burst, bucket.tokens + gained), now
            if bucket.tokens >= 1.0:
                bucket.tokens -= 1.0
                return True
            bucket.left_out += 1
            telling, self._telling = self._telling, True
        if not telling:
            self._later(_TELL_SECONDS, self._tell)
        return False

    def _tell(self) -> None:
        with self._lock:
            self._telling = False
            left = [(p, b.left_out) for p, b in self._buckets.items() if b.left_out]
            for bucket in self._buckets.values():
                bucket.left_out = 0
        for (name, path, number), count in left:
            place = f"{path.rpartition('/')[2]}:{number}"
            told = fields("left-out", lines=count, place=place)
            said = "%d more lines of %s were left out"
            logging.getLogger(name).warning(said, count, place, extra=told)


def _in_thread(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


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
            spelt["traceback"] = record.exc_text
        return json.dumps(spelt, ensure_ascii=False, default=str)


def configure(
    form: str,
    level: str,
    *,
    worker: str = "",
    values: bool = False,
    lines_per_second: float = 10,
) -> None:
    """Send every record of this process to standard error.

    Args:
        form: ``text`` or ``json``.
        level: The least that is told.
        worker: The worker's number; empty for the only process.
        values: Whether messages of unexpected failures are shown.
        lines_per_second: Lines that each place in the code may write; 0 for no limit.
    """
    formatter = JsonFormatter if form == "json" else TextFormatter
    handler = logging.StreamHandler()
    handler.addFilter(LineLimit(lines_per_second))
    handler.setFormatter(formatter(worker=worker, values=values))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _context() -> dict[str, str]:
    request, key = REQUEST_ID.get(), KEY_ID.get()
    spelt = {} if request is None else {"request": request.decode("latin-1")}
    return spelt if key is None else spelt | {"key": key}


def _bounded(record: logging.LogRecord) -> logging.LogRecord:
    """Cut what is too long in a line: its fields, and the whole."""
    about_files = record.name.startswith(_ABOUT_FILES)
    longest = _LONGEST_REASON if about_files else _LONGEST_FIELD
    told = logging.makeLogRecord(record.__dict__)
    if isinstance(record.args, tuple):
        told.args = tuple(_shorten(record.args, longest))
    told.msg, told.args = _cut(told.getMessage(), _LONGEST_TEXT), ()
    if record.exc_info:
        trace = record.exc_text or logging.Formatter().formatException(record.exc_info)
        told.exc_text = _cut(trace, _LONGEST_TEXT)
    event: dict[str, object] = getattr(record, _FIELDS, {})
    setattr(told, _FIELDS, dict(zip(event, _shorten(event.values(), longest), strict=True)))
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
