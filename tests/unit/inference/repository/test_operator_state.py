from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from inference.errors import StateError
from inference.repository import operator_state as state_module
from inference.repository.operator_state import Selection, State, StateFile

if TYPE_CHECKING:
    from pathlib import Path


def select(model: str) -> State:
    return State(Selection(model))


def test_without_a_file_nothing_is_chosen(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path / "missing")
    assert state_file.current() == State()


def test_an_unchanged_state_stays_the_same_object(tmp_path: Path) -> None:
    """The same object is returned until the state changes, so that users can cache by identity."""
    state_file = StateFile(tmp_path)
    assert state_file.current() is state_file.current()
    state_file.update(lambda _: select("a"))
    assert state_file.current() is state_file.current()


def test_a_change_outlives_a_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the content is written to the disk, then the name."""
    synced: list[tuple[bool, bool]] = []
    really = os.fsync

    def note(handle: int) -> None:
        really(handle)
        synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), (tmp_path / "state.json").exists()))

    monkeypatch.setattr(os, "fsync", note)
    StateFile(tmp_path).update(lambda _: select("a"))
    assert synced == [(False, False), (True, True)]


def test_a_change_is_on_disk_and_seen_by_others(tmp_path: Path) -> None:
    ours, theirs = StateFile(tmp_path / "new" / "folder"), StateFile(tmp_path / "new" / "folder")
    assert theirs.current() == State()
    assert ours.update(lambda _: select("a")) == select("a")
    assert theirs.current() == select("a")
    theirs.update(lambda state: msgspec.structs.replace(state, pins={"a": 3}))
    assert ours.current() == State(Selection("a"), {"a": 3})


def test_a_removed_file_empties_the_state(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path)
    state_file.update(lambda _: select("a"))
    (tmp_path / "state.json").unlink()
    assert state_file.current() == State()


def test_a_refused_change_leaves_the_state_and_no_litter(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path)
    state_file.update(lambda _: select("a"))

    def refuse(_: State) -> State:
        raise LookupError

    with pytest.raises(LookupError):
        state_file.update(refuse)
    assert state_file.current() == select("a")
    assert sorted(os.listdir(tmp_path)) == [".lock", "state.json"]  # noqa: PTH208


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"pins": {"a": "b"}}', b"\xff\xfe", b'{"unloaded": ["\xff"]}'],
)
def test_a_corrupt_file_counts_as_empty_and_is_kept_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state.json").write_bytes(content)
    state_file = StateFile(tmp_path)
    assert state_file.current() == State()
    assert (tmp_path / "state.corrupt").read_bytes() == content
    assert "is not a state" in caplog.text
    state_file.update(lambda _: select("a"))
    assert StateFile(tmp_path).current() == select("a")


def test_a_file_that_is_read_while_an_editor_writes_it_is_followed_in_the_end(
    tmp_path: Path,
) -> None:
    state_file = StateFile(tmp_path)
    content = msgspec.json.encode(select("a"))
    with (tmp_path / "state.json").open("wb", buffering=0) as editor:
        assert state_file.current() == State()
        editor.write(content[:5])
        assert state_file.current() == State()
        editor.write(content[5:])
    assert state_file.current() == select("a")


def test_a_folder_that_cannot_be_written_is_told_and_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    state_file = StateFile(tmp_path / "file" / "state")
    with pytest.raises(StateError, match="nothing changed"):
        state_file.update(lambda _: select("a"))
    assert state_file.current() == State()


_PIN_MANY = """
import sys
import threading
from pathlib import Path

import msgspec

from inference.repository import operator_state
from inference.repository.operator_state import Selection, StateFile

operator_state._LOCK_SECONDS = 60  # the holder may wait for a processor
state_file = StateFile(Path(sys.argv[1]))
mine = sys.argv[2]


def pin(state):
    return msgspec.structs.replace(state, pins=state.pins | {f"{mine}{number}": 1})


def count(state):
    before = state.selection.version if state.selection else 0
    return msgspec.structs.replace(state, selection=Selection(mine, before + 1))


for number in range(60):
    state_file.update(pin)
    state_file.update(count)
