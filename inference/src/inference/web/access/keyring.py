"""The keys that are valid now: the file's, read again as soon as it changes."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from typing import TYPE_CHECKING

from inference.errors import SettingError
from inference.log import fields
from inference.web.access.key import read_lines

if TYPE_CHECKING:
    from pathlib import Path

    from inference.web.access.key import Caller

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
        try:
            self._seen: tuple[int, int, int] | None = self._look()
            self._callers = self._read()
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

    def _look(self) -> tuple[int, int, int]:
        status = os.stat(self._path)  # noqa: PTH116 - once per request: Path.stat costs double
        return (status.st_ino, status.st_size, status.st_mtime_ns)

    def _read(self) -> dict[bytes, Caller]:
        try:
            return read_lines(self._path.read_text())
        except (SettingError, UnicodeDecodeError) as error:
            reason = str(error) if isinstance(error, SettingError) else "it is no text"
            raise SettingError(f"INFERENCE_API_KEYS_FILE: {self._path}: {reason}") from None

    def _refresh(self) -> None:
        try:
            seen = self._look()
            if seen == self._seen:
                return
            self._seen = seen
            self._callers = self._read()
        except (OSError, SettingError) as error:
            if self._seen is not None:
                logger.error(  # noqa: TRY400 - the message says it all
                    "the keys stay as they were: %s", error, extra=fields("keys-unreadable")
                )
            if isinstance(error, OSError):
                self._seen = None
            return
        names = sorted(caller.name for caller in self._callers.values())
        logger.info("the keys were read: %s", ", ".join(names), extra=fields("keys", keys=names))
