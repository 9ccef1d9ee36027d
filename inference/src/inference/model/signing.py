"""The signature of a file: Ed25519, at the very end of the artifact.

A signed file is the content followed by one metadata entry of a fixed length, whose value names the
key and holds the signature of all before it. Protobuf reads a message with a field appended like
one that had it from the start, so a signed file is an ONNX file like any other, and the content is
what is left when the entry is cut off: nothing has to be serialized again, and nothing can be
added unnoticed.

The signed message is the content's SHA-256 with the model's name, so that a file cannot pass as
another model's. The version is not signed, since a file gets it only when it is placed: anyone who
can write to the models folder can restore an older signed file.

Source: RFC 8032 for Ed25519; https://protobuf.dev/programming-guides/encoding/#last-one-wins for
appended fields.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple, TypeVar

from inference.errors import SignatureError

_Data = TypeVar("_Data", bound=bytes | memoryview)

SIGNATURE_KEY = "rookery.seal"
PUBLIC_BYTES = 32
_CONTEXT = b"rookery seal 1\0"
_ED25519_BYTES = 64
_METADATA_PROPS = 14 << 3 | 2  # ModelProto.metadata_props in onnx.proto, a message
_KEY, _VALUE = 1 << 3 | 2, 2 << 3 | 2  # StringStringEntryProto's fields


class FileSignature(NamedTuple):
    """The end of a signed file.

    Attributes:
        key_id: Of the public key.
        signature: Of :func:`signed_message`.
    """

    key_id: str
    signature: bytes


def key_id(public: bytes) -> str:
    """Return a public key's id: the beginning of its SHA-256.

    >>> key_id(bytes(32))
    '66687aadf862bd77'
    """
    return hashlib.sha256(public).hexdigest()[:16]


def signed_message(content: bytes | memoryview, name: str) -> bytes:
    """Return what is to be signed.

    Args:
        content: The artifact without a signature.
        name: The model's name.
    """
    return _CONTEXT + name.encode() + b"\0" + hashlib.sha256(content).digest()


def append_signature(content: bytes, seal: FileSignature) -> bytes:
    """Sign a content that has no signature."""
    return content + _encode(seal)


def split_signature(data: _Data) -> tuple[_Data, FileSignature | None]:
    """Take a file apart into its content and its signature; ``None`` without a signature."""
    end = bytes(data[-SIGNATURE_BYTES:])
    head, colon, rest = end[-_VALUE_BYTES:].partition(b":")
    identity, colon2, signature = rest.partition(b":")
    if head != b"ed25519" or not colon or not colon2:
        return data, None
    try:
        seal = FileSignature(identity.decode("ascii"), base64.b64decode(signature, validate=True))
    except ValueError:
        return data, None
    # Base64 can write the same bytes in several ways; only ours is valid.
    if len(seal.signature) != _ED25519_BYTES or _encode(seal) != end:
        return data, None
    content: _Data = data[:-SIGNATURE_BYTES]  # type: ignore[assignment]
    return content, seal


def check_signature(data: bytes | memoryview, name: str, trusted: dict[str, bytes]) -> str:
    """Check that a file is signed with a trusted key; needs the extra ``signing``.

    Args:
        data: The whole file.
        name: The model's name.
        trusted: Public keys by their ids.

    Returns:
        The id of the key that signed it.

    Raises:
        SignatureError: It is not; says why.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    content, seal = split_signature(data)
    if seal is None:
        if SIGNATURE_KEY.encode() in bytes(data):
            raise SignatureError(
                "its signature is not at its end: it was altered after it was signed"
            )
        raise SignatureError("it is not signed, and only signed models are served here")
    if seal.key_id not in trusted:
        raise SignatureError(f"it is signed with the key {seal.key_id}, which is not trusted here")
    public = Ed25519PublicKey.from_public_bytes(trusted[seal.key_id])
    try:
        public.verify(seal.signature, signed_message(content, name))
    except InvalidSignature:
        raise SignatureError(
            "its signature does not fit: it was altered after it was signed, or it was signed as "
            f"another model than '{name}'"
        ) from None
    return seal.key_id


def _encode(seal: FileSignature) -> bytes:
    value = f"ed25519:{seal.key_id}:{base64.b64encode(seal.signature).decode()}".encode()
    key = SIGNATURE_KEY.encode()
    entry = bytes([_KEY, len(key)]) + key + bytes([_VALUE, len(value)]) + value
    return bytes([_METADATA_PROPS]) + _varint(len(entry)) + entry


def _varint(value: int) -> bytes:
    return bytes([value & 127 | 128, value >> 7]) if value > 127 else bytes([value])


SIGNATURE_BYTES = len(_encode(FileSignature("0" * 16, bytes(_ED25519_BYTES))))
_VALUE_BYTES = len("ed25519:") + 16 + 1 + len(base64.b64encode(bytes(_ED25519_BYTES)))
