"""A sliding window over the rows of all workers, which survives them."""

from __future__ import annotations

import numpy as np
import pytest

from inference.monitoring.drift import window as module
from inference.monitoring.drift.window import DRIFT, DRIFT_ARRAY, Limits, Windows
from inference.runtime.shared_memory import Section, SharedArray, SharedMemory

KEY = ("m", 1, "abc")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def memory(workers: int = 1, length: int = DRIFT_ARRAY.length) -> SharedMemory:
    return SharedMemory({}, {DRIFT: SharedArray("d", length)}, workers)


def make(clock: Clock, shared: SharedMemory, worker: int = 0, **limits: float) -> Windows:
    return Windows(Limits(**limits), Section(shared, worker), clock)  # type: ignore[arg-type]


def add(windows: Windows, rows: int, *cells: float, key: module.Key = KEY) -> None:
    windows.add(key, np.array(cells or (float(rows),)), rows, rows)


def test_nothing_counted_is_nothing(clock: Clock) -> None:
    windows = make(clock, memory())
    assert windows.window(KEY, 1) is None
    assert windows.total(KEY, 1) is None
    assert windows.keys() == set()


def test_rows_of_all_workers_add_up_in_each(clock: Clock) -> None:
    shared = memory(3)
    workers = [make(clock, shared, worker) for worker in range(3)]
    for number, windows in enumerate(workers, 1):
        add(windows, 10 * number, number, 2 * number)
    for windows in workers:
        counted = windows.window(KEY, 2)
        assert counted is not None
        assert (counted.rows, counted.counts.tolist()) == (60, [6, 12])


def test_a_killed_worker_s_rows_are_kept_by_its_successor(clock: Clock) -> None:
    shared = memory()
    add(make(clock, shared), 10)
    successor = make(clock, shared)
    add(successor, 5)
    for counted in (successor.window(KEY, 1), successor.total(KEY, 1)):
        assert counted is not None
        assert counted.rows == 15


def test_versions_are_apart(clock: Clock) -> None:
    windows = make(clock, memory())
    keys = [("m", 1, "abc"), ("m", 2, "abc"), ("m", 1, "xyz"), ("n", 1, "abc")]
    keys.append(("x" * 64, 10**17, "f" * 16))
    for rows, key in enumerate(keys, 1):
        add(windows, rows, key=key)
    assert [windows.window(key, 1).rows for key in keys] == [1, 2, 3, 4, 5]  # type: ignore[union-attr]
    assert windows.keys() == {Windows.encode(key) for key in keys}


@pytest.mark.parametrize("piece", [1, 7, 50, 400])
def test_the_window_has_the_latest_rows_up_to_the_most(clock: Clock, piece: int) -> None:
    windows = make(clock, memory(), least_rows=10, most_rows=1000)
    for at in range(0, 5000, piece):
        add(windows, piece, float(at < 3500) * piece)
        clock.now += 0.1
        counted = windows.window(KEY, 1)
        assert counted is not None
        served = at + piece
        assert min(served, 1000 - 100 - 2 * piece) <= counted.rows <= max(1000, 2 * piece)
    assert counted is not None
    assert counted.counts.tolist() == [0.0]  # the rows before are forgotten
    total = windows.total(KEY, 1)
    assert total is not None
    assert total.counts[0] == pytest.approx(3500, abs=piece)


@pytest.mark.parametrize("later", [1, 49, 50])
@pytest.mark.parametrize("batch", [101, 1_000])
def test_few_rows_after_a_batch_larger_than_the_window_do_not_replace_it(
    clock: Clock, batch: int, later: int
) -> None:
    windows = make(clock, memory(), least_rows=0, most_rows=100)
    add(windows, batch, 0, batch)
    for _ in range(later):
        clock.now += 1
        add(windows, 1, 1, 0)
    found = windows.window(KEY, 2)
    assert found is not None
    assert found.counts.tolist() == [later, batch if later < 50 else 0]


def test_old_rows_are_left_out_if_there_are_enough_later_ones(clock: Clock) -> None:
    windows = make(clock, memory(), least_rows=10, most_rows=1000, seconds=100)
    add(windows, 20)
    clock.now += 150
    add(windows, 9)
    assert windows.window(KEY, 1).rows == 29  # type: ignore[union-attr]  # at least 10
    add(windows, 1)
    assert windows.window(KEY, 1).rows == 10  # type: ignore[union-attr]


def test_few_rows_are_kept_however_old(clock: Clock) -> None:
    windows = make(clock, memory(), least_rows=100, most_rows=1000, seconds=100)
    for _ in range(300):
        add(windows, 1)
        clock.now += 50
    assert 100 <= windows.window(KEY, 1).rows <= 120  # type: ignore[union-attr]


def test_the_age_is_that_of_the_first_row(clock: Clock) -> None:
    windows = make(clock, memory())
    add(windows, 1)
    clock.now += 30
    add(windows, 1)
    counted = windows.window(KEY, 1)
    assert counted is not None
    assert windows.age(counted) == 30


def test_rows_that_stand_for_different_numbers_are_worth_fewer(clock: Clock) -> None:
    windows = make(clock, memory())
    windows.add(KEY, np.array([100.0]), 100, 100)
    assert windows.window(KEY, 1).effective == 100  # type: ignore[union-attr]
    windows.add(KEY, np.array([900.0]), 900, 1)
    counted = windows.window(KEY, 1)
    assert counted is not None
    assert (counted.rows, counted.examined) == (1000, 101)
    assert counted.effective == pytest.approx(1000**2 / (100 + 900**2))


def test_a_full_memory_forgets_what_was_not_counted_for_longest(clock: Clock) -> None:
    shared = memory(2, 16 * 1024)
    windows, other = make(clock, shared, 0), make(clock, shared, 1)
    for number in range(200):
        clock.now += 1
        add(windows, 1, *[1.0] * 20, key=("m", number, ""))
        add(windows, 1, *[1.0] * 20, key=("kept", 1, ""))
    for reader in (windows, other):
        assert reader.window(("m", 199, ""), 20).rows == 1  # type: ignore[union-attr]
        assert reader.window(("kept", 1, ""), 20).rows == 200  # type: ignore[union-attr]
        assert reader.window(("m", 0, ""), 20) is None


def test_a_successor_of_a_worker_killed_while_it_made_room_begins_anew(clock: Clock) -> None:
    shared = memory()
    windows = make(clock, shared)
    add(windows, 1)
    windows._own[module._GENERATION] += 1
    assert windows.window(KEY, 1) is None  # not read while it is moved
    successor = make(clock, shared)
    assert successor.window(KEY, 1) is None
    add(successor, 2)
    assert successor.window(KEY, 1).rows == 2  # type: ignore[union-attr]


def test_memory_that_makes_no_sense_is_not_read(clock: Clock) -> None:
    shared = memory()
    windows = make(clock, shared)
    add(windows, 1)
    for length in (0.0, 1.0, 1e9):
        windows._own[module._ARENA_HEAD] = length
        assert windows.window(KEY, 1) is None
        assert windows.keys() == set()
