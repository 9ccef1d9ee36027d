from __future__ import annotations

import hashlib
import time

import pytest

from inference.access.api_key import Caller, make_key, read_line, read_lines
from inference.access.authorizer import presented_key
from inference.access.rate_limit import RATE_TAGS, RATE_TIMES, RateLimiter
from inference.access.scopes import RequiredScope, required_scope
from inference.cli import main
from inference.errors import RateError, SettingError

DIGEST = "sha256:" + "0" * 64


def test_a_made_key_is_read_again() -> None:
    key, line = make_key("ci", ["predict", "admin"])
    caller = read_line(line)
    assert (caller.name, caller.scopes) == ("ci", {"predict", "admin"})
    assert caller.digest == hashlib.sha256(key.encode()).digest()
    assert key not in line


def test_keys_are_never_made_twice() -> None:
    assert len({make_key("x", ["predict"])[0] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "line",
    [
        "a predict",
        f"a predict {DIGEST} more",
        f"a/b predict {DIGEST}",
        f"a root {DIGEST}",
        f"a predict, {DIGEST}",
        f"a predict {DIGEST[:-1]}",
        f"a predict {DIGEST.upper()}",
        f"a predict {DIGEST}\nb predict {DIGEST}",
        f"a predict {DIGEST}\na predict {DIGEST[:-1]}1",
    ],
)
def test_a_wrong_line_is_refused(line: str) -> None:
    with pytest.raises(SettingError, match=r"^line [12]: "):
        read_lines(line)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["a/b"], "name"),
        (["a b"], "name"),
        (["a\n"], "name"),
        ([" a"], "name"),
        ([""], "name"),
        (["a" * 65], "name"),
        (["a", "--scope", "root"], "scopes"),
        (["a", "--scope", ""], "scopes"),
        (["a", "--scope", "predict,"], "scopes"),
        (["a", "--scope", "predict admin"], "scopes"),
    ],
)
def test_the_command_refuses_what_the_file_could_not_hold(
    arguments: list[str], wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("inference: ")
    assert wrong in captured.err
    assert not captured.out


def test_the_command_takes_scopes_with_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "a" * 64, "--scope", "predict, admin"]) == 0
    (caller,) = read_lines(capsys.readouterr().out).values()
    assert caller.scopes == {"predict", "admin"}


def test_a_file_of_many_keys_is_read_in_a_fraction_of_the_time_that_a_worker_may_block() -> None:
    text = "\n".join(f"k{n} predict sha256:{n:064x}" for n in range(20_000))
    begun = time.process_time()
    assert len(read_lines(text)) == 20_000
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([], None),
        ([(b"authorization", b"Bearer k")], b"k"),
        ([(b"authorization", b"BEARER  k ")], b"k"),
        ([(b"authorization", b"Basic k")], None),
        ([(b"x-api-key", b"k")], b"k"),
        ([(b"x-api-key", b"other"), (b"authorization", b"Bearer k")], b"k"),
    ],
)
def test_a_key_is_found_in_the_headers(
    headers: list[tuple[bytes, bytes]], key: bytes | None
) -> None:
    assert presented_key(headers) == key


def test_what_is_not_listed_needs_the_most() -> None:
    assert required_scope("POST", "/anything/new") is RequiredScope.ADMIN
    assert required_scope("DELETE", "/healthz") is RequiredScope.ADMIN
    assert required_scope("GET", "/anything/new") is RequiredScope.ANY_KEY
    assert required_scope("GET", "//healthz") is RequiredScope.ANY_KEY


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _caller(number: int) -> Caller:
    return Caller(f"k{number}", frozenset({"predict"}), bytes([number]) * 32)


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    rates = RateLimiter(10, 3, clock=clock)
    for _ in range(3):
        rates.take(_caller(1))
    with pytest.raises(RateError, match="key 'k1' makes more than 10 requests a second") as caught:
        rates.take(_caller(1))
    assert caught.value.wait_seconds == pytest.approx(0.1)
    rates.take(_caller(2))
    clock.now += 0.1001
    rates.take(_caller(1))
    with pytest.raises(RateError):
        rates.take(_caller(1))
    clock.now += 3600
    for _ in range(3):
        rates.take(_caller(1))
    with pytest.raises(RateError):
        rates.take(_caller(1))


@pytest.mark.parametrize("jump", [1e9, -1e9])
def test_a_clock_that_jumps_neither_fills_nor_empties_a_bucket(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    now = time.time()
    rates = RateLimiter(0.001, 2)
    rates.take(_caller(1))
    monkeypatch.setattr(time, "time", lambda: now + jump)
    rates.take(_caller(1))
    with pytest.raises(RateError):
        rates.take(_caller(1))


def test_workers_share_the_buckets() -> None:
    clock, arrays = Clock(), (RATE_TAGS.allocate(), RATE_TIMES.allocate())
    first, second = (RateLimiter(1, 2, arrays, clock=clock) for _ in range(2))
    first.take(_caller(1))
    second.take(_caller(1))
    for rates in (first, second):
        with pytest.raises(RateError):
            rates.take(_caller(1))


def test_no_two_keys_share_a_bucket() -> None:
    """Not even those whose digests begin alike; and in every worker each finds its own."""
    clock, arrays = Clock(), (RATE_TAGS.allocate(), RATE_TIMES.allocate())
    workers = [RateLimiter(1, 2, arrays, clock=clock) for _ in range(2)]
    callers = [
        Caller(
            f"k{n}", frozenset({"predict"}), (2**64 - 1 - (n << 16)).to_bytes(8, "big") + bytes(24)
        )
        for n in range(40)
    ]
    for rates in workers:
        for caller in callers:
            rates.take(caller)
    for caller in callers:
        for rates in workers:
            with pytest.raises(RateError, match=f"'{caller.name}'"):
                rates.take(caller)


def test_keys_that_are_replaced_make_room_for_others() -> None:
    """A bucket that is full again is another's; thousands of keys in turn find a place each."""
    clock = Clock()
    rates = RateLimiter(1, 1, clock=clock)
    for generation in range(300):
        callers = [
            Caller(
                f"k{n}",
                frozenset(),
                ((generation * 50 + n + 1) << 16).to_bytes(8, "big") + bytes(24),
            )
            for n in range(50)
        ]
        for caller in callers:
            rates.take(caller)
        for caller in callers:
            with pytest.raises(RateError):
                rates.take(caller)
        clock.now += 1.001


def test_more_busy_keys_than_there_is_room_for_are_answered() -> None:
    rates = RateLimiter(0.001, 1, clock=Clock())
    for number in range(200):
        rates.take(
            Caller(f"k{number}", frozenset(), ((number + 1) << 16).to_bytes(8, "big") + bytes(24))
        )
