"""The file of public keys whose signatures are trusted.

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

    If the file disappears or becomes invalid, the previous keys stay valid, as with API keys.
    Models that are live are not checked again.

    Args:
        path: The file of public keys.

    Raises:
        SettingError: The file cannot be read, is invalid, or contains no key; or the extra
            ``inference[signing]`` is not installed.
    """

    def __init__(self, path: Path) -> None:
        if find_spec("cryptography") is None:
            raise SettingError(
                f"{_SETTING} needs the extra inference[signing], which is not installed"
            )
        self._path = path
        self._file = WatchedFile(path, self._parse)
        try:
            self._trusted = self._file.read_if_changed() or {}
        except OSError as error:
            raise SettingError(self._explain(error)) from None

    def refresh(self) -> bool:
        """Read the file again if it has changed; return whether other keys are trusted now."""
        trusted, before = self._file.refresh(self._log_failure), self._trusted
        if trusted is None:
            return False
        self._trusted = trusted
        names = sorted(name for name, _ in trusted.values())
        message = "trusted keys read: %s"
        logger.info(message, ", ".join(names), extra=fields("trust", keys=names))
        return before != trusted

    def check(self, data: bytes | memoryview, name: str) -> str:
        """Check that an artifact is signed with a trusted key.

        Args:
            data: The whole file.
            name: The model's name.

        Returns:
            Who has signed it.

        Raises:
            SignatureError: It is not; says what is wrong.
        """
        trusted = self._trusted  # the file may be read again meanwhile
        signer = check_signature(data, name, {key: public for key, (_, public) in trusted.items()})
        return trusted[signer][0]

    def _parse(self, content: bytes) -> dict[str, tuple[str, bytes]]:
        """Return each key's name and the key itself, by its id."""
        return _parse_file(content, self._path)

    def _explain(self, error: Exception) -> str:
        if isinstance(error, OSError):
            return f"{_SETTING}: {self._path} cannot be read: {error.strerror}"
        return str(error)

    def _log_failure(self, error: Exception) -> None:
        message = "the previous trusted keys stay valid: %s"
        logger.error(message, self._explain(error), extra=fields("trust-unreadable"))


def _parse_file(content: bytes, path: Path) -> dict[str, tuple[str, bytes]]:
    try:
        lines = content.decode("utf-8-sig").splitlines()
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
        name, encoded_key = content
        kind, _, encoded = encoded_key.partition(":")
        public = base64.b64decode(encoded, validate=True)
    except ValueError:
        kind, public, name = "", b"", ""
    if kind != "ed25519" or len(public) != PUBLIC_BYTES:
        raise SettingError(f"{where}: it has to be 'NAME ed25519:BASE64' with a public key")
    return name, public
