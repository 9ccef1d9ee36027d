"""Replicas that change the operator's choices at once, in real stores."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from support.storage.replicas import Replica, pins_by_model, read_log

if TYPE_CHECKING:
    from pathlib import Path

CHANGES, MODELS = 1000, 20
# How late a replica may be on a machine that does other things, too, and how often.
LATEST_SECONDS, MOST_LATE = 10.0, CHANGES // 5


class Writer:
    """Pins one model in one replica, again and again, and asks another what it answers.

    Attributes:
        pinned: The versions, in their order.
        late: After how many changes the other replica answered from the choices before.
    """

    def __init__(self, model: str, one: Replica, other: Replica) -> None:
        self.model = model
        self.one = one
        self.other = other
        self.pinned: list[int] = []
        self.late = 0

    def run(self, changes: int) -> None:
        for step in range(changes):
            version = 1 + step % 2
            changed = self.one.pin(self.model, version)
            assert changed.status_code == 200, changed.text
            answered = time.monotonic()
            self.pinned.append(version)
            first = self.other.version(self.model)
            # A caller that demands the number gets the new version, late or not.
            assert self.other.version(self.model, int(changed.headers["rookery-state"])) == version
            assert time.monotonic() - answered < LATEST_SECONDS
            self.late += first != version


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_thousand_changes_of_two_replicas_are_all_kept_and_followed(
    tmp_path: Path, url: str
) -> None:
    models = [f"m{number}" for number in range(MODELS)]
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(Replica(tmp_path / "one", url, models, workers=2))
        two = stack.enter_context(Replica(tmp_path / "two", url, models))
        one.start_with_models()
        two.start_with_models()
        half = MODELS // 2
        writers = [Writer(model, one, two) for model in models[:half]]
        writers += [Writer(model, two, one) for model in models[half:]]
        with ThreadPoolExecutor(MODELS) as threads:
            for done in [threads.submit(each.run, CHANGES // MODELS) for each in writers]:
                done.result()
    log = read_log(url)
    assert len(log) == CHANGES
    assert pins_by_model(log) == {each.model: each.pinned for each in writers}
    late = sum(each.late for each in writers)
    assert late <= MOST_LATE, f"{late} answers came from the choices before"
