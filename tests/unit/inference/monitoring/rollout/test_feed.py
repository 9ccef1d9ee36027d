"""A shadow gets its exact share; what it cannot keep up with is dropped before anything is made."""

from __future__ import annotations

from typing import Any

import pytest

from inference.monitoring.hand_off import HandOff
from inference.monitoring.rollout.feed import ShadowFeed
from inference.telemetry.timing import Timing
from support.fake_servable import FakeServable
from support.monitoring.watched import Recording, answered

SERVABLE: Any = FakeServable()


@pytest.mark.parametrize("percent", [0.5, 1, 10, 33.3, 50, 99.5, 100])
@pytest.mark.parametrize("every", [1, 2, 3, 10], ids=lambda n: f"of-every-{n}")
def test_the_share_is_exact_also_of_every_second_or_tenth_request(
    percent: float, every: int
) -> None:
    taken: list[int] = []
    feed = ShadowFeed(lambda _, timing: taken.append(timing.rows) or True, percent)
    for number in range(10_000):
        feed.append(SERVABLE, answered(rows=number))
    found = [number for number in taken if number % every == 0]
    assert len(found) == pytest.approx(10_000 / every * percent / 100, abs=5)
    assert feed.pop_dropped() == 0


def test_rows_without_room_are_dropped_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.monitoring.hand_off.WAIT_SECONDS", 30.0)
    consumer = Recording()
    hand_off = HandOff([consumer], max_values=2 * 70)
    feed = ShadowFeed(hand_off.append, 100)
    for _ in range(5):
        feed.append(SERVABLE, answered(rows=3, values=6))
    assert (feed.pop_dropped(), feed.pop_dropped()) == (9, 0)
    hand_off.flush()
    feed.append(SERVABLE, answered(rows=3, values=6))  # there is room again
    hand_off.close()
    assert (len(consumer.taken), feed.pop_dropped()) == (3, 0)


def test_requests_that_are_not_of_the_share_are_neither_handed_on_nor_dropped() -> None:
    feed = ShadowFeed(lambda *_: False, 10)
    for _ in range(1000):
        feed.append(SERVABLE, answered(rows=2))
    assert feed.pop_dropped() == pytest.approx(200, abs=4)


def test_an_explanation_has_nothing_to_run_and_is_not_dropped() -> None:
    hand_off = HandOff([Recording()], max_values=0)
    feed = ShadowFeed(hand_off.append, 100)
    feed.append(SERVABLE, Timing())
    hand_off.close()
    assert feed.pop_dropped() == 0
