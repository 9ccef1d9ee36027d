"""The OpenAPI document for clients behind a proxy, with the addresses that they use."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from inference.runtime.documents import run_aside
from inference.web.documents import encoded

if TYPE_CHECKING:
    from starlette.types import Scope

    from inference.web.documents import Encoded
    from inference.web.trusted_proxies import Proxies

_KEPT = 8


class Servers:
    """Adds ``servers`` to a document, and caches the result.

    Args:
        proxies: The trusted proxies.
    """

    def __init__(self, proxies: Proxies) -> None:
        self._proxies = proxies
        self._made: OrderedDict[tuple[str, ...], Encoded] = OrderedDict()

    async def locate(self, document: Encoded, scope: Scope) -> Encoded:
        """Return the document for one client."""
        urls = self._proxies.urls(scope)
        if not urls:
            return document
        key = (document.etag, *urls)
        known = self._made.pop(key, None)
        made = await run_aside(_add_servers, document, urls) if known is None else known
        self._made[key] = made
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return made


def _add_servers(document: Encoded, urls: list[str]) -> Encoded:
    servers = msgspec.json.encode([{"url": url} for url in urls])
    return encoded(b'{"servers":%b,%b' % (servers, document.body[1:]))
