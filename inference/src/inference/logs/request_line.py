"""The log line of one answered request.

It is what :mod:`inference.logs.format` would make of the event, in a twentieth of the time.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from inference.logs.format import escape_controls, shorten_field

if TYPE_CHECKING:
    from collections.abc import Callable

_KNOWN = 1024  # methods and paths


class RequestLine(Protocol):
    """Makes lines."""

    def __call__(  # noqa: PLR0913 - the parts of a line
        self,
        created: float,
        request: bytes,
        key: str | None,
        *,
        method: str,
        path: str,
        status: int,
        ms: float,
        trace: Any = None,
    ) -> str:
        """Return the line, without its end.

        Args:
            created: The time, in seconds since the epoch.
            request: The id of the request: letters, digits and ``._:/+=-``.
            key: The name of its key, if it has one: letters, digits and ``._-``.
            method: Its method.
            path: Its decoded path.
            status: The status of the answer.
            ms: How long the answer took, in milliseconds.
            trace: Has the ids of its trace; ``None`` if it is not traced.
        """


class _Clock:
    """Formats times; the part up to the second is kept as long as it is the same.

    Args:
        layout: As for :func:`time.strftime`.
        convert: Converts seconds since the epoch to the time to show.
    """

    def __init__(self, layout: str, convert: Callable[[float], time.struct_time]) -> None:
        self._layout = layout
        self._convert = convert
        self._second, self._text = -1, ""

    def format(self, created: float, separator: str) -> str:
        """Return a time with milliseconds behind the separator."""
        second = int(created)
        if second != self._second:
            self._text = time.strftime(self._layout, self._convert(second))
            self._second = second
        return f"{self._text}{separator}{int((created - second) * 1000):03d}"


class JsonRequestLine:
    """Makes JSON objects.

    Args:
        worker: The worker's number; empty for a single process.
    """

    def __init__(self, worker: str = "") -> None:
        self._worker = f', "worker": {int(worker)}' if worker else ""
        self._clock = _Clock("%Y-%m-%dT%H:%M:%S", time.gmtime)

    def __call__(  # noqa: PLR0913 - as the protocol has it
        self,
        created: float,
        request: bytes,
        key: str | None,
        *,
        method: str,
        path: str,
        status: int,
        ms: float,
        trace: Any = None,
    ) -> str:
        """See :class:`RequestLine`."""
        message, fields = _json_parts(method, path)
        named = f', "key": "{key}"' if key else ""
        if trace is not None:
            named += f', "trace_id": "{trace.trace_id}", "span_id": "{trace.span_id}"'
        return (
            f'{{"time": "{self._clock.format(created, ".")}Z", "level": "info", '
            f'"logger": "inference.request", "message": "{message}: {status} in {ms:g} ms"'
            f'{self._worker}, "request": "{request.decode("latin-1")}"{named}, '
            f'"event": "request", {fields}, "status": {status}, "ms": {ms!r}}}'
        )


class TextRequestLine:
    """Makes lines for people.

    Args:
        worker: The worker's number; empty for a single process.
    """

    def __init__(self, worker: str = "") -> None:
        self._worker = f" [{worker}]" if worker else ""
        self._clock = _Clock("%Y-%m-%d %H:%M:%S", time.localtime)

    def __call__(  # noqa: PLR0913 - as the protocol has it
        self,
        created: float,
        request: bytes,
        key: str | None,
        *,
        method: str,
        path: str,
        status: int,
        ms: float,
        trace: Any = None,
    ) -> str:
        """See :class:`RequestLine`."""
        named = f", key {key}" if key else ""
        if trace is not None:
            named += f", trace_id {trace.trace_id}, span_id {trace.span_id}"
        return (
            f"{self._clock.format(created, ',')} INFO   {self._worker} "
            f"{_text_part(method, path)}: {status} in {ms:g} ms "
            f"(request {request.decode('latin-1')}{named})"
        )


@lru_cache(maxsize=_KNOWN)
def _json_parts(method: str, path: str) -> tuple[str, str]:
    """Return the beginning of the message, and the fields, as parts of a JSON object."""
    method, path = shorten_field(method), shorten_field(path)
    message = json.dumps(f"{method} {path}", ensure_ascii=False)[1:-1]
    fields = json.dumps({"method": method, "path": path}, ensure_ascii=False)[1:-1]
    return message, fields


@lru_cache(maxsize=_KNOWN)
def _text_part(method: str, path: str) -> str:
    return escape_controls(f"{shorten_field(method)} {shorten_field(path)}")
