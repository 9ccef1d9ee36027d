"""One pass: what is copied, what stays, what is removed, whatever the store does."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest

from inference.errors import StorageError
from inference.storage import sync as sync_module
from inference.storage.copies import Copies, Source
from support.dispatcher_harness import scenario

if TYPE_CHECKING:
    from pathlib import Path

    from support.storage.object_stores import SyncBench


@scenario
async def test_copies_the_highest_versions_whole_with_their_origin(bench: SyncBench) -> None:
    await bench.put("a", 1, 2, 3)
    await bench.store.put("b.onnx", b"flat")
    done = await bench.run()
    assert sorted(done.copied) == [("a", 2), ("a", 3), ("b", 1)]
    assert bench.here == {("a", 2), ("a", 3), ("b", 1)}
    file = bench.folder / "b" / "1" / "model.onnx"
    assert file.read_bytes() == b"flat"
    source = msgspec.json.decode(file.with_name(".source.json").read_bytes(), type=Source)
    assert (source.path, source.size) == ("b.onnx", 4)
    assert source.sha256 == hashlib.sha256(b"flat").hexdigest()
    assert not list((bench.folder / ".sync").glob("in-*"))


@scenario
async def test_a_second_pass_and_a_restart_copy_nothing_again(bench: SyncBench) -> None:
    await bench.put("a", 1, 2)
    assert len((await bench.run()).copied) == 2
    assert (await bench.run()).copied == []
    bench.restart()
    assert (await bench.run()).copied == []


@scenario
async def test_a_replaced_object_and_a_damaged_copy_are_copied_again(bench: SyncBench) -> None:
    await bench.put("a", 1)
    await bench.run()
    file = bench.folder / "a" / "1" / "model.onnx"
    await bench.put("a", 1, content=b"other")
    assert (await bench.run()).copied == [("a", 1)]
    assert file.read_bytes() == b"other"
    file.write_bytes(b"")
    assert (await bench.run()).copied == [("a", 1)]
    assert file.read_bytes() == b"other"


@scenario
async def test_a_store_that_is_away_changes_nothing(bench: SyncBench) -> None:
    await bench.put("a", 1)
    await bench.run()
    bench.store.away = True
    with pytest.raises(StorageError, match="away"):
        await bench.run()
    assert bench.here == {("a", 1)}
    bench.store.away = False
    assert (await bench.run()).failures == []


@pytest.mark.parametrize("fault", ["truncated", "changed"])
@scenario
async def test_a_content_that_is_cut_or_changes_while_it_is_read_is_not_placed(
    bench: SyncBench, fault: str
) -> None:
    await bench.put("a", 1)
    setattr(bench.store, fault, True)
    done = await bench.run()
    assert len(done.failures) == 1
    assert "a version 1" in done.failures[0]
    assert bench.here == set()
    setattr(bench.store, fault, False)
    assert (await bench.run()).copied == [("a", 1)]


@scenario
async def test_a_content_that_is_not_the_published_one_is_not_placed(bench: SyncBench) -> None:
    await bench.store.create("a/1/model.onnx", b"damaged", {"sha256": "0" * 64})
    assert "was published" in (await bench.run()).failures[0]
    assert bench.here == set()


@scenario
async def test_a_deleted_version_is_removed_and_the_one_below_comes(bench: SyncBench) -> None:
    await bench.put("a", 1, 2, 3)
    await bench.run()
    await bench.delete("a", 3)
    done = await bench.run()
    assert (done.removed, done.copied) == ([("a", 3)], [("a", 1)])
    assert bench.here == {("a", 1), ("a", 2)}


@scenario
async def test_a_version_that_only_a_listing_lacks_stays(bench: SyncBench) -> None:
    await bench.put("a", 1)
    await bench.put("b", 1)
    await bench.put("c", 1)
    await bench.run()
    bench.store.hidden = ("b/",)
    assert (await bench.run()).removed == []


@scenario
async def test_an_empty_listing_removes_nothing_however_long(bench: SyncBench) -> None:
    await bench.put("a", 1)
    await bench.run()
    await bench.delete("a", 1)
    for _ in range(3):
        assert (await bench.run()).removed == []
        bench.now += 1e6
    await bench.put("b", 1)
    assert (await bench.run()).removed == [("a", 1)], "a listing with a model counts"


@pytest.mark.parametrize(("gone", "held"), [(1, False), (2, False), (3, True), (4, True)])
@scenario
async def test_models_that_are_missing_all_at_once_stay_for_a_while(
    bench: SyncBench, gone: int, *, held: bool
) -> None:
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        await bench.put(name, 1)
    await bench.run()
    for name in names[:gone]:
        await bench.delete(name, 1)
    assert len((await bench.run()).removed) == (0 if held else gone)
    bench.now += 59
    assert (await bench.run()).removed == []
    bench.now += 1
    assert len((await bench.run()).removed) == (gone if held else 0)
    assert len(bench.here) == 5 - gone


@scenario
async def test_an_old_version_stays_until_its_successors_are_admitted(bench: SyncBench) -> None:
    await bench.put("a", 1, 2)
    await bench.run()
    bench.admit(("a", 1), ("a", 2))
    await bench.put("a", 3)
    assert (await bench.run()).removed == []
    assert bench.here == {("a", 1), ("a", 2), ("a", 3)}
    bench.verdicts["a", 3] = False
    assert (await bench.run()).removed == []
    bench.admit(("a", 3))
    assert (await bench.run()).removed == [("a", 1)]


@scenario
async def test_a_chosen_version_is_copied_and_stays(bench: SyncBench) -> None:
    await bench.put("a", 1, 2, 3, 4)
    bench.chosen = {"a": {1}, "b": {7}}
    await bench.run()
    assert bench.here == {("a", 1), ("a", 3), ("a", 4)}
    bench.admit(("a", 3), ("a", 4))
    assert (await bench.run()).removed == []
    bench.chosen = {}
    assert (await bench.run()).removed == [("a", 1)]


@scenario
async def test_a_file_that_someone_else_has_placed_is_never_touched(bench: SyncBench) -> None:
    own = bench.folder / "a" / "2" / "model.onnx"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    await bench.put("a", 1, 2)
    await bench.put("b", 1)
    await bench.run()
    assert own.read_bytes() == b"mine"
    await bench.delete("a", 1, 2)
    await bench.run()
    assert own.read_bytes() == b"mine"


@pytest.mark.parametrize(("size", "copied"), [(999, 1), (1000, 1), (1001, 0)])
@scenario
async def test_an_object_that_the_service_would_refuse_is_not_copied(
    bench: SyncBench, size: int, copied: int, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.put("a", 1, content=bytes(size))
    done = await bench.run()
    assert (len(done.copied), done.failures) == (copied, [])
    assert ("INFERENCE_MAX_MODEL_BYTES" in caplog.text) is not bool(copied)


@scenario
async def test_a_download_that_takes_too_long_is_given_up_and_others_go_on(
    bench: SyncBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync_module, "_LEAST_SECONDS", 3.0)
    await bench.put("a", 1)
    await bench.put("b", 1)
    shorten = bench.store._shorten

    async def hang(_: object) -> object:  # of the first that is read
        bench.store._shorten = shorten  # type: ignore[method-assign]
        await asyncio.Event().wait()
        yield b""

    bench.store._shorten = hang  # type: ignore[assignment, method-assign]
    done = await bench.run()
    assert len(done.copied) == 1
    assert "not read in time" in done.failures[0]
    assert not list((bench.folder / ".sync").glob("in-*"))


def test_two_processes_never_copy_into_one_folder(tmp_path: Path) -> None:
    first, second = Copies(tmp_path), Copies(tmp_path)
    assert first.try_lock()
    assert not second.try_lock()
    first.close()
    assert second.try_lock()
    second.close()


@scenario
async def test_thousands_of_versions_cost_as_few_copies_as_are_kept(bench: SyncBench) -> None:
    await asyncio.gather(*(bench.put("a", version) for version in range(1, 3001)))
    assert len((await bench.run()).copied) == 2
