"""The log: text lines for people, or one JSON object per line for programs.

Everything that is worth an alert is an *event* with fields: a start, a load, a swap, a quarantine,
a changed selection, a denied request. A line that is written during a request contains the ids of
the request, its key and its trace. An event that all workers see is logged by one of them.
"""

from __future__ import annotations

from inference.logs.format import JsonFormatter, TextFormatter
from inference.logs.line_limit import LineLimit
from inference.logs.once import ONCE_DOUBLES, Once
from inference.logs.record import KEY_ID, REQUEST_ID, TRACE, fields
from inference.logs.request_line import JsonRequestLine, TextRequestLine
from inference.logs.request_log import AnsweredRequests, RequestLog

__all__ = [
    "KEY_ID",
    "ONCE_DOUBLES",
    "REQUEST_ID",
    "TRACE",
    "AnsweredRequests",
    "JsonFormatter",
    "JsonRequestLine",
    "LineLimit",
    "Once",
    "RequestLog",
    "TextFormatter",
    "TextRequestLine",
    "fields",
]
