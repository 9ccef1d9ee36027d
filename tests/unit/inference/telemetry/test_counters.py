from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.runtime.shared_memory import Section, SharedArray, SharedMemory
from inference.telemetry.counters import _LONGEST_KEY, Counters, counters_array

if TYPE_CHECKING:
    from collections.abc import Callable


def add(counters: Counters, *key: str, by: float = 1.0) -> None:
    counters.values[counters.find(key)] += by


def totals(counters: Counters) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for key, values in counters.items():
        found[key] = found.get(key, 0.0) + values[0]
    return found


@pytest.fixture
def make() -> Callable[..., Counters]:
    """Make counters of the worker with a number; all of one test share memory."""
    memory = SharedMemory({}, dict.fromkeys("abk", SharedArray("d", 8 * 1024)), workers=3)

    def make_one(worker: int, stride: int = 1, kind: str = "k", **more: bool) -> Counters:
        return Counters(kind, stride, Section(memory, worker), **more)

    return make_one


@pytest.fixture(params=["alone", "shared"])
def counters(request: pytest.FixtureRequest, make: Callable[..., Counters]) -> Counters:
    return make(0, 2) if request.param == "shared" else Counters("k", 2)


def test_series_do_not_touch_each_other(counters: Counters) -> None:
    add(counters, "a")
    add(counters, "b", by=5)
    counters.values[counters.find(("a",)) + 1] = 7
    assert dict(counters.items()) == {("a",): [1, 7], ("b",): [5, 0]}


@pytest.mark.parametrize("key", [("a", "b"), ("a b", ""), ("ä\n\"'\\", "\u2028"), ()])
def test_any_text_can_be_a_key(counters: Counters, key: tuple[str, ...]) -> None:
    add(counters, *key)
    assert totals(counters) == {key: 1}


def test_workers_see_each_others_numbers(make: Callable[..., Counters]) -> None:
    workers = [make(worker, 1) for worker in range(3)]
    for worker, counters in enumerate(workers):
        add(counters, "shared", by=10**worker)
        add(counters, f"only {worker}")
    assert [totals(counters)["shared",] for counters in workers] == [111] * 3
    assert len(totals(workers[0])) == 4


def test_kinds_are_apart(make: Callable[..., Counters]) -> None:
    first, second = (make(0, 1, kind) for kind in ("a", "b"))
    add(first, "x")
    assert totals(second) == {}


def test_a_successor_goes_on_where_a_worker_died(make: Callable[..., Counters]) -> None:
    add(make(0, 2), "x", by=3)
    successor = make(0, 2)
    add(successor, "x")
    add(successor, "y")
    assert totals(successor) == {("x",): 4, ("y",): 1}
    assert totals(make(1, 2)) == {("x",): 4, ("y",): 1}


def test_volatile_numbers_die_with_their_worker(make: Callable[..., Counters]) -> None:
    add(make(0, 1, volatile=True), "x", by=3)
    successor = make(0, 1, volatile=True)
    assert totals(successor) == {("x",): 0}
    add(successor, "x")
    assert totals(successor) == {("x",): 1}


def test_full_counters_keep_what_they_have(
    counters: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 5
    monkeypatch.setattr(counters, "_room", room)
    for number in range(3 * room):
        add(counters, str(number))
    assert totals(counters) == {(str(number),): 1 for number in range(room)}


def test_the_room_is_all_there_is() -> None:
    stride, series = 100, 5
    memory = SharedMemory({}, {"k": counters_array(stride, series)})
    counters = Counters("k", stride, Section(memory))
    for number in range(20):
        place = counters.find((str(number),))
        counters.values[place + stride - 1] = 1.0
    assert len(dict(counters.items())) == series - 1
    assert all(values[:99] == [0.0] * 99 for values in dict(counters.items()).values())


@pytest.mark.parametrize(("length", "found"), [(_LONGEST_KEY - 4, True), (_LONGEST_KEY - 3, False)])
def test_a_key_that_is_too_long_is_counted_with_what_finds_no_room(
    counters: Counters, length: int, *, found: bool
) -> None:
    key = "x" * length  # as JSON it is a list: two brackets and two quotes more
    add(counters, key)
    add(counters, "other")
    assert totals(counters) == ({(key,): 1, ("other",): 1} if found else {("other",): 1})


def test_a_worker_that_died_while_it_wrote_a_key_left_nothing(
    make: Callable[..., Counters],
) -> None:
    counters = make(0, 1)
    add(counters, "whole")
    width = counters_array(1, 1).size_bytes
    counters._own[width + 2 : width + 6] = b'["hal'[:4]  # no length yet
    successor = make(0, 1)
    assert totals(successor) == {("whole",): 1}
    add(successor, "next")
    assert totals(make(1, 1)) == {("whole",): 1, ("next",): 1}
