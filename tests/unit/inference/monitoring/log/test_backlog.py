"""Packed rows wait in bounded memory, and none is lost between two threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from inference.model.servable import Servable
from inference.monitoring.log import backlog as module
from inference.monitoring.log.backlog import Backlog
from support.models.artifacts import penguins

if TYPE_CHECKING:
    from inference.monitoring.log.backlog import RowBuffer


class Form:
    """Rows of eight bytes."""

    size = 8


@pytest.fixture
def servable() -> Servable:
    return Servable.load("penguins", 1, penguins())


def fill(backlog: Backlog, buffer: RowBuffer, rows: range) -> None:
    """Append rows as the event loop does."""
    for number in rows:
        buffer.rows.append(number.to_bytes(8, "big"))
        if len(buffer.rows) == 1 or len(buffer.rows) > buffer.room:
            backlog.look(buffer)


def numbers(packed: bytes) -> list[int]:
    return [int.from_bytes(packed[at : at + 8], "big") for at in range(0, len(packed), 8)]


def add_buffer(backlog: Backlog, servable: Servable) -> RowBuffer:
    form: Any = Form()
    return backlog.add_buffer(servable, form)


@pytest.mark.parametrize("rows", [99, 100, 101, 5000])
def test_rows_above_the_limit_are_dropped_and_counted(
    rows: int, servable: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 100 * Form.size)
    monkeypatch.setattr(module, "_STEP_ROWS", 1)
    backlog = Backlog(lambda: None)
    one, other = add_buffer(backlog, servable), add_buffer(backlog, servable)
    one.room = other.room = 1
    fill(backlog, other, range(50))
    fill(backlog, one, range(rows - 50))

    kept = len(one.rows) + len(other.rows)
    assert kept == min(rows, 101), "the limit, and the step of one row"
    assert backlog.lost == rows - kept
    taken = [number for _, packed in backlog.take() for number in numbers(packed)]
    assert taken == [*range(kept - 50), *range(50)], "the oldest stay"


def test_room_is_there_again_once_rows_were_taken(
    servable: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 0)
    monkeypatch.setattr(module, "_STEP_ROWS", 10)
    backlog = Backlog(lambda: None)
    buffer = add_buffer(backlog, servable)
    for _ in range(3):
        fill(backlog, buffer, range(12))
        assert sum(len(numbers(packed)) for _, packed in backlog.take()) == 10
    assert backlog.lost == 6


def test_none_is_lost_or_taken_twice_between_two_threads(
    servable: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE_ROWS", 100)
    woken = threading.Event()
    backlog = Backlog(woken.set)
    buffer = add_buffer(backlog, servable)
    taken: list[int] = []
    count = 300_000

    def take() -> None:
        while len(taken) < count and woken.wait(20):
            woken.clear()
            for _, packed in backlog.take():
                taken.extend(numbers(packed))

    thread = threading.Thread(target=take)
    thread.start()
    fill(backlog, buffer, range(count))
    thread.join(60)
    assert backlog.lost == 0
    assert taken == list(range(count))


def test_the_buffers_of_a_version_go_with_it_once_they_are_empty(servable: Servable) -> None:
    backlog = Backlog(lambda: None)
    buffer = add_buffer(backlog, servable)
    fill(backlog, buffer, range(3))
    buffer.close()
    (pair,) = backlog.take()
    assert numbers(pair[1]) == [0, 1, 2]
    assert backlog.buffers == []


def test_a_row_that_is_dropped_while_rows_are_taken_does_not_hold_up_the_thread(
    servable: Servable,
) -> None:
    buffer = add_buffer(Backlog(lambda: None), servable)
    buffer.rows += [number.to_bytes(8, "big") for number in range(module._PIECE_ROWS + 1)]
    taken = buffer.take()
    first = next(taken)
    del buffer.rows[-1:]

    assert len(numbers(first)) == module._PIECE_ROWS
    assert list(taken) == []
