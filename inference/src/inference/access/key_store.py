"""The valid keys: those in the file of keys, which is read again when it changes."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from typing import TYPE_CHECKING

from inference.access.api_key import read_lines
from inference.errors import SettingError
from inference.logs import fields
from inference.runtime.watched_file import WatchedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from inference.access.api_key import Caller

logger = logging.getLogger(__name__)

# A look at the file takes as long as the rest of the check of a key, so busy times share one.
_CHECK_SECONDS = 0.0005


class KeyStore:
    """The callers by key.

    If the file disappears or becomes invalid, the previous keys stay valid, so that a typing error
    does not lock out all callers. To revoke a key, remove its line.

    Args:
        path: The file of keys.
        clock: Returns monotonic seconds.

    Raises:
        SettingError: The file cannot be read, is invalid, or contains no key.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._check_at = 0.0
        self._file = WatchedFile(path, self._parse)
        try:
            self._callers = self._file.read_if_changed() or {}
        except OSError as error:
            raise SettingError(
                f"INFERENCE_API_KEYS_FILE: {path} cannot be read: {error.strerror}"
            ) from None
        if not self._callers:
            raise SettingError(
                f"INFERENCE_API_KEYS_FILE: {path} contains no key: "
                "make one with 'inference key NAME'"
            )

    def current(self) -> Mapping[bytes, Caller]:
        """Return the callers by digest, as in the file at most half a millisecond ago.

        It is another object once the file has changed.
        """
        now = self._clock()
        if now >= self._check_at:
            self._refresh()
            self._check_at = now + _CHECK_SECONDS
        return self._callers

    def find(self, key: bytes) -> Caller | None:
        """Return the owner of a key; ``None`` if the key is unknown.

        The look-up is by digest, so its duration reveals nothing about a key.
        """
        digest = hashlib.sha256(key).digest()
        caller = self.current().get(digest)
        if caller is None or not hmac.compare_digest(caller.digest, digest):
            return None
        return caller

    def _parse(self, content: bytes) -> dict[bytes, Caller]:
        """Return the callers by digest."""
        try:
            # Editors may write a byte order mark.
            return read_lines(content.decode("utf-8-sig"))
        except (SettingError, UnicodeDecodeError) as error:
            reason = str(error) if isinstance(error, SettingError) else "it is not text"
            raise SettingError(f"INFERENCE_API_KEYS_FILE: {self._path}: {reason}") from None

    def _refresh(self) -> None:
        callers = self._file.refresh(_log_failure)
        if callers is None:
            return
        self._callers = callers
        names = sorted(caller.name for caller in callers.values())
        logger.info("API keys read: %s", ", ".join(names), extra=fields("keys", keys=names))


def _log_failure(error: Exception) -> None:
    logger.error("the previous API keys stay valid: %s", error, extra=fields("keys-unreadable"))
