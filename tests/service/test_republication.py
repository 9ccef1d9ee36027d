"""A model that is republished without pause under a client that predicts without pause."""

from __future__ import annotations

import itertools
import shutil
import threading
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from artefacts import penguins
from service_process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROW = [39.1, 18.7, 181.0, 3750.0]
CLIENTS = 2


class Caller:
    """Predicts without pause, on connections that are kept alive, and keeps what comes back.

    Attributes:
        answers: How often each version answered.
        order: The versions that the first connection saw, each change of them.
        failures: Everything that was no prediction.
    """

    def __init__(self, service: Service, path: str) -> None:
        self._service = service
        self._path = path
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call, args=(i,)) for i in range(CLIENTS)]
        self.answers: dict[int, int] = {}
        self.order: list[int] = []
        self.failures: list[tuple[int, str, str]] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        eventually(lambda: self.answers or self.failures)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _call(self, number: int) -> None:
        with httpx.Client(base_url=self._service.client.base_url, trust_env=False) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(self._path, json=ROW, timeout=10)
                except httpx.HTTPError as error:
                    self._fail(0, "", repr(error))
                    continue
                if answer.status_code != 200:
                    self._fail(answer.status_code, answer.headers["content-type"], answer.text)
                    continue
                version = answer.json()["version"]
                with self._lock:
                    self.answers[version] = self.answers.get(version, 0) + 1
                    if number == 0 and self.order[-1:] != [version]:
                        self.order.append(version)

    def _fail(self, *failure: Any) -> None:
        with self._lock:
            self.failures.append(failure)


@pytest.fixture
def published(make_service: Callable[..., Service]) -> Iterator[Service]:
    """Run a service with version 1 of the model ``m``, selected."""
    service = make_service()
    service.put("m/1/model.onnx", penguins(note="1"))
    service.start()
    assert service.client.post("/select-model/?model=m").status_code == 200
    yield service
    assert "Traceback" not in service.log
    assert service.stop() in (0, -15)


def resident_mib(service: Service) -> float:
    """Read how much memory the service's process holds."""
    assert service.process is not None
    with open(f"/proc/{service.process.pid}/statm") as file:  # noqa: PTH123 - no file at all
        return int(file.read().split()[1]) * 4096 / 2**20


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_republications_fail_no_request(published: Service) -> None:
    """The whole of it: new versions, corrupt ones, wrong ones, and a deletion.

    Every version is published as ``publish()`` does: ten times one, which is waited for, and
    then nine at once.
    """
    with Caller(published, "/predict/") as caller:
        number, memory = 1, 0.0
        for burst in [1, 9] * 10:
            for _ in range(burst):
                number += 1
                published.put(f"m/{number}/model.onnx", penguins(note=str(number)))
            eventually(lambda n=number: n in caller.answers, within=60, what=f"version {number}")
            if number == 41:
                memory = resident_mib(published)
        assert resident_mib(published) - memory < 60, "memory grows with every swap"
        latest = number

        published.put(f"m/{number + 1}/model.onnx", penguins()[:800])
        published.put(f"m/{number + 2}/model.onnx", penguins(wrong=True))
        eventually(lambda: len(published.model("m")["quarantined"]) == 2, within=60)
        shown = published.model("m")
        assert [q["version"] for q in shown["quarantined"]] == [number + 1, number + 2]
        assert "truncated" in shown["quarantined"][0]["reason"]
        assert "golden sample" in shown["quarantined"][1]["reason"]
        assert shown["active_version"] == latest
        assert caller.failures == []

        number += 3
        published.put(f"m/{number}/model.onnx", penguins(note="good again"))
        eventually(lambda n=number: n in caller.answers, within=60)
        assert caller.failures == []
        assert caller.answers.keys().isdisjoint({number - 1, number - 2})
        assert caller.order == sorted(caller.order), "no answer comes from an older version again"

        shutil.rmtree(published.models / "m")
        eventually(lambda: caller.failures, within=60)
        published.put("m/1/model.onnx", penguins(note="put back"))
        before = caller.answers.get(1, 0)
        eventually(lambda: caller.answers.get(1, 0) > before + 10, within=60)
    assert {status for status, _, _ in caller.failures} <= {404, 409, 503}
    assert {kind for _, kind, _ in caller.failures} == {"application/problem+json"}
    for _, _, told in caller.failures:
        assert "is no longer there" in told or "being examined" in told


def test_a_file_replaced_in_place_answers_old_or_new_and_never_fails(published: Service) -> None:
    """The same for a file that is overwritten by a rename, without a new version."""
    with Caller(published, "/models/m/predict") as caller:
        contents = itertools.cycle([penguins(note="a"), b"corrupt", penguins(note="b")])
        for _ in range(9):
            content = next(contents)
            digest = published.model("m")["versions"][0]["digest"]
            published.put("m/1/model.onnx", content)
            if content == b"corrupt":
                eventually(lambda: published.model("m")["quarantined"], within=60)
                assert published.model("m")["versions"][0]["digest"] == digest
            else:
                eventually(
                    lambda digest=digest: published.model("m")["versions"][0]["digest"] != digest,
                    within=60,
                )
        eventually(lambda: not published.model("m")["quarantined"])
    assert caller.failures == []
    assert caller.answers.keys() == {1}


def test_a_burst_of_versions_ends_with_the_last_one(published: Service) -> None:
    """Sixty versions at once: what was overtaken is passed over, and few stay loaded."""
    with Caller(published, "/predict/") as caller:
        for number in range(2, 62):
            published.put(f"m/{number}/model.onnx", penguins(note=str(number)))
        shown = published.wait_for("m", active_version=61, loaded_versions=[60, 61], within=60)
        assert [v["state"] for v in shown["versions"]].count("ready") == 2
        eventually(lambda: 61 in caller.answers)
    assert caller.failures == []
    assert caller.order == sorted(caller.order)
