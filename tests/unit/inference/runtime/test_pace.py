"""A thread beside the event loop works the less the busier the event loop is."""

from __future__ import annotations

import threading

import pytest

from inference.runtime import pace as module
from inference.runtime.pace import Pace


class Clocks:
    """The processor time of this thread and of the event loop, and the time of day."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, busy: float) -> None:
        self.mine = self.loop = self.now = 0.0
        self.rests: list[float] = []
        self._busy = busy
        monkeypatch.setattr("time.thread_time", lambda: self.mine)
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.clock_gettime", lambda _: self.loop)

    def wait(self, seconds: float) -> None:
        """Rest, while the event loop works for its share of the time."""
        self.rests.append(seconds)
        self.now += seconds
        self.loop += seconds * self._busy


@pytest.mark.parametrize(("busy", "share"), [(0.0, 0.8), (0.5, 0.2), (0.9, 0.05), (1.0, 0.05)])
def test_the_share_of_the_time_follows_from_what_the_loop_leaves(
    monkeypatch: pytest.MonkeyPatch, busy: float, share: float
) -> None:
    clocks = Clocks(monkeypatch, busy)
    ended = threading.Event()
    monkeypatch.setattr(ended, "wait", clocks.wait)
    pace = Pace(ended)
    pace.begin()
    for _ in range(50):
        clocks.mine += 0.002
        clocks.now += 0.002
        pace.rest()
    assert pace.share == pytest.approx(share, rel=0.01)
    worked = 0.002 / (0.002 + clocks.rests[-1])
    assert worked == pytest.approx(share, rel=0.01)


def test_before_anything_is_known_the_loop_is_taken_for_busy() -> None:
    assert Pace(threading.Event()).share == module._LEAST_SHARE


@pytest.mark.parametrize(("worked", "rest"), [(0.0, 0.0005), (1e-5, 0.0005), (1.0, 0.5)])
def test_a_rest_has_limits(monkeypatch: pytest.MonkeyPatch, worked: float, rest: float) -> None:
    clocks = Clocks(monkeypatch, 1.0)
    ended = threading.Event()
    monkeypatch.setattr(ended, "wait", clocks.wait)
    pace = Pace(ended)
    pace.begin()
    clocks.mine += worked
    pace.rest()
    assert clocks.rests == [rest]


def test_the_end_ends_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST_REST_SECONDS", 600.0)
    monkeypatch.setattr(module, "_MOST_REST_SECONDS", 600.0)
    ended = threading.Event()
    resting = threading.Thread(target=Pace(ended).rest, daemon=True)
    resting.start()
    ended.set()
    resting.join(20)
    assert not resting.is_alive()
