"""The fields of an event, and the ids of request, key and trace."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

REQUEST_ID: ContextVar[bytes | None] = ContextVar("request_id", default=None)
KEY_ID: ContextVar[str | None] = ContextVar("key_id", default=None)
# What traces the request: an object with `trace_id` and `span_id`, while requests are traced.
TRACE: ContextVar[Any] = ContextVar("trace", default=None)

FIELDS = "event_fields"
LINES = "request_lines"  # marks a record whose message is lines that are formatted already
# Lines about files come in bursts, for example at the start with a thousand models.
ABOUT_FILES = ("inference.repository", "inference.admission")


def fields(event: str, **more: object) -> dict[str, Any]:
    """Return the ``extra`` of a logging call for an event.

    >>> fields("swap", model="penguins")
    {'event_fields': {'event': 'swap', 'model': 'penguins'}}
    """
    return {FIELDS: {"event": event, **more}}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the event and fields of a record; empty if it is not an event."""
    found: dict[str, Any] = getattr(record, FIELDS, {})
    return found
