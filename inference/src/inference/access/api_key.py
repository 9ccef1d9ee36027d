"""API keys: how one is generated, and the format of the file of keys.

A line of the file is ``NAME SCOPES sha256:HEX``, with the scopes separated by commas::

    # made by 'inference key', without the keys themselves
    ci      predict        sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    ops     predict,admin  sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752

A key has 256 random bits, so plain SHA-256 is safe. Slow hashes protect passwords, which can be
guessed because people choose them.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, NamedTuple

from inference.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

SCOPES = ("predict", "admin")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_PREFIX = "rk_"  # lets secret scanners find a committed key


class Caller(NamedTuple):
    """The owner of a key.

    Attributes:
        name: The name of the key in logs and metrics.
        scopes: What the key allows.
        digest: SHA-256 of the key.
    """

    name: str
    scopes: frozenset[str]
    digest: bytes


def make_key(name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """Generate a key.

    Returns:
        The key, and its line in the file.

    Raises:
        SettingError: The name or a scope is invalid.
    """
    scopes = list(scopes)
    _check(name, scopes)
    key = _PREFIX + secrets.token_urlsafe(32)
    return key, f"{name} {','.join(scopes)} sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def read_line(line: str) -> Caller:
    """Parse one line of the file.

    Raises:
        SettingError: The line is invalid. The message does not contain the line, which may hold
            a key.
    """
    parts = line.split()
    if len(parts) != 3:
        raise SettingError("a line must be 'NAME SCOPES sha256:HEX'")
    name, scopes, digest = parts
    asked = scopes.split(",")
    _check(name, asked)
    found = _DIGEST.fullmatch(digest)
    if found is None:
        raise SettingError("the third part must be 'sha256:' and 64 hexadecimal digits")
    return Caller(name, frozenset(asked), bytes.fromhex(found[1]))


def _check(name: str, scopes: Collection[str]) -> None:
    if _NAME.fullmatch(name) is None:
        raise SettingError(
            "a key's name has 1 to 64 letters, digits, '.', '_' and '-', and begins with a letter "
            "or digit"
        )
    if not set(scopes) <= set(SCOPES):
        raise SettingError(f"the scopes are {' and '.join(SCOPES)}, separated by commas")


def read_lines(text: str) -> dict[bytes, Caller]:
    """Parse the content of a file of keys; ``#`` begins a comment.

    Returns:
        The callers by digest.

    Raises:
        SettingError: A line is invalid, or repeats a name or a key; states the line number.
    """
    callers: dict[bytes, Caller] = {}
    names: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        try:
            caller = read_line(content)
        except SettingError as error:
            raise SettingError(f"line {number}: {error}") from None
        if caller.digest in callers or caller.name in names:
            raise SettingError(f"line {number}: its name or its key is in the file twice")
        names.add(caller.name)
        callers[caller.digest] = caller
    return callers
