"""Requests that browsers send for web pages: which hosts and sites are allowed.

A browser sends requests for any page, also to loopback addresses. Three rules protect against
pages of other sites:

- ``Host`` names this service. A page whose domain name resolves to a loopback address (DNS
  rebinding) still sends its own name.
- A request that is not a plain read comes from this service's own pages, or from a site that the
  operator lists in ``INFERENCE_CORS_ORIGINS``.
- Only pages of a listed site can read answers: the browser asks for the CORS headers.

Sources: https://fetch.spec.whatwg.org/#http-cors-protocol, https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from inference.access.request_context import request_id
from inference.errors import HostError, OriginError
from inference.web.trusted_proxies import Proxies

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from inference.errors import ClientError
    from inference.settings import Settings
    from inference.web.message.headers import Headers

    Refuse = Callable[[ClientError, Scope, Send], Awaitable[None]]

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({b"same-origin", b"none"})  # "none": the person typed the address
# No public domain name has no dot, so no page of the internet has such a host.
_NAME_WITHOUT_DOT = re.compile(r"[a-z0-9_-]+")
_MOST_KNOWN_HOSTS = 64
# What pages send, and the header whose requests have to wait, see inference.web.state_numbers.
_NOT_EXEMPT = frozenset(
    {b"origin", b"sec-fetch-site", b"access-control-request-method", b"rookery-state-min"}
)
_OF_PREFLIGHTS = (b"origin", b"access-control-request-method")
_LONGEST_SHOWN = 200
# What a page may read beside the headers that CORS always permits.
_EXPOSED = (
    "ETag",
    "Inference-Header-Content-Length",
    "Retry-After",
    "Rookery-State",
    "Server-Timing",
    "TraceResponse",
    "WWW-Authenticate",
    "X-Request-ID",
)


class BrowserPolicy:
    """Decides which requests of browsers are answered.

    Args:
        allowed_hosts: Names in ``Host`` that are answered beside addresses, ``localhost`` and names
            without a dot; ``*.example.com`` stands for all names below, ``*`` for all. ``None``
            answers every host.
        cors_origins: Origins whose pages may ask and read, such as ``https://app.example.com``;
            ``*`` for all.
        proxies: Return the host by which clients know the service, see :meth:`Proxies.hosts`.
    """

    def __init__(
        self,
        allowed_hosts: Sequence[str] | None = None,
        cors_origins: Sequence[str] = (),
        proxies: Proxies | None = None,
    ) -> None:
        self._proxies = proxies or Proxies()
        self._hosts = None if allowed_hosts is None or "*" in allowed_hosts else allowed_hosts
        self._origins = cors_origins
        self._known_hosts: set[bytes] = set()

    def is_exempt(self, headers: Headers, by_name: dict[bytes, bytes] | None = None) -> bool:
        """Whether no rule applies to a request: its host is allowed, and no page sent it.

        A request that demands a number of the operator's choices is not exempt, either.

        Args:
            headers: Names in lower case.
            by_name: The headers as a dictionary, if it exists already.
        """
        found = dict(headers) if by_name is None else by_name
        if not _NOT_EXEMPT.isdisjoint(found):
            return False
        if len(found) == len(headers) and found.get(b"host") in self._known_hosts:
            return True
        return all(map(self._is_allowed_host, _values(headers, b"host")))

    def guard(self, app: ASGIApp, refuse: Refuse) -> ASGIApp:
        """Return an application that checks the rules first.

        Args:
            app: Answers the requests that they allow.
            refuse: Answers the others with an error.
        """

        async def check_origin(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and self._is_foreign(scope):
                await refuse(_origin_error(scope["headers"]), scope, send)
            else:
                await app(scope, receive, send)

        with_cors: ASGIApp = check_origin
        if self._origins:
            # Imported late: few services allow origins, and it takes 10 ms.
            from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415

            with_cors = CORSMiddleware(
                check_origin,
                allow_origins=self._origins,
                allow_methods=("GET", "HEAD", "POST", "PUT"),
                allow_headers=("*",),
                allow_private_network=True,
                expose_headers=_EXPOSED,
            )
            with_cors = _identify_preflights(with_cors)

        async def check_host(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                for host in _values(scope["headers"], b"host"):
                    if not self._is_allowed_host(host):
                        await refuse(_host_error(host), scope, send)
                        return
            await with_cors(scope, receive, send)

        return check_host

    def _is_allowed_host(self, host: bytes) -> bool:
        if self._hosts is not None and not _matches(_host_name(host), self._hosts):
            return False
        if len(self._known_hosts) < _MOST_KNOWN_HOSTS:
            self._known_hosts.add(host)
        return True

    def _is_foreign(self, scope: Scope) -> bool:
        """Whether a page of an unlisted site sends more than a plain read."""
        if scope["method"] in _READS:
            return False
        headers: Headers = scope["headers"]
        origins = _values(headers, b"origin")
        if "*" in self._origins or (
            origins and all(o.decode("latin-1") in self._origins for o in origins)
        ):
            return False
        sites = _values(headers, b"sec-fetch-site")
        if sites:  # behind a proxy Host may differ, so the browser's statement counts
            return any(site not in _OWN_SITES for site in sites)
        known = [*_values(headers, b"host"), *self._proxies.hosts(scope)]
        hosts = [_authority(host) for host in known]
        return any(_authority(origin.partition(b"://")[2]) not in hosts for origin in origins)


def browser_policy(settings: Settings, proxies: Proxies) -> BrowserPolicy:
    """Build the policy from the settings.

    Without keys on a loopback address every page in a browser on this machine could ask, so there
    only loopback names are answered unless the operator names others.
    """
    hosts = settings.allowed_hosts
    if hosts is None and settings.is_loopback and settings.api_keys_file is None:
        hosts = ()
    return BrowserPolicy(hosts, settings.cors_origins, proxies)


def _identify_preflights(app: ASGIApp) -> ASGIApp:
    """Return an application whose answers to preflights have an id, as all others have."""

    async def identified(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            await app(scope, receive, send)
            return
        headers: Headers = scope["headers"]
        is_preflight = all(_values(headers, name) for name in _OF_PREFLIGHTS)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                identity = (b"x-request-id", request_id(headers))
                message = {**message, "headers": [*message["headers"], identity]}
            await send(message)

        await app(scope, receive, send_with_id if is_preflight else send)

    return identified


def _host_error(host: bytes) -> HostError:
    return HostError(
        f"this service is not called '{_shown(host)}': use localhost or its address, or add the "
        "name to INFERENCE_ALLOWED_HOSTS"
    )


def _origin_error(headers: Headers) -> OriginError:
    origins = _values(headers, b"origin") or [b"another site"]
    return OriginError(
        f"a page of {_shown(origins[0])} may not send this request: add its origin to "
        "INFERENCE_CORS_ORIGINS"
    )


def _shown(value: bytes) -> str:
    return value[:_LONGEST_SHOWN].decode("latin-1")


def _values(headers: Headers, wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _host_name(host: bytes) -> str:
    """Return the name in a ``Host`` header, without port, brackets and trailing dot.

    >>> _host_name(b"[::1]:8000"), _host_name(b"Localhost.:8000")
    ('::1', 'localhost')
    """
    text = host.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].removesuffix(".")


def _matches(name: str, allowed: Sequence[str]) -> bool:
    if _NAME_WITHOUT_DOT.fullmatch(name) or name.endswith(".localhost"):
        return True
    for entry in allowed:
        if entry == name or (entry.startswith("*.") and name.endswith(entry[1:])):
            return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _authority(text: bytes) -> bytes:
    """Return host and port in lower case, without a default port."""
    lower = text.strip().lower()
    return lower.removesuffix(b":80").removesuffix(b":443")
