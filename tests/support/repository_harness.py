"""A repository on folders of its own, with an examiner that a test controls."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import os
import time
from typing import TYPE_CHECKING, Any

import msgspec

from inference.admission.report import Report
from inference.repository.operator_state import StateFile
from inference.repository.repository import Repository
from inference.settings import Settings
from support.models.artifacts import penguins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from inference.admission.admission import Limits
    from inference.admission.files.contents import Contents
    from inference.repository.snapshot import Snapshot, Version


class FakeExaminer:
    """Admits everything immediately, except what a test refuses or holds.

    Attributes:
        refuses: The reason, by content.
        holds: Contents that it does not answer for before the event is set.
        seen: The contents that it was asked about, in order.
    """

    def __init__(self) -> None:
        self.refuses: dict[bytes, str] = {}
        self.holds: dict[bytes, asyncio.Event] = {}
        self.seen: list[bytes] = []

    async def __call__(self, contents: Contents, _: Limits) -> Report:
        content = contents.data()
        self.seen.append(content)
        if content in self.holds:
            await self.holds[content].wait()
        digest = hashlib.sha256(content).hexdigest()
        reason = self.refuses.get(content, "")
        return Report(admitted=not reason, reason=reason, digest=digest)


class Bench:
    """A repository on folders of its own, with a fake examiner."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.models = root / "models"
        self.models.mkdir(exist_ok=True)
        self.state_file = StateFile(root / "state")
        self.examiner = FakeExaminer()
        self.settings = Settings(
            models_dir=self.models,
            state_dir=root / "state",
            **{"settle_ms": 0, "rescan_seconds": 0.2} | settings,
        )
        self.repository = Repository(self.settings, self.state_file, examiner=self.examiner)

    def put(self, place: str, content: bytes, *, age: float = 60) -> None:
        """Rename a file into place, written so many seconds ago."""
        target = self.models / place
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.tmp"
        temporary.write_bytes(content)
        written = time.time() - age
        os.utime(temporary, (written, written))
        temporary.replace(target)

    def version(self, number: int, content: bytes | None = None, **more: Any) -> bytes:
        """Put a version of the model ``m``."""
        content = note(number) if content is None else content
        self.put(f"m/{number}/model.onnx", content, **more)
        return content

    def choose(self, **changes: Any) -> None:
        self.state_file.update(lambda state: msgspec.structs.replace(state, **changes))

    async def until(self, holds: Callable[[Snapshot], Any]) -> Snapshot:
        """Wait until a condition holds, on the snapshot or on anything else."""
        async with asyncio.timeout(20):
            while not holds(self.repository.current()):  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.01)
        return self.repository.current()

    async def active(self, number: int | None) -> Snapshot:
        """Wait until this version of ``m`` is what answers."""
        return await self.until(lambda s: "m" in s.models and active_of(s) == number)

    async def settled(self, loaded: list[int], active: int | None = None) -> Snapshot:
        """Wait until exactly these versions of ``m`` answer, and nothing is on its way."""

        def holds(snapshot: Snapshot) -> bool:
            model = snapshot.models.get("m")
            return (
                model is not None
                and model.ready_versions == loaded
                and all(v.state != "loading" for v in model.versions.values())
                and (active is None or active_of(snapshot) == active)
            )

        return await self.until(holds)

    def here(self, number: int) -> Version:
        return self.repository.current().models["m"].versions[number]


def note(number: int) -> bytes:
    """Make a good artifact that differs from those of other numbers."""
    return penguins(note=f"number {number}")


def active_of(snapshot: Snapshot) -> int | None:
    active = snapshot.models["m"].active
    return None if active is None else active.version


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test, for at most a minute."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


@contextlib.asynccontextmanager
async def live(bench: Bench) -> AsyncIterator[Bench]:
    async with bench.repository.running():
        yield bench
