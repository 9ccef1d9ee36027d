"""Only what a shadow was checked against is shadowed, and only versions of a split are counted."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from inference.model.servable import Servable
from inference.monitoring.rollout.observer import ShadowObserver, SplitObserver
from inference.monitoring.served import ServedBatch
from inference.repository.snapshot import Model, Snapshot, Version
from inference.repository.traffic.choice import Shadow, Traffic
from inference.repository.traffic.split import make_split
from inference.telemetry.counters import Counters
from inference.telemetry.rollout_counts import STRIDE, Key, RolloutCounts
from support.models.artifacts import penguins
from support.monitoring.watched import answered, give

if TYPE_CHECKING:
    from inference.monitoring.rollout.shadow import Job

SERVABLES = {version: Servable.load("m", version, penguins(seed=version)) for version in (1, 2, 3)}


class Runner:
    """Notes the jobs that it is given."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def run(self, job: Job) -> None:
        self.jobs.append(job)


def snapshot(traffic: Traffic | None, *, loaded: tuple[int, ...] = (1, 2, 3)) -> Snapshot:
    """Make a snapshot in which version 1 is active, or versions share the requests."""
    servables = {number: SERVABLES[number] for number in loaded}
    versions = {
        number: Version(
            number, "ready" if number in loaded else "loading", "", servables.get(number)
        )
        for number in SERVABLES
    }
    split = make_split("m", traffic, servables)
    model = Model("m", MappingProxyType(versions), SERVABLES[1], traffic=traffic, split=split)
    return Snapshot(MappingProxyType({"m": model}))


def batch(*versions: int, rows: int = 1) -> ServedBatch:
    return ServedBatch(
        [(SERVABLES[number], answered(rows=rows), None, None, 1.0) for number in versions]
    )


def shadowed(now: Snapshot, *versions: int) -> list[tuple[int, int, int]]:
    """Return what is run: the version that has answered, the shadow, and how many requests."""
    runner: Any = Runner()
    give(ShadowObserver(lambda: now, runner), batch(*versions))
    return [(job.servable.version, job.shadow.version, len(job.batch)) for job in runner.jobs]


@pytest.mark.parametrize(
    ("traffic", "expected"),
    [
        (None, []),
        (Traffic("t", {}, Shadow(2)), [(1, 2, 2)]),
        (Traffic("t", {1: 50, 2: 50}, Shadow(3)), [(1, 3, 2), (2, 3, 1)]),
        (Traffic("t", {1: 50, 2: 50}), []),
    ],
    ids=["none", "active version", "split", "split without a shadow"],
)
def test_the_versions_that_answer_are_shadowed(traffic: Traffic | None, expected: Any) -> None:
    assert shadowed(snapshot(traffic), 1, 2, 1, 3) == expected


def test_a_shadow_that_is_not_loaded_gets_nothing() -> None:
    assert shadowed(snapshot(Traffic("t", {}, Shadow(2)), loaded=(1,)), 1) == []
    assert shadowed(snapshot(Traffic("t", {}, Shadow(9))), 1) == []


def test_requests_of_a_model_that_is_gone_are_left_out() -> None:
    assert shadowed(Snapshot(), 1, 2) == []


def test_the_requests_of_each_version_of_a_split_are_counted() -> None:
    counts = RolloutCounts(Counters("rollouts", STRIDE))
    now = snapshot(Traffic("t", {1: 50, 2: 50}))
    give(SplitObserver(lambda: now, counts), batch(1, 2, 1, 3, rows=4))
    found = {key: (tally.rows, tally.requests) for key, tally in counts.add_up().items()}
    assert found == {Key("m", "1", "t", "split"): (8, 2), Key("m", "2", "t", "split"): (4, 1)}


@pytest.mark.parametrize("traffic", [None, Traffic("t", {}, Shadow(2))])
def test_without_a_split_nothing_is_counted(traffic: Traffic | None) -> None:
    counts = RolloutCounts(Counters("rollouts", STRIDE))
    give(SplitObserver(lambda: snapshot(traffic), counts), batch(1, 2))
    assert counts.add_up() == {}
