"""What every request has, over HTTP or gRPC: an id, a caller, and its lines in the log."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import re
from typing import TYPE_CHECKING

from inference.errors import ClientError
from inference.logs import KEY_ID, REQUEST_ID, TRACE, fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.access.api_key import Caller
    from inference.access.authorizer import Authorizer, Grant
    from inference.access.scopes import RequiredScope
    from inference.model.servable import Servable

    Headers = list[tuple[bytes, bytes]]

logger = logging.getLogger(__name__)

_COUNTER = itertools.count(1)
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


class RequestContext:
    """One request. From its creation on, log lines of the same task carry its id.

    Args:
        method: The HTTP method, or ``gRPC``.
        path: The decoded path, or the name of the call.
        headers: Names in lower case; for gRPC the call's metadata.
        made_id: The id, if the headers are known to contain none.

    Attributes:
        request_id: The ``X-Request-ID`` of the caller if it is printable, else a unique one.
        chosen: The version that a split has chosen; missing before.
        state: The header with the number of the operator's choices; missing without a bucket, and
            while the request waits for a number.
    """

    __slots__ = ("chosen", "headers", "method", "path", "request_id", "state")
    chosen: Servable
    state: tuple[bytes, bytes]

    def __init__(
        self, method: str, path: str, headers: Headers, made_id: bytes | None = None
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.request_id = made_id or request_id(headers)
        REQUEST_ID.set(self.request_id)
        self.forget()

    @staticmethod
    def forget() -> None:
        """Forget the key and the trace of the last request, with which a connection shares them."""
        KEY_ID.set(None)
        TRACE.set(None)

    def admit(
        self, authorizer: Authorizer, required: RequiredScope, grant: Grant | None = None
    ) -> None:
        """Authorize and charge a request that is complete; log a denial.

        Args:
            authorizer: Checks it.
            required: The scope that the route requires.
            grant: What the key of its head allows, if the head is known.

        Raises:
            UnknownCallerError: No key, or an unknown key.
            ForbiddenError: The key lacks the scope.
            RateError: The key exceeds its rate.
        """
        try:
            authorizer.admit(self.headers, required, grant)
        except ClientError as error:
            self.log_denied(error)
            raise

    def authorize(self, authorizer: Authorizer | None, required: RequiredScope) -> Caller | None:
        """Check key and scope, unless authentication is disabled; log a denial.

        Raises:
            UnknownCallerError: No key, or an unknown key.
            ForbiddenError: The key lacks the scope.
        """
        if authorizer is None:
            return None
        try:
            return authorizer.authorize(self.headers, required)
        except ClientError as error:
            self.log_denied(error)
            raise

    @contextlib.contextmanager
    def receiving(
        self, authorizer: Authorizer | None, caller: Caller | None, required: RequiredScope
    ) -> Iterator[None]:
        """Count the request by its key, if an error within the block refuses it.

        The block receives what is left of an authorized request; it is charged afterwards.
        """
        try:
            yield
        except Exception as error:
            # The web's own exceptions, such as that of a wrong method, are of Starlette.
            status = getattr(error, "status", None) or getattr(error, "status_code", None)
            if authorizer is not None and status is not None:
                authorizer.count_refused(caller, required, status)
            raise

    def charge(
        self, authorizer: Authorizer | None, caller: Caller | None, required: RequiredScope
    ) -> None:
        """Check the rate, unless authentication is disabled; log a denial.

        Raises:
            RateError: The key exceeds its rate.
        """
        if authorizer is None:
            return
        try:
            authorizer.charge(caller, required)
        except ClientError as error:
            self.log_denied(error)
            raise

    def log_denied(self, error: ClientError) -> None:
        """Log that the request was denied."""
        what = f"{self.method} {self.path}"
        extra = fields("denied", what=what, status=error.status)
        logger.warning("denied with %d: %s: %s", error.status, what, error, extra=extra)


def identify(headers: Headers) -> bytes:
    """Return the id of a request that has no context, for the log lines of the same task, too."""
    identity = request_id(headers)
    REQUEST_ID.set(identity)
    KEY_ID.set(None)
    TRACE.set(None)
    return identity


def request_id(headers: Headers) -> bytes:
    """Return the caller's ``X-Request-ID``, or a unique id."""
    for name, value in headers:
        if name == b"x-request-id" and _ACCEPTABLE_ID.fullmatch(value):
            return value
    return make_id()


class _Process:
    """Ids are unique across processes by their prefix, and within one by a counter."""

    prefix = b""

    @classmethod
    def begin(cls) -> None:
        cls.prefix = os.urandom(6).hex().encode()


_Process.begin()
os.register_at_fork(after_in_child=_Process.begin)


def make_id() -> bytes:
    """Return a unique id."""
    return b"%s-%x" % (_Process.prefix, next(_COUNTER))
