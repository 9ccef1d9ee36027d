"""Whose signatures are trusted: the file of public keys.

A line of the file is ``NAME ed25519:BASE64``; ``exporter keygen`` prints it.
"""

from __future__ import annotations

import base64
from importlib.util import find_spec
from typing import TYPE_CHECKING

from inference.errors import SettingError
from inference.model.seal import PUBLIC_BYTES, check_seal, key_id

if TYPE_CHECKING:
    from pathlib import Path

_SETTING = "INFERENCE_TRUSTED_KEYS_FILE"


class Trust:
    """The public keys that are trusted.

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
        try:
            lines = path.read_text().splitlines()
        except OSError as error:
            raise SettingError(f"{_SETTING}: {path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingError(f"{_SETTING}: {path} is no text") from None
        self._names: dict[str, str] = {}
        self._keys: dict[str, bytes] = {}
        for number, line in enumerate(lines, 1):
            content = line.partition("#")[0].split()
            if content:
                self._add(content, f"{_SETTING}: {path}: line {number}")
        if not self._keys:
            raise SettingError(f"{_SETTING}: {path} holds no key: 'exporter keygen' makes them")

    def check(self, data: bytes, name: str) -> str:
        """Check that an artefact is signed by somebody who is trusted.

        Args:
            data: The whole file.
            name: The model's name.

        Returns:
            Who has signed it.

        Raises:
            SealError: Nobody has; says what is wrong.
        """
        return self._names[check_seal(data, name, self._keys)]

    def _add(self, content: list[str], where: str) -> None:
        try:
            name, spelt = content
            kind, _, encoded = spelt.partition(":")
            public = base64.b64decode(encoded, validate=True)
        except ValueError:
            kind, public, name = "", b"", ""
        if kind != "ed25519" or len(public) != PUBLIC_BYTES:
            raise SettingError(f"{where}: it has to be 'NAME ed25519:BASE64' with a public key")
        self._names[key_id(public)] = name
        self._keys[key_id(public)] = public
