"""The keys that are valid now: the file's, read again as soon as it changes."""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import TYPE_CHECKING

from inference.access.api_key import read_lines
from inference.errors import SettingError
from inference.logs import fields
from inference.runtime.watched_file import WatchedFile

if TYPE_CHECKING:
    from pathlib import Path

    from inference.access.api_key import Caller

logger = logging.getLogger(__name__)


class Keyring:
    """The callers that are let in.

    A file that is changed to something that is no file of keys, or that is gone, changes nothing:
    a slip of the hand must not lock everybody out. Who is to be locked out is taken out of the
    file.

    Args:
        path: The file of keys.

    Raises:
        SettingError: It cannot be read, is no file of keys, or holds none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = WatchedFile(path)
        self._unreadable = False
        try:
            self._callers = self._read() or {}
        except OSError as error:
            raise SettingError(
                f"INFERENCE_API_KEYS_FILE: {path} cannot be read: {error.strerror}"
            ) from None
        if not self._callers:
            raise SettingError(
                f"INFERENCE_API_KEYS_FILE: {path} holds no key: make one with 'inference key NAME'"
            )

    def find(self, key: bytes) -> Caller | None:
        """Find whom a key belongs to; a stat more than the look-up.

        The look-up is by digest, so its time says nothing about any key: who could choose a digest
        would have to know the key.
        """
        self._refresh()
        digest = hashlib.sha256(key).digest()
        caller = self._callers.get(digest)
        if caller is None or not hmac.compare_digest(caller.digest, digest):
            return None
        return caller

    def _read(self) -> dict[bytes, Caller] | None:
        """Read the callers by digest; ``None`` when the file has not changed."""
        content = self._file.read_if_changed()
        if content is None:
            return None
        try:
            return read_lines(content.decode())
        except (SettingError, UnicodeDecodeError) as error:
            reason = str(error) if isinstance(error, SettingError) else "it is not text"
            raise SettingError(f"INFERENCE_API_KEYS_FILE: {self._path}: {reason}") from None

    def _refresh(self) -> None:
        try:
            callers = self._read()
        except (OSError, SettingError) as error:
            if not self._unreadable:
                self._unreadable = True
                logger.error(  # noqa: TRY400 - the message says it all
                    "the keys stay as they were: %s", error, extra=fields("keys-unreadable")
                )
            return
        if callers is None:
            return
        self._callers, self._unreadable = callers, False
        names = sorted(caller.name for caller in callers.values())
        logger.info("the keys were read: %s", ", ".join(names), extra=fields("keys", keys=names))
