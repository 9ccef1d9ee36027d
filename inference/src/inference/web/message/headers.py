"""Headers of a request or a response, as ASGI has them."""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]