"""


def test_processes_that_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", _PIN_MANY, tmp_path, name]) for name in "abc"
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    state = StateFile(tmp_path).current()
    assert len(state.pins) == 180
    assert state.selection is not None
    assert state.selection.version == 180


def test_changes_of_equal_size_within_one_tick_of_the_clock_are_seen(tmp_path: Path) -> None:
    """A file system may give a freed inode again, and its clock may tick only every 4 ms."""
    ours, theirs = StateFile(tmp_path), StateFile(tmp_path)
    for number in range(50):
        wanted = select(f"{number:03}")
        ours.update(lambda _, wanted=wanted: wanted)
        ours.update(lambda _: select("xxx"))
        ours.update(lambda _, wanted=wanted: wanted)
        assert theirs.current() == wanted
        ours.update(lambda _: select("yyy"))
        assert theirs.current() == select("yyy")


def test_processes_that_share_a_number_see_each_others_changes_at_once(tmp_path: Path) -> None:
    """And a change by hand with the next refresh: without a change counted there is no look."""
    shared = memoryview(bytearray(8)).cast("d")
    one, other = (StateFile(tmp_path, changes=shared) for _ in range(2))
    assert other.current() == State()
    one.update(lambda state: msgspec.structs.replace(state, pins={"m": 2}))
    assert other.current().pins == {"m": 2}
    (tmp_path / "state.json").write_bytes(msgspec.json.encode(State(pins={"m": 3})))
    assert other.current().pins == {"m": 2}
    assert other.refresh().pins == {"m": 3}
    assert other.current().pins == {"m": 3}


def test_a_lock_that_another_process_keeps_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "_LOCK_SECONDS", 0.1)
    state_file = StateFile(tmp_path)
    state_file.update(lambda _: select("a"))
    with (tmp_path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StateError, match="another process holds its lock"):
            state_file.update(lambda _: select("b"))
    assert state_file.current() == select("a")
    assert state_file.update(lambda _: select("b")) == select("b")


def test_a_read_that_fails_once_loses_no_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shared = memoryview(bytearray(8)).cast("d")
    ours, theirs = (StateFile(tmp_path, changes=shared) for _ in range(2))
    ours.update(lambda _: select("a"))
    assert theirs.current() == select("a")
    ours.update(lambda _: select("b"))

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", fail)
        assert theirs.current() == select("a"), "what was read last"
        assert theirs.current() == select("a")
        with pytest.raises(StateError, match="Input/output error"):
            theirs.update(lambda state: msgspec.structs.replace(state, pins={"m": 1}))
    assert theirs.current() == select("b"), "with the next look, although nothing more has changed"
    assert caplog.text.count("cannot be read: Input/output error") == 1


def test_changes_from_the_loop_come_in_order_and_do_not_block_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_file = StateFile(tmp_path)
    written, may_write = threading.Event(), threading.Event()
    fsync = os.fsync

    def slow_disk(number: int) -> None:
        written.set()
        assert may_write.wait(10)
        fsync(number)

    monkeypatch.setattr(os, "fsync", slow_disk)

    async def run() -> None:
        first = asyncio.ensure_future(state_file.change(lambda _: select("a")))
        second = asyncio.ensure_future(
            state_file.change(lambda state: msgspec.structs.replace(state, pins={"a": 1}))
        )
        await asyncio.to_thread(written.wait, 10)
        assert state_file.current() == State(), "the loop is free, and nothing has changed yet"
        may_write.set()
        assert (await first).selection == Selection("a")
        assert await second == State(Selection("a"), {"a": 1})

    asyncio.run(run())


def test_a_change_goes_on_when_its_caller_leaves(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path)

    async def run() -> None:
        task = asyncio.ensure_future(state_file.change(lambda _: select("a")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await state_file.change(lambda state: state) == select("a")

    asyncio.run(run())


def test_a_state_that_stays_equal_is_not_written(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path)
    state_file.update(lambda _: select("a"))
    before = (tmp_path / "state.json").stat().st_ino
    assert state_file.update(lambda _: select("a")) == select("a")
    assert (tmp_path / "state.json").stat().st_ino == before
