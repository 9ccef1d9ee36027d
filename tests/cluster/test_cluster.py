"""Publication, pins, updates and faults on three replicas; requests do not fail."""

from __future__ import annotations

import os
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cluster.laboratory import kubectl, pods, run, wait_for_pods
from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cluster.conftest import Cluster

    Publish = Callable[[str], int]

pytestmark = pytest.mark.timeout(900)

PINS = int(os.environ.get("PINS", "60"))
AWAY_SECONDS = float(os.environ.get("AWAY_SECONDS", "20"))
WRITERS = 2
DRAIN_SECONDS = 8
NODES, OURS = "--selector=kubernetes.io/os=linux", "selector=app.kubernetes.io/name=rookery"


@pytest.fixture(autouse=True)
def _three_pods(cluster: Cluster) -> None:
    assert cluster
    wait_for_pods(3)


def report(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n    {text}")  # noqa: T201 - figures for the reader of the run


def test_a_publication_answers_in_every_replica(
    cluster: Cluster, publish_version: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    version = publish_version("published")
    began = time.monotonic()

    eventually(
        lambda: cluster.versions("published") == {version}, within=60, what="all answer", every=0.1
    )
    report(capsys, f"live in three replicas {time.monotonic() - began:.1f} s after publish()")

    with cluster.load("published") as load:
        newer = publish_version("published")
        eventually(
            lambda: cluster.versions("published") == {newer},
            within=60,
            what="all follow",
            every=0.1,
        )
    assert not load.failures
    assert set(load.answered) == {version, newer}


def test_a_pin_holds_everywhere_once_it_is_answered(
    cluster: Cluster, publish_version: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"pinned-{number}" for number in range(10)]
    for name in names:
        assert [publish_version(name), publish_version(name)] == [1, 2]
    eventually(
        lambda: all(cluster.versions(n) == {2} for n in names),
        within=120,
        what="all are there",
        every=0.1,
    )
    stale: list[str] = []
    addresses = list(pods().values())

    def pin_in_turn(name: str) -> None:
        for number in range(PINS // len(names)):
            wanted = 1 + number % 2
            pod = random.choice(addresses)
            answer = cluster.ask(pod, "PUT", f"/models/{name}/active", json={"version": wanted})
            assert answer.status_code == 200, answer.text
            found = {other: cluster.version(other, name) for other in addresses}
            stale.extend(f"{name}: {found}" for v in found.values() if v != wanted)

    began = time.monotonic()
    with cluster.load("iris", clients=4) as load, ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(pin_in_turn, names))
    seconds = time.monotonic() - began
    report(capsys, f"{PINS} pins in {seconds:.0f} s beside {load.requests} predictions")
    assert not stale
    assert not load.failures


def test_two_writers_lose_no_update(cluster: Cluster, publish_version: Publish) -> None:
    names = [f"written-{number}" for number in range(2 * WRITERS)]
    for name in names:
        publish_version(name)
        publish_version(name)
    eventually(
        lambda: all(cluster.versions(n) == {2} for n in names),
        within=120,
        what="all are there",
        every=0.1,
    )
    addresses = list(pods().values())

    def write(writer: int) -> None:
        for name in names[writer::WRITERS]:
            answer = cluster.ask(
                addresses[writer], "PUT", f"/models/{name}/active", json={"version": 1}
            )
            assert answer.status_code == 200, answer.text
            # A request that demands the number of a change reads it, in each replica.
            number = answer.headers["Rookery-State"]
            assert [cluster.version(pod, name, number) for pod in addresses] == [1, 1, 1]

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, range(WRITERS)))
    assert [cluster.versions(name) for name in names] == [{1}] * len(names)


