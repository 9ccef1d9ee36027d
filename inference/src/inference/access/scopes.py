"""The scope that each route requires.

A method that changes something requires ``admin``, unless the route is listed here.

=================================================  =================================
route                                              requires
=================================================  =================================
liveness and readiness of the service, ``/ping``   nothing
``/``, ``/docs``, ``/redoc``, ``/openapi.json``    nothing; models are shown to keys only
files of the pages, icons                          nothing
predict, infer, explain, what-if, invocations,
feedback                                           ``predict``
any other GET, ``/metrics`` too; the v2 index      any key
any other method: select, pin, load, unload        ``admin``
=================================================  =================================
"""

from __future__ import annotations

import enum


class RequiredScope(enum.Enum):
    """What a request must have: no key, any key, or a key with a scope."""

    NONE = "none"
    ANY_KEY = "any"
    PREDICT = "predict"
    ADMIN = "admin"


_OPEN = frozenset(
    {
        "/",
        "/healthz",
        "/readyz",
        "/ping",
        "/health",
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
_FILES = ("/static-offline-docs/", "/pages/")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_READING_BY_POST = frozenset({"/v2/repository/index"})
_PREDICTING = frozenset({"/feedback"})


def required_scope(method: str, path: str) -> RequiredScope:
    """Return what a route requires. The fast routes are not included: they require ``PREDICT``.

    Args:
        method: In upper case.
        path: Without a trailing slash.

    >>> required_scope("PUT", "/models/penguins/active")
    <RequiredScope.ADMIN: 'admin'>
    """
    if path in _PREDICTING:
        return RequiredScope.PREDICT
    if method not in _READING:
        return RequiredScope.ANY_KEY if path in _READING_BY_POST else RequiredScope.ADMIN
    if path in _OPEN or path.startswith(_FILES):
        return RequiredScope.NONE
    return RequiredScope.ANY_KEY
