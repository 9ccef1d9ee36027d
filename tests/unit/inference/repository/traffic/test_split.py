"""The split is exact, stable for sticky requests, and gives away the share of what is missing."""

from __future__ import annotations

import time
from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pytest

from inference.errors import NotReadyError
from inference.repository.traffic.choice import Traffic
from inference.repository.traffic.split import Split, make_split, sticky_place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class Served:
    """What stands for a servable."""

    def __init__(self, version: int) -> None:
        self.version = version


class Asked:
    """A request with these headers."""

    chosen: Any

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.headers = headers


def split_of(
    shares: dict[int, float], missing: Collection[int] = (), sticky: str | None = None
) -> Split:
    servables: Any = {v: Served(v) for v in shares if v not in missing}
    made = make_split("m", Traffic("t", shares, sticky=sticky), servables, missing)
    assert made is not None
    return made


def count(split: Split, requests: Iterable[Any]) -> Counter[int]:
    return Counter(split.choose(request).version for request in requests)


def many(number: int) -> Iterable[Asked]:
    return (Asked() for _ in range(number))


def people(number: int) -> list[Asked]:
    return [Asked((b"x-user", b"user-%d" % one)) for one in range(number)]


SHARES: list[dict[int, float]] = [
    {3: 90, 4: 10},
    {1: 50, 2: 50},
    {1: 33.3, 2: 33.3, 9: 33.4},
    {1: 99.9, 2: 0.1},
    {1: 70, 2: 20, 3: 5, 4: 5},
    {7: 100},
]


