"""Every served request reaches every consumer once, in order, off the loop; or is counted."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from inference.logs import KEY_ID, REQUEST_ID
from inference.monitoring import hand_off as module
from inference.monitoring.hand_off import HandOff
from inference.telemetry.timing import Timing
from support.fake_servable import FakeServable
from support.monitoring.watched import Recording, answered

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.monitoring.served import ServedBatch

_SECONDS = 20


def append(hand_off: HandOff, *timings: Timing, servable: Any = None) -> Any:
    servable = servable or FakeServable()
    for timing in timings:
        hand_off.append(servable, timing)
    return servable


def test_each_consumer_takes_every_request_once_and_in_order() -> None:
    consumers = [Recording(), Recording()]
    hand_off = HandOff(consumers)
    servable = append(hand_off, *(answered((float(n),), values=1) for n in range(3000)))
    hand_off.close()
    for consumer in consumers:
        assert [served.row for served in consumer.taken] == [(float(n),) for n in range(3000)]
        assert {served.servable for served in consumer.taken} == {servable}
        assert max(map(len, consumer.batches)) <= module._PIECE


def test_a_request_is_handed_on_without_a_flush() -> None:
    consumer = Recording()
    hand_off = HandOff([consumer])
    for _ in range(2):  # the thread waits again after the first
        append(hand_off, answered())
        assert consumer.has_taken.acquire(timeout=_SECONDS)
    assert len(consumer.taken) == 2
    hand_off.close()


def test_the_loop_wakes_the_thread_once_for_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 30.0)
    hand_off = HandOff([Recording()])
    wakes = 0
    wake_up = hand_off._wake_up

    def count() -> None:
        nonlocal wakes
        wakes += 1
        wake_up()

    monkeypatch.setattr(hand_off, "_wake_up", count)
    append(hand_off, *(answered() for _ in range(100)))
    assert wakes == 1
    hand_off.close()


def test_no_thread_runs_before_anything_is_served() -> None:
    before = set(threading.enumerate())
    hand_off = HandOff([Recording()])
    assert set(threading.enumerate()) <= before
    hand_off.close()


def test_a_request_without_results_is_not_handed_on() -> None:
    consumer = Recording()
    hand_off = HandOff([consumer])
    append(hand_off, Timing())
    hand_off.close()
    assert consumer.batches == []


def test_a_request_says_what_was_asked_and_answered_and_when() -> None:
    consumer = Recording()
    hand_off = HandOff([consumer])
    timing = answered((1.0, None), outputs=("a", "b"), results=("x", [0.5, 0.5]))
    timing.started = timing.done - 0.25
    append(hand_off, timing)
    hand_off.close()
    (served,) = consumer.taken
    assert served.row == (1.0, None)
    assert served.outputs == ("a", "b")
    assert served.results == ("x", [0.5, 0.5])
    assert served.seconds == pytest.approx(0.25)
    assert served.time == pytest.approx(time.time(), abs=30)
    assert (served.request_id, served.key_id, served.rows) == (b"", None, 1)


def test_ids_are_those_of_the_request_that_was_appended() -> None:
    with_ids, without = Recording(needs_ids=True), Recording()
    hand_off = HandOff([without, with_ids])
    tokens = REQUEST_ID.set(b"one"), KEY_ID.set("key")
    append(hand_off, answered())
    REQUEST_ID.set(b"two")
    KEY_ID.set(None)
    append(hand_off, answered())
    REQUEST_ID.reset(tokens[0])
    KEY_ID.reset(tokens[1])
    hand_off.close()
    ids = [(served.request_id, served.key_id) for served in with_ids.taken]
    assert ids == [(b"one", "key"), (b"two", None)]


@pytest.mark.parametrize(("most", "kept"), [(130, 1), (131, 2), (197, 2), (198, 3)])
def test_what_waits_has_a_limit_and_the_rest_is_counted(
    monkeypatch: pytest.MonkeyPatch, most: int, kept: int
) -> None:
    monkeypatch.setattr(module, "MAX_VALUES", most)  # a request counts 64, and its values
    monkeypatch.setattr(module, "WAIT_SECONDS", 30.0)
    dropped: list[None] = []
    consumer = Recording()
    hand_off = HandOff([consumer], lambda: dropped.append(None))
    consumer.may_take.clear()
    append(hand_off, answered(values=2), answered(values=1), answered(values=3))
    consumer.may_take.set()
    hand_off.flush()
    assert (len(consumer.taken), len(dropped)) == (kept, 3 - kept)
    append(hand_off, answered(values=2))  # there is room again
    hand_off.close()
    assert len(consumer.taken) == kept + 1


def test_a_request_larger_than_the_limit_is_taken_if_nothing_else_waits() -> None:
    consumer = Recording()
    hand_off = HandOff([consumer])
    append(hand_off, answered(values=module.MAX_VALUES + 1))
    hand_off.close()
    assert len(consumer.taken) == 1


def test_a_consumer_that_fails_is_logged_once_and_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Recording):
        def consume(self, servable: Servable, batch: ServedBatch) -> None:
            super().consume(servable, batch)
            raise ValueError("secret value")

    failing, other = Failing(), Recording()
    hand_off = HandOff([failing, other])
    for _ in range(3):
        append(hand_off, answered())
        hand_off.flush()
    hand_off.close()
    assert len(failing.taken) == len(other.taken) == 3
    (record,) = caplog.records
    assert "Failing failed" in record.getMessage()
    assert "secret" not in record.getMessage()


def test_a_model_whose_requests_make_a_consumer_fail_costs_no_other_model_its_requests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Picky(Recording):
        def consume(self, servable: Servable, batch: ServedBatch) -> None:
            if servable.name == "odd":
                raise ValueError("odd")
            super().consume(servable, batch)

    picky = Picky()
    hand_off = HandOff([picky])
    odd = FakeServable()
    odd.name = "odd"
    for _ in range(2):
        append(hand_off, answered(), servable=odd)
        append(hand_off, answered())
        hand_off.flush()
    hand_off.close()
    assert len(picky.taken) == 2
    (record,) = caplog.records
    assert "model odd" in record.getMessage()


def test_a_consumer_that_hangs_delays_neither_the_loop_nor_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_CLOSE_SECONDS", 0.01)
    consumer = Recording()
    consumer.may_take.clear()
    hand_off = HandOff([consumer])
    append(hand_off, *(answered() for _ in range(600)))
    hand_off.close()
    consumer.may_take.set()
    assert consumer.has_taken.acquire(timeout=_SECONDS)


def test_a_servable_is_freed_with_its_last_request() -> None:
    hand_off = HandOff([Forgetting()])
    servable = FakeServable()
    append(hand_off, answered(), servable=servable)
    hand_off.flush()
    freed = weakref.ref(servable)
    del servable
    gc.collect()
    assert freed() is None
    hand_off.close()


class Forgetting:
    needs_ids = False

    def consume(self, _: Servable, batch: ServedBatch) -> None:
        assert len(batch) == 1


def test_requests_appended_while_others_are_handed_on_are_not_lost() -> None:
    consumer = Recording()
    hand_off = HandOff([consumer])
    flushing = threading.Event()

    def flush() -> None:
        while not flushing.is_set():
            hand_off.flush()

    thread = threading.Thread(target=flush)
    thread.start()
    append(hand_off, *(answered((n,)) for n in range(20_000)))
    flushing.set()
    thread.join()
    hand_off.close()
    assert [served.row for served in consumer.taken] == [(n,) for n in range(20_000)]


def test_requests_wait_for_a_thread_that_the_system_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    consumer = Recording()
    hand_off = HandOff([consumer])
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", refuse)
        append(hand_off, answered())
    assert not consumer.taken
    append(hand_off, answered())
    assert consumer.has_taken.acquire(timeout=_SECONDS)
    hand_off.close()
    assert len(consumer.taken) == 2
