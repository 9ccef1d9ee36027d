"""Whose signatures are trusted: the file of public keys.

A line of the file is ``NAME ed25519:BASE64``; ``exporter keygen`` prints it.
"""

from __future__ import annotations

import base64
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

from inference.errors import SettingError
from inference.logs import fields
from inference.model.signing import PUBLIC_BYTES, check_signature, key_id
from inference.runtime.watched_file import WatchedFile

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

_SETTING = "INFERENCE_TRUSTED_KEYS_FILE"


class TrustedKeys:
    """The public keys that are trusted, read again when their file changes.

    A file that is changed to something that is no file of keys, or that is gone, changes nothing,
    as with API keys. What is live already is not judged again.

    Args:
        path: The file of public keys.

    Raises:
        SettingError: It cannot be read, is no such file, or holds no key; or the extra
            ``inference[signing]`` is not installed.
    """

    def __init__(self, path: Path) -> None:
        if find_spec("cryptography") is None:
            raise SettingError(
                f"{_SETTING} needs the extra inference[signing], which is not installed"
            )
        self._path = path
        self._file = WatchedFile(path)
        self._unreadable = False
        self._trusted = self._read() or {}

    def refresh(self) -> bool:
        """Read the file again if it has changed; tell whether other keys are trusted now."""
        before = self._trusted
        try:
            trusted = self._read()
        except SettingError as error:
            if not self._unreadable:
                self._unreadable = True
                told = fields("trust-unreadable")
                said = "the trusted keys stay as they were: %s"
                logger.error(said, error, extra=told)  # noqa: TRY400 - the message says it all
            return False
        if trusted is None:
            return False
        self._trusted, self._unreadable = trusted, False
        names = sorted(name for name, _ in self._trusted.values())
        told = fields("trust", keys=names)
        logger.info("the trusted keys were read: %s", ", ".join(names), extra=told)
        return before != self._trusted

    def check(self, data: bytes | memoryview, name: str) -> str:
        """Check that an artifact is signed by somebody who is trusted.

        Args:
            data: The whole file.
            name: The model's name.

        Returns:
            Who has signed it.

        Raises:
            SignatureError: Nobody has; says what is wrong.
        """
        trusted = self._trusted  # the file may be read again meanwhile
        signer = check_signature(data, name, {key: public for key, (_, public) in trusted.items()})
        return trusted[signer][0]

    def _read(self) -> dict[str, tuple[str, bytes]] | None:
        """Read the file: each key's name and the key itself, by its id; ``None`` if unchanged."""
        path = self._path
        try:
            content = self._file.read_if_changed()
        except OSError as error:
            raise SettingError(f"{_SETTING}: {path} cannot be read: {error.strerror}") from None
        return None if content is None else _parse_file(content, path)


def _parse_file(content: bytes, path: Path) -> dict[str, tuple[str, bytes]]:
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError:
        raise SettingError(f"{_SETTING}: {path} is not text") from None
    trusted: dict[str, tuple[str, bytes]] = {}
    for number, line in enumerate(lines, 1):
        parts = line.partition("#")[0].split()
        if parts:
            name, public = _parse(parts, f"{_SETTING}: {path}: line {number}")
            trusted[key_id(public)] = (name, public)
    if not trusted:
        raise SettingError(f"{_SETTING}: {path} holds no key: 'exporter keygen' makes them")
    return trusted


def _parse(content: list[str], where: str) -> tuple[str, bytes]:
    try:
        name, spelt = content
        kind, _, encoded = spelt.partition(":")
        public = base64.b64decode(encoded, validate=True)
    except ValueError:
        kind, public, name = "", b"", ""
    if kind != "ed25519" or len(public) != PUBLIC_BYTES:
        raise SettingError(f"{where}: it has to be 'NAME ed25519:BASE64' with a public key")
    return name, public