@pytest.mark.parametrize("shares", SHARES, ids=str)
@pytest.mark.parametrize("workers", [1, 4])
def test_each_version_gets_its_share_of_ten_thousand_requests(
    shares: dict[int, float], workers: int
) -> None:
    """Workers do not know of each other, and their shares add up."""
    seen: Counter[int] = Counter()
    for _ in range(workers):
        seen += count(split_of(shares), many(10_000 // workers))
    for version, share in shares.items():
        assert abs(seen[version] - 100 * share) <= 50 / 2  # half of 0.5 %


def test_a_few_requests_are_split_well_already() -> None:
    seen = count(split_of({1: 90, 2: 10}), many(100))
    assert 8 <= seen[2] <= 12


@pytest.mark.parametrize("period", [2, 3, 5, 8, 10, 13, 100])
def test_requests_of_one_kind_among_others_are_split_as_all_are(period: int) -> None:
    """A client that alternates between kinds of requests sends each of them to both versions."""
    split = split_of({1: 80, 2: 20})
    versions = [split.choose(request).version for request in many(1000 * period)]
    for first in range(period):
        assert abs(versions[first::period].count(2) - 200) <= 10


def test_the_choice_is_noted_at_the_request() -> None:
    split = split_of({1: 50, 2: 30, 3: 20})
    asked = list(many(1000))
    assert [split.choose(request) for request in asked] == [request.chosen for request in asked]


def test_sticky_requests_get_the_same_version_in_every_worker() -> None:
    first, second = (split_of({3: 90, 4: 10}, sticky="x-user") for _ in range(2))
    assert [first.choose(r).version for r in people(2000)] == [
        second.choose(r).version for r in people(2000)
    ]
    seen = count(first, people(20_000))
    assert abs(seen[4] - 2000) < 200


def test_the_place_of_a_value_is_as_documented() -> None:
    digest = blake2b(b"penguins\0customer-7", digest_size=8).digest()
    expected = int.from_bytes(digest, "big") / 2**64
    assert sticky_place("penguins", b"customer-7") == expected
    assert 0 <= sticky_place("m", b"\xff" * 4000) < 1


def test_models_split_the_same_people_differently() -> None:
    both = [
        (sticky_place("a", b"%d" % n) >= 0.9, sticky_place("b", b"%d" % n) >= 0.9)
        for n in range(5000)
    ]
    assert 20 < both.count((True, True)) < 100  # a tenth of a tenth


def test_a_larger_share_keeps_those_that_had_the_version() -> None:
    before = split_of({3: 90, 4: 10}, sticky="x-user")
    after = split_of({3: 60, 4: 40}, sticky="x-user")
    had = [r.headers for r in people(3000) if before.choose(r).version == 4]
    assert had
    assert all(after.choose(Asked(*headers)).version == 4 for headers in had)


def test_requests_without_the_header_or_with_an_empty_one_are_split() -> None:
    split = split_of({1: 50, 2: 50}, sticky="x-user")
    assert abs(count(split, many(1000))[1] - 500) <= 5
    empty = [Asked((b"x-user", b""), (b"x-other", b"a")) for _ in range(1000)]
    assert abs(count(split, empty)[1] - 500) <= 5


def test_the_share_of_a_missing_version_goes_to_the_others() -> None:
    shares: dict[int, float] = {1: 60, 2: 30, 3: 10}
    split = split_of(shares, missing=[3])
    seen = count(split, many(9000))
    assert set(seen) == {1, 2}
    assert abs(seen[1] - 6000) <= 45
    assert split.shares == {1: pytest.approx(200 / 3), 2: pytest.approx(100 / 3), 3: 0}


def test_only_those_of_a_missing_version_change() -> None:
    shares: dict[int, float] = {1: 60, 2: 30, 3: 10}
    whole = split_of(shares, sticky="x-user")
    less = split_of(shares, missing=[2], sticky="x-user")
    moved = []
    for before, after in zip(people(5000), people(5000), strict=True):
        was, now = whole.choose(before).version, less.choose(after).version
        moved += [now] if was == 2 else []
        assert was in (2, now)
    assert abs(moved.count(3) / len(moved) - 1 / 7) < 0.05


def test_without_any_version_there_is_no_split() -> None:
    assert make_split("m", Traffic("t", {1: 100}), {}) is None
    assert make_split("m", None, {}) is None


def test_the_version_with_the_largest_share_is_the_main_one() -> None:
    assert split_of({1: 10, 2: 90}).main.version == 2
    assert split_of({1: 50, 2: 50}).main.version == 1
    assert split_of({1: 10, 2: 90}, missing=[2]).main.version == 1


def test_says_when_a_version_loses_its_share_and_gets_it_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    traffic = Traffic("t", {1: 90, 2: 10})
    servables: Any = {1: Served(1), 2: Served(2)}
    both = make_split("m", traffic, servables)
    one = make_split("m", traffic, {1: servables[1]}, [2], both)
    assert "version 2 of model m answers no more" in caplog.text
    assert "goes to version 1 (100 %)" in caplog.text
    again = make_split("m", traffic, servables, (), one)
    assert "version 2 of model m answers: it has its share" in caplog.text
    assert make_split("m", traffic, {}, (), again) is None
    assert "goes to the version that answers without a split" in caplog.text


def test_a_new_snapshot_goes_on_where_the_last_one_was() -> None:
    """Else versions that are swapped all the time would get the first requests only."""
    traffic = Traffic("t", {1: 90, 2: 10})
    split, seen = None, Counter[int]()
    for _ in range(5000):
        servables: Any = {1: Served(1), 2: Served(2)}
        split = make_split("m", traffic, servables, (), split)
        assert split is not None
        seen += count(split, many(2))
    assert abs(seen[2] - 1000) <= 50


def test_right_after_a_change_requests_wait_for_a_version_that_is_being_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another worker has it already; later, its share goes to the others."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    traffic = Traffic("t", {1: 50, 2: 50}, sticky="x-user")
    servables: Any = {1: Served(1)}
    split = make_split("m", traffic, servables)
    assert split is not None
    first, second = people(20), people(20)
    waiting = [r for r in first if sticky_place("m", r.headers[0][1]) >= 0.5]
    for request in waiting:
        with pytest.raises(NotReadyError) as caught:
            split.choose(request)
        assert caught.value.model == "m"
    assert count(split, (r for r in first if r not in waiting)) == {1: 20 - len(waiting)}
    assert 0 < len(waiting) < 20
    loaded = make_split("m", traffic, {**servables, 2: Served(2)}, (), split)  # type: ignore[dict-item]
    assert loaded is not None
    assert count(loaded, waiting) == {2: len(waiting)}
    now += 2.1
    gone = make_split("m", traffic, servables, (), loaded)
    assert gone is not None
    assert count(gone, second) == {1: 20}
