"""Signing of model files with private keys.

The service defines the format of the signature, :mod:`inference.model.signing`.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from exporter.errors import OptionError
from exporter.settings import check_path
from inference.model.signing import (
    FileSignature,
    append_signature,
    key_id,
    signed_message,
    split_signature,
)


class Signer:
    """Signs model files with a private key.

    Args:
        key: The Ed25519 key.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, data: bytes, name: str) -> bytes:
        """Return the signed file of a model; an existing signature is replaced."""
        content, _ = split_signature(data)
        signature = self._key.sign(signed_message(content, name))
        return append_signature(content, FileSignature(key_id(self._public), signature))

    def trusted_line(self, name: str) -> str:
        """Return the line with the public key for the service's file of trusted keys."""
        return f"{name} ed25519:{base64.b64encode(self._public).decode()}"


def make_key(path: Path) -> Signer:
    """Create a key pair, and write the private key to a new file that only its owner can read.

    Raises:
        OptionError: The file exists, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    encoded = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise OptionError(f"{path} cannot be written: {error.strerror}") from None
    with open(file, "wb") as opened:  # noqa: PTH123 - the descriptor has the right mode already
        opened.write(encoded)
    return Signer(key)


def resolve_signer(sign_with: str | os.PathLike[str] | None) -> Signer | None:
    """Return the signer for the key in ``sign_with``, or in ``EXPORTER_SIGN_WITH``.

    Returns:
        The signer; ``None`` if neither is set.

    Raises:
        OptionError: The file does not contain an Ed25519 key.
    """
    chosen = sign_with or os.environ.get("EXPORTER_SIGN_WITH")
    if not chosen:
        return None
    path = Path(check_path(chosen, "sign_with")).expanduser()
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise OptionError(f"sign_with: {path} cannot be read: {error.strerror}") from None
    except (TypeError, ValueError):
        raise OptionError(
            f"sign_with: {path} is not an unencrypted private key: 'exporter keygen' makes one"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise OptionError(f"sign_with: {path} is not an Ed25519 key: 'exporter keygen' makes one")
    return Signer(key)
