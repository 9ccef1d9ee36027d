"""Which scope a route needs.

What is not listed needs the most: a route that changes something needs ``admin`` unless it is said
here that it does not.

=================================================  =================================
route                                              needs
=================================================  =================================
liveness and readiness of the service              nothing
``/docs``, ``/redoc``, ``/openapi.json``, icons    nothing; models are told to keys
predict and infer                                  ``predict``
any other GET, ``/metrics`` too; the v2 index      any key
any other method: select, pin, load, unload        ``admin``
=================================================  =================================
"""

from __future__ import annotations

import enum


class Need(enum.Enum):
    """What a request needs."""

    NOTHING = "nothing"
    ANY_KEY = "any"
    PREDICT = "predict"
    ADMIN = "admin"


_OPEN = frozenset(
    {
        "/",
        "/healthz",
        "/readyz",
        "/v2/health/live",
        "/v2/health/ready",
        "/docs",
        "/docs/docs.js",
        "/docs/redoc.js",
        "/redoc",
        "/favicon.ico",
        "/favicon.svg",
        "/openapi.json",
    }
)
_FILES = "/static-offline-docs/"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_READING_BY_POST = frozenset({"/v2/repository/index"})


def need_of(method: str, path: str) -> Need:
    """Tell what a request to a route that is not hot needs.

    Args:
        method: In capitals.
        path: Without a slash at the end.

    >>> need_of("PUT", "/models/penguins/active")
    <Need.ADMIN: 'admin'>
    """
    if method not in _READING:
        return Need.ANY_KEY if path in _READING_BY_POST else Need.ADMIN
    if path in _OPEN or path.startswith(_FILES):
        return Need.NOTHING
    return Need.ANY_KEY
