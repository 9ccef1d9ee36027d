from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.runtime.shared_memory import Place, SharedMemory
from inference.telemetry.counters import _LONGEST_KEY, Ledger, ledger_bytes

if TYPE_CHECKING:
    from collections.abc import Callable


def add(ledger: Ledger, *key: str, by: float = 1.0) -> None:
    ledger.values[ledger.find(key)] += by


def totals(ledger: Ledger) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for key, values in ledger.items():
        found[key] = found.get(key, 0.0) + values[0]
    return found


@pytest.fixture
def make() -> Callable[..., Ledger]:
    """Make ledgers of the worker with a number; all of one test share memory."""
    memory = SharedMemory({}, {"a": 64 * 1024, "b": 64 * 1024, "k": 64 * 1024}, workers=3)

    def make_one(worker: int, stride: int = 1, kind: str = "k", **more: bool) -> Ledger:
        return Ledger(kind, stride, Place(memory, worker), **more)

    return make_one


@pytest.fixture(params=["alone", "shared"])
def ledger(request: pytest.FixtureRequest, make: Callable[..., Ledger]) -> Ledger:
    return make(0, 2) if request.param == "shared" else Ledger("k", 2)


def test_series_do_not_touch_each_other(ledger: Ledger) -> None:
    add(ledger, "a")
    add(ledger, "b", by=5)
    ledger.values[ledger.find(("a",)) + 1] = 7
    assert dict(ledger.items()) == {("a",): [1, 7], ("b",): [5, 0]}


@pytest.mark.parametrize("key", [("a", "b"), ("a b", ""), ("ä\n\"'\\", "\u2028"), ()])
def test_any_text_can_be_a_key(ledger: Ledger, key: tuple[str, ...]) -> None:
    add(ledger, *key)
    assert totals(ledger) == {key: 1}


def test_workers_see_each_others_numbers(make: Callable[..., Ledger]) -> None:
    ledgers = [make(worker, 1) for worker in range(3)]
    for worker, ledger in enumerate(ledgers):
        add(ledger, "shared", by=10**worker)
        add(ledger, f"only {worker}")
    assert [totals(ledger)["shared",] for ledger in ledgers] == [111] * 3
    assert len(totals(ledgers[0])) == 4


def test_kinds_are_apart(make: Callable[..., Ledger]) -> None:
    first, second = (make(0, 1, kind) for kind in ("a", "b"))
    add(first, "x")
    assert totals(second) == {}


def test_a_successor_goes_on_where_a_worker_died(make: Callable[..., Ledger]) -> None:
    add(make(0, 2), "x", by=3)
    successor = make(0, 2)
    add(successor, "x")
    add(successor, "y")
    assert totals(successor) == {("x",): 4, ("y",): 1}
    assert totals(make(1, 2)) == {("x",): 4, ("y",): 1}


def test_volatile_numbers_die_with_their_worker(make: Callable[..., Ledger]) -> None:
    add(make(0, 1, volatile=True), "x", by=3)
    successor = make(0, 1, volatile=True)
    assert totals(successor) == {("x",): 0}
    add(successor, "x")
    assert totals(successor) == {("x",): 1}


def test_a_full_ledger_keeps_what_it_has(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 5
    monkeypatch.setattr(ledger, "_room", room)
    for number in range(3 * room):
        add(ledger, str(number))
    assert totals(ledger) == {(str(number),): 1 for number in range(room)}


def test_the_room_is_all_there_is() -> None:
    stride, series = 100, 5
    memory = SharedMemory({}, {"k": ledger_bytes(stride, series)})
    ledger = Ledger("k", stride, Place(memory))
    for number in range(20):
        place = ledger.find((str(number),))
        ledger.values[place + stride - 1] = 1.0
    assert len(dict(ledger.items())) == series - 1
    assert all(values[:99] == [0.0] * 99 for values in dict(ledger.items()).values())


@pytest.mark.parametrize(("length", "found"), [(_LONGEST_KEY - 4, True), (_LONGEST_KEY - 3, False)])
def test_a_key_that_is_too_long_is_counted_with_what_finds_no_room(
    ledger: Ledger, length: int, *, found: bool
) -> None:
    key = "x" * length  # as JSON it is a list: two brackets and two quotes more
    add(ledger, key)
    add(ledger, "other")
    assert totals(ledger) == ({(key,): 1, ("other",): 1} if found else {("other",): 1})


def test_a_worker_that_died_while_it_wrote_a_key_left_nothing(make: Callable[..., Ledger]) -> None:
    ledger = make(0, 1)
    add(ledger, "whole")
    width = ledger_bytes(1, 1)
    ledger._own[width + 2 : width + 6] = b'["hal'[:4]  # no length yet
    successor = make(0, 1)
    assert totals(successor) == {("whole",): 1}
    add(successor, "next")
    assert totals(make(1, 1)) == {("whole",): 1, ("next",): 1}
