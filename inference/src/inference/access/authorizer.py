"""The gate: lets a request in, or raises why not. The same for every protocol."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from inference.access.scopes import Need
from inference.errors import ClientError, ForbiddenError, UnknownCallerError
from inference.logs import KEY_ID, fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inference.access.api_key import Caller
    from inference.access.key_store import Keyring
    from inference.access.rate_limit import Rates
    from inference.telemetry.counters import Counters

    Headers = Iterable[tuple[bytes, bytes]]

logger = logging.getLogger(__name__)

_BEARER = b"bearer "


class Gate:
    """Checks keys, scopes and rates.

    Args:
        keyring: The keys.
        rates: How often each may ask; ``None`` for no limit.
        counters: Where requests are counted by key and outcome.
    """

    def __init__(self, keyring: Keyring, rates: Rates | None, counters: Counters) -> None:
        self._keyring = keyring
        self._rates = rates
        self._counters = counters

    def admit(self, headers: Headers, need: Need) -> Caller | None:
        """Let a request in: :meth:`identify` and :meth:`charge` in one.

        Raises:
            UnknownCallerError: There is no key, or none that is known.
            ForbiddenError: The key has not the scope.
            RateError: The key has asked too often.
        """
        caller = self.identify(headers, need)
        self.charge(caller, need)
        return caller

    def identify(self, headers: Headers, need: Need) -> Caller | None:
        """Find out whose request it is, before any of its body is read; note its key for the log.

        Args:
            headers: Names in lower case; for gRPC its metadata.
            need: What the request needs.

        Returns:
            Whose request it is; ``None`` where nothing is needed and nobody is known.

        Raises:
            UnknownCallerError: There is no key, or none that is known.
            ForbiddenError: The key has not the scope.
        """
        key = presented_key(headers)
        caller = None if key is None else self._keyring.find(key)
        name = "" if caller is None else caller.name
        KEY_ID.set(name or None)
        if need is Need.NOTHING:
            return caller
        try:
            if caller is None:
                raise UnknownCallerError(
                    "this service needs a key: send it as 'Authorization: Bearer KEY' or as "
                    "'X-API-Key: KEY'"
                    if key is None
                    else "the key is not known to this service; it may have been replaced"
                )
            if need is not Need.ANY_KEY and need.value not in caller.scopes:
                raise ForbiddenError(f"key '{name}' has not the scope '{need.value}'")
        except ClientError as error:
            self._count(name, str(error.status))
            raise
        return caller

    def charge(self, caller: Caller | None, need: Need) -> None:
        """Count a request that has come whole, and that is answered next.

        Raises:
            RateError: The key has asked too often.
        """
        if caller is None or need is Need.NOTHING:
            return
        try:
            if self._rates is not None:
                self._rates.take(caller)
        except ClientError as error:
            self._count(caller.name, str(error.status))
            raise
        self._count(caller.name, "admitted")

    def is_welcome(self, headers: Headers, need: Need) -> bool:
        """Tell whether a request has a key for what it needs, and count nothing."""
        key = presented_key(headers)
        caller = None if key is None else self._keyring.find(key)
        return caller is not None and need.value in caller.scopes

    def _count(self, name: str, outcome: str) -> None:
        self._counters.values[self._counters.find((name, outcome))] += 1.0


def log_denied(what: str, error: ClientError) -> None:
    """Log that a request was not let in.

    Args:
        what: What was asked for.
        error: What the gate raised.
    """
    told = fields("denied", what=what, status=error.status)
    logger.warning("denied with %d: %s: %s", error.status, what, error, extra=told)


def presented_key(headers: Headers) -> bytes | None:
    """Find the key that a request shows; ``Authorization`` goes before ``X-API-Key``."""
    other = None
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == _BEARER:
            return value[7:].strip()
        if name == b"x-api-key":
            other = value
    return other
