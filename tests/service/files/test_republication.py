"""A model that is republished without pause under a client that predicts without pause."""

from __future__ import annotations

import itertools
import mmap
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from inference.model.plan import granted_cpus
from inference.repository.loading.loader import AT_ONCE
from support.amount import amount
from support.models.artifacts import penguins
from support.service.caller import Caller
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

REPUBLICATIONS = amount("REPUBLICATIONS", 60)
WARM_UP = min(100, REPUBLICATIONS // 2)
# Threads that are made when they are first needed, which may be after the warm-up.
POOLED = min(AT_ONCE + 1 + granted_cpus(), REPUBLICATIONS // 4)


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


def wait_for(caller: Caller, version: int) -> None:
    """Wait until the connection whose order is kept was answered by a version."""
    eventually(lambda: caller.order[-1:] == [version], within=60, what=f"version {version}")


class Held(NamedTuple):
    """What the service's process holds while nothing is on its way."""

    resident_mib: float
    files: int
    threads: int

    @classmethod
    def by(cls, service: Service) -> Held:
        """Look at the process."""
        (worker,) = service.worker_pids
        here = Path(f"/proc/{worker}")
        pages = int((here / "statm").read_text().split()[1])
        files, threads = (sum(1 for _ in (here / kind).iterdir()) for kind in ("fd", "task"))
        return cls(round(pages * mmap.PAGESIZE / 2**20, 1), files, threads)


@pytest.mark.timeout(300)
def test_a_hundred_republications_fail_no_request(published: Service) -> None:
    """The whole of it: new versions, corrupt ones, wrong ones, and a deletion.

    Every version is published as ``publish()`` does: ten times one, which is waited for, and
    then nine at once.
    """
    with Caller(published, "/predict/") as caller:
        number = 1
        for burst in [1, 9] * 10:
            for _ in range(burst):
                number += 1
                published.put(f"m/{number}/model.onnx", penguins(note=str(number)))
            wait_for(caller, number)
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
        wait_for(caller, number)
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
    for _, _, reported in caller.failures:
        assert "is no longer there" in reported or "being examined" in reported


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


@pytest.mark.timeout(180 + 3 * REPUBLICATIONS)
def test_republications_leave_nothing_behind(
    published: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is waited for; every tenth content is new, and examined, the others have been before."""
    contents = [penguins(note=f"kept {number}") for number in range(20)]
    first = Held(0.0, 0, 0)
    with Caller(published, "/predict/") as caller:
        for number in range(2, REPUBLICATIONS + 2):
            content = penguins(note=str(number)) if number % 10 == 0 else contents[number % 20]
            published.put(f"m/{number}/model.onnx", content)
            wait_for(caller, number)
            if number == WARM_UP + 1:
                first = Held.by(published)
        eventually(lambda: Held.by(published).files <= first.files, what="files closed")
        last = Held.by(published)
    with capsys.disabled():
        sys.stdout.write(
            f"\nafter {WARM_UP} republications {first}\nafter {REPUBLICATIONS} {last}, "
            f"{sum(caller.answers.values())} predictions beside them\n"
        )
    assert caller.failures == []
    assert caller.order == list(range(1, REPUBLICATIONS + 2))
    assert last.resident_mib < first.resident_mib * 1.1
    assert last.files <= first.files
    assert last.threads <= first.threads + POOLED
