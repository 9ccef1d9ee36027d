"""Gates at their limits: what holds, what is broken, and what is too early to say."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from inference.model.servable import Servable
from inference.monitoring.rollout.gates import (
    Measures,
    Verdict,
    judge,
    measure,
    measure_p99_seconds,
)
from inference.repository.snapshot import Model
from inference.repository.traffic.choice import Gates, Shadow, Traffic
from inference.telemetry.counters import Counters
from inference.telemetry.rollout_counts import STRIDE, Key, RolloutCounts
from support.models.artifacts import penguins, regressor


def found(**more: Any) -> Measures:
    known: dict[str, Any] = {
        "rows": 100.0,
        "failed": 0.0,
        "different": 0.0,
        "disagreement": 0.0,
        "p99_ratio": 1.0,
        "error_rate": 0.0,
        "dropped": 0.0,
    }
    return Measures(**(known | more))


ALL = Gates(100, max_disagreement=0.1, max_p99_ratio=2.0, max_error_rate=0.05)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (found(), Verdict(True)),
        (found(rows=99), None),
        (found(different=10, disagreement=0.1), Verdict(True)),
        (found(different=11, disagreement=0.11), Verdict(False, "max_disagreement", 0.11, 0.1)),
        (found(p99_ratio=2.0), Verdict(True)),
        (found(p99_ratio=2.01), Verdict(False, "max_p99_ratio", 2.01, 2.0)),
        (found(p99_ratio=None), None),
        (found(failed=5, error_rate=0.05), Verdict(True)),
        (found(failed=6, error_rate=0.06), Verdict(False, "max_error_rate", 0.06, 0.05)),
        # What cannot hold any more is broken before all rows are there.
        (
            found(rows=12, different=11, disagreement=0.9),
            Verdict(False, "max_disagreement", 0.9, 0.1),
        ),
        (found(rows=12, different=10, disagreement=0.9), None),
        (found(rows=6, failed=6, error_rate=1.0), Verdict(False, "max_error_rate", 1.0, 0.05)),
        (found(rows=5, failed=5, error_rate=1.0), None),
        # Values differ by a mean, not by rows.
        (found(disagreement=0.2), Verdict(False, "max_disagreement", 0.2, 0.1)),
    ],
)  # fmt: skip
def test_each_gate_at_its_limit(measured: Measures, verdict: Verdict | None) -> None:
    assert judge(ALL, measured) == verdict


@pytest.mark.parametrize("limit", [0.07, 0.14, 0.28, 0.29, 0.55, 0.57, 0.58])
@pytest.mark.parametrize(
    ("gate", "count", "share"),
    [
        ("max_disagreement", "different", "disagreement"),
        ("max_disagreement", "failed", "disagreement"),
        ("max_error_rate", "failed", "error_rate"),
    ],
)
def test_a_share_that_equals_the_limit_holds(
    limit: float, gate: str, count: str, share: str
) -> None:
    rows = round(limit * 100)
    gates = Gates(100, **{gate: limit})
    equal = found(**{count: rows, share: rows / 100})
    assert judge(gates, equal) == Verdict(True)
    assert judge(gates, equal._replace(rows=99)) is None, "the last row may be right"
    assert judge(gates, equal._replace(rows=99, **{count: rows + 1})) is not None


def test_more_rows_than_asked_are_judged_by_their_share() -> None:
    """Between two looks at a busy model, many rows are answered."""
    many = found(rows=5000, different=137, disagreement=137 / 5000, failed=60, error_rate=0.012)
    assert judge(ALL, many) == Verdict(True)
    late = many._replace(disagreement=0.11)
    assert judge(ALL, late) == Verdict(False, "max_disagreement", 0.11, 0.1)


def test_a_gate_that_was_not_named_always_holds() -> None:
    bad = found(failed=50, error_rate=0.5, p99_ratio=None, disagreement=None)
    assert judge(Gates(100, max_disagreement=None, max_error_rate=0.5), bad) == Verdict(True)


def test_a_rate_of_zero_permits_no_failure() -> None:
    gates = Gates(1000, max_error_rate=0.0)
    assert judge(gates, found(rows=1, failed=1, error_rate=1.0)) is not None


def model_of(traffic: Traffic, data: bytes | None = None) -> Model:
    active = Servable.load("m", 1, data or penguins())
    return Model("m", MappingProxyType({}), active, traffic=traffic)


def test_only_what_belongs_to_this_traffic_counts() -> None:
    counts = RolloutCounts(Counters("rollouts", STRIDE))
    counts.add(Key("m", "2", "now", "shadow"), rows=90, failed=10, different=9, dropped=3)
    counts.add(Key("m", "2", "now", "shadow"), difference=4.5)
    for other in (("m", "2", "before", "shadow"), ("n", "2", "now", "shadow")):
        counts.add(Key(*other), rows=1000, failed=1000, different=1000)
    counts.add(Key("m", "2", "now", "split"), rows=1000)
    counts.observe(Key("m", "2", "now", "shadow"), [0.002] * 99 + [0.5])
    counts.observe(Key("m", "1", "now", "shadow"), [0.001] * 100)
    traffic = Traffic("now", shadow=Shadow(2))
    measured = measure(model_of(traffic), traffic, counts.add_up())
    assert (measured.rows, measured.failed, measured.dropped) == (100, 10, 3)
    assert (measured.error_rate, measured.disagreement) == (0.1, 0.19)
    assert measured.p99_ratio == pytest.approx(2.0, rel=0.11)
    assert measured.difference == pytest.approx(4.5 / 90)
    by_version = measure_p99_seconds(model_of(traffic), traffic, counts.add_up())
    assert by_version == pytest.approx({1: 0.001, 2: 0.002}, rel=0.11)


def test_requests_of_a_split_are_compared_with_those_of_all_other_versions() -> None:
    counts = RolloutCounts(Counters("rollouts", STRIDE))
    for version, seconds in (("1", 0.001), ("2", 0.001), ("3", 0.003)):
        key = Key("m", version, "t", "split")
        counts.add(key, rows=50)
        counts.observe(key, [seconds] * 50)
    counts.add(Key("m", "3", "t", "split"), failed=50)
    traffic = Traffic("t", {1: 50, 2: 40, 3: 10})
    measured = measure(model_of(traffic), traffic, counts.add_up())
    assert (measured.rows, measured.error_rate, measured.disagreement) == (100, 0.5, None)
    assert measured.p99_ratio == pytest.approx(3.0, rel=0.11)


def test_values_disagree_in_proportion_to_the_old_answers() -> None:
    counts = RolloutCounts(Counters("rollouts", STRIDE))
    key = Key("m", "2", "t", "shadow")
    counts.add(key, rows=10, difference=5.0, size_of_old=100.0)
    traffic = Traffic("t", shadow=Shadow(2))
    model = model_of(traffic, regressor())
    assert measure(model, traffic, counts.add_up()).disagreement == pytest.approx(0.05)
    zeros = {key: counts.add_up()[key]}
    zeros[key].size_of_old = 0.0
    assert measure(model, traffic, zeros).disagreement is not None


def test_before_anything_was_measured_there_is_no_ratio_and_no_error() -> None:
    traffic = Traffic("t", shadow=Shadow(2))
    measured = measure(model_of(traffic), traffic, {})
    assert (measured.rows, measured.p99_ratio, measured.error_rate) == (0, None, 0)
    assert measured.difference is None
    assert measure_p99_seconds(model_of(traffic), traffic, {}) == {}


@pytest.mark.parametrize("data", [penguins(), regressor()])
@pytest.mark.parametrize(("failed", "share"), [(1000, 1.0), (990, 0.99), (10, 0.01), (11, 0.011)])
def test_a_row_that_a_shadow_fails_is_a_disagreement(
    data: bytes, failed: int, share: float
) -> None:
    """A version that fails nearly all rows, and agrees on the others, must not be promoted."""
    counts = RolloutCounts(Counters("rollouts", STRIDE))
    size = float(1000 - failed)
    counts.add(Key("m", "2", "t", "shadow"), rows=1000 - failed, failed=failed, size_of_old=size)
    traffic = Traffic("t", shadow=Shadow(2))
    measured = measure(model_of(traffic, data), traffic, counts.add_up())
    assert (measured.rows, measured.disagreement) == (1000, pytest.approx(share))
    verdict = judge(Gates(1000, max_disagreement=0.01), measured)
    assert verdict is not None
    assert verdict.is_promoted == (failed <= 10)


@pytest.mark.parametrize(("failed", "is_broken"), [(10, False), (11, True)])
def test_failed_rows_break_the_disagreement_early(failed: int, is_broken: bool) -> None:
    early = found(rows=20, failed=failed, disagreement=failed / 20, error_rate=failed / 20)
    verdict = judge(Gates(1000, max_disagreement=0.01), early)
    assert (verdict is not None) == is_broken
