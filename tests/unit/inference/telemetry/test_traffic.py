from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from inference.runtime.threads import NoThreadError
from inference.telemetry import traffic as module
from inference.telemetry.counters import Counters
from inference.telemetry.latency_histogram import BOUNDS, SIZE
from inference.telemetry.traffic import RecentTraffic


class Requests:
    """Counters that requests are added to."""

    def __init__(self) -> None:
        self.counters = Counters("requests", SIZE)

    def add(
        self,
        seconds: float,
        *,
        times: int = 1,
        model: str = "m",
        version: str = "1",
        route: str = "predict",
    ) -> None:
        index = self.counters.find((route, model, version, "200"))
        bucket = int(np.searchsorted(BOUNDS, seconds))
        self.counters.values[index + bucket] += times


@pytest.fixture
def requests() -> Requests:
    return Requests()


def test_rate_counts_requests_of_all_versions_between_the_samples(requests: Requests) -> None:
    traffic = RecentTraffic(requests.counters)
    requests.add(0.001, times=1000)  # before the first sample
    traffic.sample(100.0)
    requests.add(0.001, times=15)
    requests.add(0.001, times=5, version="2")
    traffic.sample(110.0)
    assert traffic.figures["m"].rate == 2.0
    assert {v: figures.rate for v, figures in traffic.by_version.items()} == {
        ("m", "1"): 1.5,
        ("m", "2"): 0.5,
    }


def test_p99_of_a_version_is_that_of_its_own_requests(requests: Requests) -> None:
    traffic = RecentTraffic(requests.counters)
    traffic.sample(0.0)
    requests.add(0.0005, times=100)
    requests.add(0.5, times=100, version="2")
    traffic.sample(5.0)
    fast, slow = (traffic.by_version["m", version].p99_ms for version in ("1", "2"))
    assert fast is not None
    assert slow is not None
    assert fast <= 1
    assert 300 <= slow <= 1000
    assert traffic.figures["m"].p99_ms == pytest.approx(slow, rel=0.05)


def test_requests_leave_the_figures_after_three_minutes(requests: Requests) -> None:
    traffic = RecentTraffic(requests.counters)
    traffic.sample(0.0)
    requests.add(0.001, times=60)
    for second in range(5, 185, 5):
        traffic.sample(float(second))
    assert traffic.figures["m"].rate == pytest.approx(60 / 180, abs=0.001)
    traffic.sample(185.0)
    traffic.sample(190.0)
    assert traffic.figures == {}
    assert traffic.by_version == {}
    assert traffic.encoded == b"{}"


def test_requests_to_no_model_are_left_out(requests: Requests) -> None:
    traffic = RecentTraffic(requests.counters)
    traffic.sample(0.0)
    requests.add(0.001, model="")
    traffic.sample(5.0)
    assert traffic.figures == {}


@pytest.mark.parametrize("route", ["explain", "whatif"])
def test_explanations_do_not_count_as_predictions(requests: Requests, route: str) -> None:
    traffic = RecentTraffic(requests.counters)
    traffic.sample(0.0)
    requests.add(2.0, route=route)
    traffic.sample(5.0)
    assert traffic.figures == {}


@pytest.mark.parametrize("seed", range(5))
def test_p99_is_in_the_bucket_of_the_exact_percentile(requests: Requests, seed: int) -> None:
    traffic = RecentTraffic(requests.counters)
    traffic.sample(0.0)
    seconds = np.random.default_rng(seed).lognormal(-6, 1.5, 997)
    for one in seconds:
        requests.add(float(one))
    traffic.sample(5.0)
    exact = float(np.quantile(seconds, 0.99, method="inverted_cdf"))
    bucket = int(np.searchsorted(BOUNDS, exact))
    estimate = traffic.figures["m"].p99_ms
    assert estimate is not None
    assert 1000 * BOUNDS[bucket - 1] <= estimate <= 1000 * BOUNDS[bucket]


def test_p99_above_the_last_bound_is_that_bound(requests: Requests) -> None:
    traffic = RecentTraffic(requests.counters)
    traffic.sample(0.0)
    requests.add(100.0)
    traffic.sample(5.0)
    assert traffic.figures["m"].p99_ms == 1000 * BOUNDS[-1]


def test_encoded_figures_are_replaced_only_when_they_change(requests: Requests) -> None:
    traffic = RecentTraffic(requests.counters)
    traffic.sample(0.0)
    before = traffic.encoded
    traffic.sample(5.0)
    assert traffic.encoded is before
    requests.add(0.0005)
    traffic.sample(10.0)
    assert list(json.loads(traffic.encoded)) == ["m"]


def test_sampling_goes_on_after_the_system_has_refused_a_thread(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic, sampled, refused = RecentTraffic(requests.counters), asyncio.Event(), [True]

    async def aside(*_: Any) -> None:
        if refused and refused.pop():
            raise NoThreadError
        sampled.set()

    monkeypatch.setattr(module, "run_aside", aside)
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 0.0)

    async def run() -> None:
        async with traffic.sampling(), asyncio.timeout(10):
            await sampled.wait()

    asyncio.run(run())
