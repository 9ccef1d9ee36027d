"""What the log says about versions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from inference.logs import fields

if TYPE_CHECKING:
    from inference.repository.entry import Change, Entry
    from inference.repository.events import Events
    from inference.repository.folder.scan import Key

logger = logging.getLogger(__name__)


def log_load(key: Key, seconds: float, signer: str | None) -> None:
    """Log that a version was loaded."""
    by = f", signed by {signer}" if signer else ""
    extra = _fields("load", key, ms=round(seconds * 1e3, 1), by=signer)
    logger.info("model %s version %d was loaded in %.3f s%s", *key, seconds, by, extra=extra)


def report_change(
    change: Change, key: Key, entry: Entry, events: Events, *, at_start: bool
) -> None:
    """Log and count what changed about a version."""
    if change == "quarantined":
        events.quarantined(key[0], at_start=at_start)
        stays = "; the version admitted before stays active" if entry.servable else ""
        extra = _fields("quarantine", key, reason=entry.reason)
        message = "model %s version %d is quarantined: %s%s"
        logger.warning(message, *key, entry.reason, stays, extra=extra)
    elif change and entry.servable is not None:
        events.swapped(key[0], at_start=at_start)
        is_replaced = change == "replaced"
        verb = "was replaced and is live" if is_replaced else "is live"
        digest = entry.servable.digest
        extra = _fields("swap", key, digest=digest, replaced=is_replaced)
        logger.info("model %s version %d %s (%s)", *key, verb, digest[:12], extra=extra)


def log_release(key: Key) -> None:
    """Log that a version is no longer kept loaded."""
    extra = _fields("release", key)
    logger.info("model %s version %d is no longer kept loaded", *key, extra=extra)


def log_removal(key: Key) -> None:
    """Log that a version is gone."""
    extra = _fields("remove", key)
    logger.info("model %s version %d was removed from the folder", *key, extra=extra)


def _fields(event: str, key: Key, **more: object) -> dict[str, Any]:
    return fields(event, model=key[0], version=key[1], **more)
