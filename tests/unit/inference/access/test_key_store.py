"""The keys in memory are those of the file, soon after it changes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from inference.access.api_key import make_key
from inference.access.authorizer import Authorizer, Grant
from inference.access.key_store import KeyStore
from inference.access.rate_limit import RateLimiter
from inference.access.scopes import RequiredScope
from inference.errors import (
    ClientError,
    ForbiddenError,
    RateError,
    SettingError,
    UnknownCallerError,
)
from inference.telemetry.counters import Counters

if TYPE_CHECKING:
    from pathlib import Path

PREDICT, ADMIN = RequiredScope.PREDICT, RequiredScope.ADMIN


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, **scopes: str) -> dict[str, bytes]:
    """Write a file of keys; return the keys by name."""
    made = {name: make_key(name, given.split(",")) for name, given in scopes.items()}
    path.write_text("".join(f"{line}\n" for _, line in made.values()))
    return {name: key.encode() for name, (key, _) in made.items()}


def test_file_is_looked_at_again_after_half_a_millisecond(tmp_path: Path) -> None:
    clock = Clock()
    old = write(tmp_path / "keys", me="predict")["me"]
    store = KeyStore(tmp_path / "keys", clock=clock)
    callers = store.current()
    assert store.find(old) is not None
    new = write(tmp_path / "keys", me="predict")["me"]
    assert store.current() is callers
    clock.now += 0.0006
    assert store.current() is not callers
    assert (store.find(old), store.find(new) is None) == (None, False)


def test_unchanged_file_gives_the_same_callers(tmp_path: Path) -> None:
    clock = Clock()
    write(tmp_path / "keys", me="predict")
    store = KeyStore(tmp_path / "keys", clock=clock)
    callers = store.current()
    for _ in range(3):
        clock.now += 1
        os.utime(tmp_path / "keys")
        assert store.current() is callers


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    key = write(tmp_path / "keys", me="predict")["me"]
    content = (tmp_path / "keys").read_bytes()
    (tmp_path / "keys").write_bytes(b"\xef\xbb\xbf" + content)
    assert KeyStore(tmp_path / "keys").find(key) is not None
    (tmp_path / "keys").write_bytes(b"\xef\xbb\xbf# comment\r\n" + content)
    assert KeyStore(tmp_path / "keys").find(key) is not None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_file_in_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "keys").write_bytes(make_key("me", ["predict"])[1].encode(encoding))
    with pytest.raises(SettingError, match="it is not text"):
        KeyStore(tmp_path / "keys")


class Keyed:
    """An authorizer whose key file changes when a test says so."""

    def __init__(self, folder: Path, limiter: RateLimiter | None = None) -> None:
        self.path, self.clock = folder / "keys", Clock()
        self.keys = write(self.path, me="predict", ops="predict,admin")
        self.counters = Counters("callers", 1)
        store = KeyStore(self.path, clock=self.clock)
        self.authorizer = Authorizer(store, limiter, self.counters)

    def admit(self, key: bytes, grant: Grant | None = None, required: Any = PREDICT) -> int:
        self.clock.now += 1
        try:
            self.authorizer.admit([(b"x-api-key", key)], required, grant)
        except ClientError as error:
            return error.status
        return 200

    @property
    def counts(self) -> dict[tuple[str, ...], float]:
        return {key: values[0] for key, values in self.counters.items()}


@pytest.fixture
def keyed(tmp_path: Path) -> Keyed:
    return Keyed(tmp_path)


def test_key_of_a_known_head_is_looked_up_once(
    keyed: Keyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = Grant()
    assert keyed.admit(keyed.keys["me"], grant) == 200
    monkeypatch.setattr(KeyStore, "find", None)  # a look-up would fail
    assert keyed.admit(keyed.keys["me"], grant) == 200
    assert keyed.counts == {("me", "admitted"): 2.0}


def test_grant_ends_when_the_key_is_revoked(keyed: Keyed) -> None:
    grant, old = Grant(), keyed.keys["me"]
    assert keyed.admit(old, grant) == 200
    write(keyed.path, other="predict")
    assert keyed.admit(old, grant) == UnknownCallerError.status
    assert keyed.admit(old, grant) == UnknownCallerError.status
    assert keyed.counts == {("me", "admitted"): 1.0, ("", "401"): 2.0}


def test_grant_ends_when_the_key_loses_its_scope(keyed: Keyed) -> None:
    grant, key = Grant(), keyed.keys["ops"]
    assert keyed.admit(key, grant) == 200
    keyed.path.write_text(keyed.path.read_text().replace("predict,admin", "admin"))
    assert keyed.admit(key, grant) == ForbiddenError.status


def test_grant_of_one_scope_is_not_one_of_another(keyed: Keyed) -> None:
    grant, key = Grant(), keyed.keys["me"]
    assert keyed.admit(key, grant) == 200
    assert keyed.admit(key, grant, ADMIN) == ForbiddenError.status
    assert keyed.admit(key, grant) == 200


def test_refusal_is_not_remembered(keyed: Keyed) -> None:
    grant = Grant()
    assert keyed.admit(b"new", grant) == UnknownCallerError.status
    new = write(keyed.path, me="predict")["me"]
    assert keyed.admit(new, grant) == 200


def test_known_head_is_charged_each_time(tmp_path: Path) -> None:
    clock = Clock()
    keyed = Keyed(tmp_path, RateLimiter(1.0, 2, clock=clock))
    grant = Grant()
    statuses = [keyed.admit(keyed.keys["me"], grant) for _ in range(3)]
    assert statuses == [200, 200, RateError.status]
    clock.now += 1
    assert keyed.admit(keyed.keys["me"], grant) == 200
    assert keyed.counts == {("me", "admitted"): 3.0, ("me", "429"): 1.0}
