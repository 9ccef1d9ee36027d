"""What ``make soak`` makes of what it saw: what counts as lost, and when it fails."""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from soak.expected import Expected, probabilities
from soak.monitor import Reading
from soak.picture import draw
from soak.question import Questions
from soak.report import MIB, Fault, Run, growth_mib, judge, render
from soak.tally import Death, Tally
from soak.watch import Truths
from support.models.artifacts import SPECIES
from support.service.raw_http import Answer

if TYPE_CHECKING:
    from pathlib import Path


def run(**changes: Any) -> Run:
    """Make a run in which everything held."""
    tally = Tally()
    for _ in range(100):
        tally.answer("predict, row", 0.001)
    readings = [
        Reading(float(at), {1: 100 * MIB, 2 + at // 50: 90 * MIB}, 250 * MIB) for at in range(100)
    ]
    held: dict[str, Any] = {
        "seconds": 10.0,
        "pace": 12.0,
        "tally": tally,
        "faults": [Fault("kill", 20.0, 1.1), Fault("publish", 40.0, 0.8)],
        "recoveries": [1.0],
        "readings": readings,
    }
    return Run(**held | changes)


def fails(judged: Run) -> list[str]:
    return [verdict.what for verdict in judge(judged) if not verdict.holds]


def test_a_run_in_which_everything_held_passes() -> None:
    assert fails(run()) == []


def test_a_single_lost_request_fails_the_run() -> None:
    judged = run()
    judged.tally.lose("predict, row", "500")
    assert fails(judged) == ["requests lost"]
    assert "predict, row: 500" in render(judged, picture="soak.png")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"recoveries": [0.5, 2.1]}, "slowest recovery from the death of a worker"),
        ({"recoveries": []}, "slowest recovery from the death of a worker"),
        ({"faults": []}, "faults that ended as they must"),
        ({"faults": [Fault("kill", 1.0, 1.0, "no")]}, "faults that ended as they must"),
        ({"troubles": ["a Traceback"]}, "other troubles"),
        ({"pace": 40.0}, "load held, right answers a second"),
    ],
)
def test_whatever_does_not_hold_fails_the_run(changes: dict[str, Any], what: str) -> None:
    assert fails(run(**changes)) == [what]


def test_memory_is_judged_by_the_worker_that_lived_longest() -> None:
    """A young worker's growth is its start."""
    readings = [
        Reading(float(at), {1: (100 + at) * MIB} | ({2: at * MIB} if at > 50 else {}), 0)
        for at in range(100)
    ]
    assert growth_mib(readings) == pytest.approx(65)
    assert fails(run(readings=readings)) == ["growth of the eldest worker's memory"]


def test_only_what_a_killed_worker_had_accepted_is_no_loss() -> None:
    tally = Tally()
    tally.kill(Death(100.0, frozenset({5000})))
    reset = ConnectionResetError()
    tally.fail("a", reset, port=5000, begun=99.0, first=False)
    assert (tally.cut, tally.lost) == (1, [])
    tally.fail("a", reset, port=5001, begun=99.0, first=False)
    tally.fail("a", reset, port=5000, begun=200.0, first=False)  # the port was used again
    assert (tally.cut, len(tally.lost)) == (1, 2)


def test_only_a_connection_that_nobody_accepted_is_refused() -> None:
    tally = Tally()
    refused = ConnectionRefusedError()
    tally.fail("a", refused, port=0, begun=1.0, first=True)
    assert len(tally.lost) == 1, "the service is meant to be up"
    tally.is_down.set()
    tally.fail("a", refused, port=0, begun=1.0, first=True)
    assert (tally.refused, len(tally.lost)) == (1, 1)
    tally.fail("a", refused, port=5000, begun=1.0, first=False)
    assert len(tally.lost) == 2, "an accepted connection is to be answered"


def test_an_answer_of_other_weights_is_wrong() -> None:
    expected = Expected()
    expected.allow("m", 1, 7)
    assert expected.judge("m", 1, "many", probabilities(7, "many")) == ""
    assert "as none of (7,)" in expected.judge("m", 1, "many", probabilities(8, "many"))
    assert "as none of (7,)" in expected.judge("m", 1, "one", probabilities(7, "other"))
    assert "as none of ()" in expected.judge("m", 2, "many", probabilities(7, "many"))
    expected.allow("m", 1, 7, 8)
    assert expected.judge("m", 1, "many", probabilities(8, "many")) == ""


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    draw(run(), tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("killed_before", "accepted", "is_lost"),
    [(None, 1, False), (None, 0, True), (0.5, 0, False), (-60.0, 0, True)],
    ids=["logged", "lost", "its worker was killed", "a worker was killed long before"],
)
def test_a_truth_whose_answer_is_not_in_the_log_is_a_loss(
    killed_before: float | None, accepted: int, is_lost: bool
) -> None:
    expected, tally = Expected(), Tally()
    expected.allow("steady", 1, 1)
    ask, tell = Truths(Questions(expected), tally).questions()
    shares = dict(zip(SPECIES, probabilities(1, "one")[0].tolist(), strict=True))
    label = max(shares, key=lambda name: shares[name])
    answer = {"model": "steady", "version": 1, "label": label, "probabilities": shares}
    assert ask.judge(answered(answer, "id-7")) == ""
    if killed_before is not None:
        tally.kill(Death(time.monotonic() + killed_before, frozenset()))
    assert callable(tell.data)
    assert b'"request_id": "id-7"' in tell.data()
    wrong = tell.judge(answered({"accepted": accepted, "unknown": []}, "id-8"))
    assert bool(wrong) == is_lost
    assert not wrong or "id-7" in wrong


def answered(document: Any, request_id: str) -> Answer:
    headers = http.client.HTTPMessage()
    headers["X-Request-ID"] = request_id
    return Answer(200, headers, json.dumps(document).encode())
