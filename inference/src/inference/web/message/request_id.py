"""The id of a request: the caller's ``X-Request-ID``, or one that no other request has."""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.web.message.headers import Headers

_COUNTER = itertools.count(1)
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


def request_id(headers: Headers) -> bytes:
    """Take over the caller's ``X-Request-ID``, or make one."""
    for name, value in headers:
        if name == b"x-request-id" and _ACCEPTABLE_ID.fullmatch(value):
            return value
    return make_id()


class _Process:
    """Ids are unique over processes by their beginning, and cheap by their end."""

    prefix = b""

    @classmethod
    def begin(cls) -> None:
        cls.prefix = os.urandom(6).hex().encode()


_Process.begin()
os.register_at_fork(after_in_child=_Process.begin)


def make_id() -> bytes:
    """Make an id that no other request has."""
    return b"%s-%x" % (_Process.prefix, next(_COUNTER))
