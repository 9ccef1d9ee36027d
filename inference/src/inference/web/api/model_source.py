"""Where the models come from: what ``GET /models`` says of the object store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inference.settings.storage import shown_url

if TYPE_CHECKING:
    from inference.storage.status import SyncStatus


def describe_source(url: str | None, sync: SyncStatus | None) -> dict[str, Any] | None:
    """Return the document of the store; ``None`` without one."""
    if url is None or sync is None:
        return None
    since = datetime.fromtimestamp(sync.since, UTC).isoformat(timespec="seconds")
    return {"url": shown_url(url), "state": sync.state, "since": since if sync.since else None}