def test_a_rolling_update_loses_no_request(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster.load("iris") as load:
        kubectl("rollout", "restart", "deployment/rookery")
        kubectl("rollout", "status", "deployment/rookery", "--timeout=240s", seconds=260)
        wait_for_pods(3, 180)
    report(capsys, f"{load.requests} requests during a rolling update")
    assert not load.failures
    assert load.requests > 1000


def test_scaling_loses_no_request(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    with cluster.load("iris") as load:
        for replicas in (1, 3):
            kubectl("scale", "deployment/rookery", f"--replicas={replicas}")
            wait_for_pods(replicas, 180)
    report(capsys, f"{load.requests} requests while scaling from 3 to 1 to 3")
    assert not load.failures


def test_a_drained_node_keeps_what_the_budget_demands_and_loses_no_request(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """The only node is drained: one pod leaves, and cannot come back until the node is released."""
    before = set(pods())
    options = ("--force", "--delete-emptydir-data", "--ignore-daemonsets", f"--pod-{OURS}")
    with cluster.load("iris") as load:
        try:
            with pytest.raises(AssertionError, match="would violate the pod's disruption budget"):
                kubectl("drain", NODES, *options, f"--timeout={DRAIN_SECONDS}s")
            assert len(before & set(pods())) == 2
        finally:
            kubectl("uncordon", NODES)
        wait_for_pods(3)
    report(capsys, f"{load.requests} requests while the node was drained and released")
    assert not load.failures


def test_a_killed_pod_loses_only_what_it_had_accepted(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    name = next(iter(pods()))

    def status(field: str) -> str:
        field = f"{{.status.containerStatuses[0].{field}}}"
        return kubectl("get", "pod", name, f"--output=jsonpath={field}")

    clients, restarts = 8, status("restartCount")
    with cluster.load("iris", clients=clients) as load:
        run("docker", "kill", "--signal=KILL", status("containerID").removeprefix("docker://"))
        # Until then, the pod counts as ready.
        eventually(
            lambda: status("restartCount") != restarts, within=60, what="a restart", every=0.1
        )
        wait_for_pods(3)
    report(capsys, f"{len(load.failures)} of {load.requests} requests failed with a killed pod")
    # Those that the pod had accepted; then connections are refused until its probe fails or it is
    # back, which a client sees before it has sent anything.
    reset = [failure for failure in load.failures if "refused" not in failure.lower()]
    assert len(reset) <= clients, load.failures


def test_the_store_may_be_away(
    cluster: Cluster, publish_version: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    known = cluster.versions("iris")
    with cluster.load("iris") as load:
        with cluster.door.shut():
            threading.Event().wait(AWAY_SECONDS)
            assert cluster.versions("iris") == known
            assert len(pods()) == 3
            for pod in pods().values():
                refused = cluster.ask(pod, "PUT", "/models/iris/active", json={"version": 1})
                assert refused.status_code == 503, refused.text
                assert _state_age(cluster, pod) > AWAY_SECONDS / 2
        version = publish_version("iris")
        eventually(
            lambda: cluster.versions("iris") == {version}, within=90, what="all follow", every=0.1
        )
    report(capsys, f"{load.requests} requests, the store away for {AWAY_SECONDS:g} s of them")
    assert not load.failures


def _state_age(cluster: Cluster, pod: str) -> float:
    metrics = cluster.ask(pod, "GET", "/metrics").text
    found = re.search(r"^inference_state_age_seconds (\S+)$", metrics, re.MULTILINE)
    assert found, "no gauge of the state's age"
    return float(found[1])


class Partition:
    """Cuts pods off from a port of this machine."""

    def __init__(self) -> None:
        self._rules: list[list[str]] = []

    def cut(self, pod: str, port: int) -> None:
        rule = ["INPUT", "-s", pod, "-p", "tcp", "--dport", str(port), "-j", "DROP"]
        run("iptables", "-I", *rule)
        self._rules.append(rule)

    def heal(self) -> None:
        while self._rules:
            run("iptables", "-D", *self._rules.pop())


@pytest.fixture
def partition() -> Generator[Partition]:
    made = Partition()
    yield made
    made.heal()


def test_a_replica_that_is_cut_off_serves_what_it_knows(
    cluster: Cluster, publish_version: Publish, partition: Partition
) -> None:
    first, second = publish_version("parted"), publish_version("parted")
    eventually(
        lambda: cluster.versions("parted") == {second}, within=90, what="all are there", every=0.1
    )
    cut_off, *others = pods().values()
    with cluster.load("parted") as load:
        partition.cut(cut_off, cluster.door.port)
        answer = cluster.ask(others[0], "PUT", "/models/parted/active", json={"version": first})
        assert answer.status_code == 200, answer.text
        assert cluster.version(cut_off, "parted") == second
        # A request that demands the change waits, and never gets the version before it.
        number = answer.headers["Rookery-State"]
        assert [cluster.version(pod, "parted", number) for pod in others] == [first, first]
        assert cluster.version(cut_off, "parted", number) is None
        eventually(lambda: _state_age(cluster, cut_off) > 5, what="the state grows old", every=0.1)
        partition.heal()
        eventually(
            lambda: cluster.version(cut_off, "parted") == first,
            within=60,
            what="it follows",
            every=0.1,
        )
    assert not load.failures
