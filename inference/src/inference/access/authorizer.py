"""Authorize requests by API key, scope and rate, for every protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.access.scopes import RequiredScope
from inference.errors import ClientError, ForbiddenError, UnknownCallerError
from inference.logs import KEY_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from inference.access.api_key import Caller
    from inference.access.key_store import KeyStore
    from inference.access.rate_limit import RateLimiter
    from inference.telemetry.counters import Counters

    Headers = Iterable[tuple[bytes, bytes]]

_BEARER = b"bearer "


class Grant:
    """What the key in one head allows, once that is known. It ends when the keys change."""

    __slots__ = ("caller", "callers", "required")

    def __init__(self) -> None:
        self.caller: Caller | None = None
        self.callers: Mapping[bytes, Caller] | None = None
        self.required: RequiredScope | None = None


class Authorizer:
    """Checks keys, scopes and rates.

    Args:
        keys: The valid keys.
        limiter: Limits the rate of each key; ``None`` for no limit.
        counters: Counts requests by key and outcome.
    """

    def __init__(self, keys: KeyStore, limiter: RateLimiter | None, counters: Counters) -> None:
        self._keys = keys
        self._limiter = limiter
        self._counters = counters
        self._admitted: dict[str, int] = {}  # where the admitted requests of each key are counted

    def authorize(self, headers: Headers, required: RequiredScope) -> Caller | None:
        """Check key and scope before the body is read, and set the key's name for the log.

        Args:
            headers: Names in lower case; for gRPC the call's metadata.
            required: The scope that the route requires.

        Returns:
            The caller; ``None`` if the route requires no key and the request has no known one.

        Raises:
            UnknownCallerError: No key, or an unknown key.
            ForbiddenError: The key lacks the scope.
        """
        key = presented_key(headers)
        caller = None if key is None else self._keys.find(key)
        name = "" if caller is None else caller.name
        KEY_ID.set(name or None)
        if required is RequiredScope.NONE:
            return caller
        try:
            if caller is None:
                raise UnknownCallerError(
                    "this service requires an API key: send it as 'Authorization: Bearer KEY' or "
                    "as 'X-API-Key: KEY'"
                    if key is None
                    else "the API key is unknown; it may have been replaced"
                )
            if required is not RequiredScope.ANY_KEY and required.value not in caller.scopes:
                raise ForbiddenError(f"API key '{name}' lacks scope '{required.value}'")
        except ClientError as error:
            self._count(name, str(error.status))
            raise
        return caller

    def admit(self, headers: Headers, required: RequiredScope, grant: Grant | None = None) -> None:
        """Authorize and charge a complete request.

        Args:
            headers: Names in lower case.
            required: The scope that the route requires.
            grant: Of the head with these headers; it is used, or set for the next request.

        Raises:
            UnknownCallerError: No key, or an unknown key.
            ForbiddenError: The key lacks the scope.
            RateError: The key exceeds its rate.
        """
        callers = self._keys.current()
        if grant is not None and grant.callers is callers and grant.required is required:
            caller = grant.caller
            KEY_ID.set(None if caller is None else caller.name)
        else:
            caller = self.authorize(headers, required)
            if grant is not None:
                grant.caller, grant.callers, grant.required = caller, callers, required
        self.charge(caller, required)

    def charge(self, caller: Caller | None, required: RequiredScope) -> None:
        """Count an authorized, complete request against the rate of its key.

        Raises:
            RateError: The key exceeds its rate.
        """
        if caller is None or required is RequiredScope.NONE:
            return
        try:
            if self._limiter is not None:
                self._limiter.take(caller)
        except ClientError as error:
            self._count(caller.name, str(error.status))
            raise
        index = self._admitted.get(caller.name)
        if index is None:
            index = self._admitted[caller.name] = self._counters.find((caller.name, "admitted"))
        self._counters.values[index] += 1.0

    def count_refused(self, caller: Caller | None, required: RequiredScope, status: int) -> None:
        """Count an authorized request that was refused before it was charged."""
        if caller is not None and required is not RequiredScope.NONE:
            self._count(caller.name, str(status))

    def is_authorized(self, headers: Headers, required: RequiredScope) -> bool:
        """Whether the request's key has the scope. Counts and logs nothing."""
        key = presented_key(headers)
        caller = None if key is None else self._keys.find(key)
        if caller is None:
            return False
        return required is RequiredScope.ANY_KEY or required.value in caller.scopes

    def _count(self, name: str, outcome: str) -> None:
        self._counters.values[self._counters.find((name, outcome))] += 1.0


def presented_key(headers: Headers) -> bytes | None:
    """Return the key in a request's headers; ``Authorization`` goes before ``X-API-Key``."""
    other = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == _BEARER:
            return value[7:].strip()
        if name == b"x-api-key":
            other = value
    return other
