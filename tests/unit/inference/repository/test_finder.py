"""Looking up what another process may have promised a moment ago."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from inference.admission.report import Report
from inference.errors import NotFoundError, NotReadyError
from inference.repository.operator_state import Selection, StateFile
from inference.repository.repository import Repository
from inference.settings import Settings
from support.models.artifacts import penguins

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from inference.admission.admission import Limits
    from inference.admission.files.contents import Contents
    from inference.model.servable import Servable
    from inference.repository.snapshot import Snapshot


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test, for at most a minute."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


async def admit(contents: Contents, _: Limits) -> Report:
    return Report(admitted=True, digest=contents.digest)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Make a repository that hears of nothing by itself: no events, no scans for an hour."""
    (tmp_path / "models").mkdir()
    for version in (1, 2, 3):
        put(tmp_path, f"m/{version}", penguins(note=str(version)))
    settings = Settings(
        models_dir=tmp_path / "models",
        state_dir=tmp_path / "state",
        settle_ms=0,
        rescan_seconds=3600,
    )
    return Repository(settings, StateFile(settings.state_dir), examiner=admit)


def put(root: Path, place: str, content: bytes) -> None:
    target = root / "models" / place / "model.onnx"
    target.parent.mkdir(parents=True)
    target.write_bytes(content)


def active(snapshot: Snapshot) -> Servable:
    return snapshot.servable("m")


def new(snapshot: Snapshot) -> Servable:
    return snapshot.servable("new")


async def wrong_name(repository: Repository) -> None:
    with pytest.raises(NotFoundError):
        await repository.find(lambda snapshot: snapshot.servable("wrong"))


@scenario
async def test_a_pin_made_elsewhere_is_followed_by_all_who_ask_at_once(
    repository: Repository, tmp_path: Path
) -> None:
    elsewhere = StateFile(tmp_path / "state")
    async with repository.running():
        await repository.wait_until(lambda s: s.complete and s.models["m"].ready_versions == [2, 3])
        await wrong_name(repository)
        elsewhere.update(lambda state: msgspec.structs.replace(state, pins={"m": 1}))
        with pytest.raises(NotReadyError):
            active(repository.current())  # it lies on disk only, and is now loaded
        found = await asyncio.gather(*(repository.find(active) for _ in range(10)))
        assert {servable.version for servable in found} == {1}


@scenario
async def test_a_file_placed_since_the_last_look_is_found(
    repository: Repository, tmp_path: Path
) -> None:
    async with repository.running():
        await repository.wait_until(lambda s: s.complete)
        asking = [asyncio.create_task(wrong_name(repository)) for _ in range(3)]
        await wrong_name(repository)
        put(tmp_path, "new/1", penguins(seed=5))
        found = await asyncio.gather(*(repository.find(new) for _ in range(5)))
        assert {servable.name for servable in found} == {"new"}
        await asyncio.gather(*asking)


@scenario
async def test_many_wrong_names_share_a_scan(repository: Repository) -> None:
    async with repository.running():
        await repository.wait_until(lambda s: s.complete)
        before = repository.scans_begun
        await asyncio.gather(*(wrong_name(repository) for _ in range(200)))
        assert repository.scans_begun - before <= 5


@scenario
async def test_a_name_that_lies_nowhere_has_nothing_scanned(repository: Repository) -> None:
    async with repository.running():
        await repository.wait_until(lambda s: s.complete)
        before = repository.scans_begun
        for name in (
            "wrong",
            "n" * 64,
            "n" * 65,
            "n" * 1_000_000,
            "..",
            ".m",
            "m/1",
            "",
            "\0",
            "M",
        ):
            with pytest.raises(NotFoundError):
                await repository.find(lambda snapshot, name=name: snapshot.servable(name))
        with pytest.raises(NotFoundError):
            await repository.find(lambda snapshot: snapshot.servable("m", 7))
        assert repository.scans_begun == before


@scenario
async def test_a_version_placed_since_the_last_look_is_found(
    repository: Repository, tmp_path: Path
) -> None:
    async with repository.running():
        await repository.wait_until(lambda s: s.complete)
        put(tmp_path, "m/4", penguins(seed=6))
        found = await repository.find(lambda snapshot: snapshot.servable("m", 4))
        assert found.version == 4


@scenario
async def test_a_selection_of_a_new_model_made_elsewhere_is_followed(
    repository: Repository, tmp_path: Path
) -> None:
    elsewhere = StateFile(tmp_path / "state")
    async with repository.running():
        await repository.wait_until(lambda s: s.complete)
        put(tmp_path, "new/1", penguins(seed=5))
        chosen = Selection("new")
        elsewhere.update(lambda state: msgspec.structs.replace(state, selection=chosen))
        found = await repository.find(lambda snapshot: snapshot.selected())
        assert found.name == "new"


@scenario
async def test_what_is_there_is_found_without_a_scan(repository: Repository) -> None:
    """A costly model is found this way with every request; a scan would cost more than it does."""
    async with repository.running():
        await repository.wait_until(lambda s: s.complete)
        before = repository.scans_begun
        for _ in range(20):
            await repository.find(active)
        assert repository.scans_begun == before
