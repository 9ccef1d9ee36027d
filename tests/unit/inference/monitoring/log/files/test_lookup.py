"""A logged answer is found wherever it is: in the journal of any process, or in a file."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from inference.monitoring.log.files import lookup as module
from inference.monitoring.log.files.compaction import compact
from inference.monitoring.log.files.index_file import ENDING
from inference.monitoring.log.files.lookup import AnswerLookup
from support.models.artifacts import penguins, regressor
from support.monitoring.logged import answer, encode, load, write_journal

if TYPE_CHECKING:
    from pathlib import Path

    from inference.model.servable import Servable

ROWS = [[39.1, 18.7, 181.0, 3750.0], [46.5, 17.9, 192.0, 3500.0], [50.0, 16.3, 230.0, 5700.0]]


def labels(servable: Servable, rows: list[list[float]]) -> list[str]:
    return servable.labels.decode_all(servable.run(["label"], servable.to_feeds(rows))[0])


@pytest.fixture(params=["journal", "file", "both"])
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(root: Path, place: str, servable: Servable, *ids: bytes) -> None:
    """Log the rows of a request for each id."""
    journal = write_journal(root, servable, [answer(servable, ROWS, one) for one in ids])
    if place != "journal":
        compact(root, journal.path)
    if place == "file":
        journal.remove()


def test_each_row_has_the_answer_of_its_version(place: str, tmp_path: Path) -> None:
    servables = {version: load(penguins(seed=version), version=version) for version in (1, 2)}
    for version, servable in servables.items():
        write(tmp_path, place, servable, f"id-{version}".encode(), f"other-{version}".encode())
    found = AnswerLookup(tmp_path).find([(f"id-{v}", row) for v in (2, 1) for row in (2, 0, 1)])
    assert [(one.model, one.version) for one in found if one] == [("penguins", 2)] * 3 + [
        ("penguins", 1)
    ] * 3
    for version, part in ((2, found[:3]), (1, found[3:])):
        expected = labels(servables[version], [ROWS[row] for row in (2, 0, 1)])
        assert [one.answer for one in part if one] == expected
    assert all(one is not None and one.kind is not None for one in found)


@pytest.mark.parametrize(
    "asked", [("id-0", 0), ("id", 0), ("id-1", 3), ("id-1", 2**32 - 1), ("", 0)]
)
def test_what_was_not_logged_is_not_found(
    asked: tuple[str, int], place: str, tmp_path: Path
) -> None:
    write(tmp_path, place, load(penguins()), b"id-1")
    assert AnswerLookup(tmp_path).find([asked, ("id-1", 2)])[0] is None
    assert AnswerLookup(tmp_path).find([("id-1", 2), asked])[0] is not None


def test_ids_of_any_length_are_told_apart(place: str, tmp_path: Path) -> None:
    ids = ["x" * length for length in (1, 7, 8, 9, 127, 128)]
    write(tmp_path, place, load(penguins()), *(one.encode() for one in ids))
    assert None not in AnswerLookup(tmp_path).find([(one, 0) for one in ids])
    assert AnswerLookup(tmp_path).find([("x" * 126, 0)]) == [None]


@pytest.mark.parametrize("seconds", [0.001, 60])
def test_the_latest_of_several_answers_with_one_id_is_found(seconds: float, tmp_path: Path) -> None:
    old, new = (load(penguins(seed=version), version=version) for version in (1, 2))
    handed = [answer(new, ROWS, b"same"), answer(old, ROWS, b"same")]
    handed[1][1].done -= seconds
    write_journal(tmp_path, old, handed[1:])
    write_journal(tmp_path, new, handed[:1])
    (found,) = AnswerLookup(tmp_path).find([("same", 1)])
    assert found is not None
    assert found.version == 2


def test_what_is_logged_later_is_found_by_the_same_lookup(tmp_path: Path) -> None:
    servable = load(penguins())
    lookup = AnswerLookup(tmp_path)
    assert lookup.find([("one", 0)]) == [None]
    journal = write_journal(tmp_path, servable, [answer(servable, ROWS, b"one")])
    assert lookup.find([("one", 0), ("two", 0)])[1] is None
    journal.append(encode(servable, [answer(servable, ROWS, b"two")])[1], 3)
    assert None not in lookup.find([("one", 0), ("two", 2)])
    compact(tmp_path, journal.path)
    journal.remove()  # the answers are in a file now
    assert None not in lookup.find([("one", 0), ("two", 2)])


def test_a_frame_that_is_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    servable = load(penguins())
    journal = write_journal(tmp_path, servable, [answer(servable, ROWS, b"one")])
    frame = encode(servable, [answer(servable, ROWS, b"two")])[1]
    lookup = AnswerLookup(tmp_path)
    with journal.path.open("ab") as file:
        file.write(frame[:-1])
        file.flush()
        assert [one is None for one in lookup.find([("one", 0), ("two", 0)])] == [False, True]
        file.write(frame[-1:])
    assert None not in lookup.find([("one", 0), ("two", 0)])


def test_answers_are_found_without_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CACHE_BYTES", 0)
    write(tmp_path, "file", load(penguins()), b"one")
    lookup = AnswerLookup(tmp_path)
    for _ in range(2):
        assert None not in lookup.find([("one", 0)])


def test_the_latest_indexes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servable = load(penguins())
    write(tmp_path, "file", servable, b"one")
    lookup = AnswerLookup(tmp_path)
    assert None not in lookup.find([("one", 0)])
    (old,) = lookup._cache
    monkeypatch.setattr(module, "_CACHE_BYTES", 2 * lookup._cached_bytes)
    names = [old.with_name(f".99999{number}{old.name[7:]}") for number in range(3)]
    for name in names:
        shutil.copy(old, name)
        lookup.find([("one", 0)])
    assert set(lookup._cache) == set(names[1:])
    for _ in range(2):
        assert None not in lookup.find([("one", 0)])
    assert set(lookup._cache) == set(names[1:])
    assert lookup._cached_bytes == sum(each.size_bytes for each in lookup._cache.values())


def test_days_that_are_removed_are_forgotten(tmp_path: Path) -> None:
    write(tmp_path, "file", load(penguins()), b"one")
    lookup = AnswerLookup(tmp_path)
    assert None not in lookup.find([("one", 0)])
    shutil.rmtree(tmp_path / "penguins")
    assert lookup.find([("one", 0)]) == [None]
    assert lookup._cached_bytes == 0


def test_an_index_that_is_damaged_finds_nothing_and_raises_nothing(tmp_path: Path) -> None:
    write(tmp_path, "file", load(penguins()), b"one")
    (path,) = (tmp_path / "penguins").rglob(f".*{ENDING}")
    path.write_bytes(path.read_bytes()[:20])
    assert AnswerLookup(tmp_path).find([("one", 0)]) == [None]


def test_values_are_found_as_values(place: str, tmp_path: Path) -> None:
    servable = load(regressor(), "r")
    write(tmp_path, place, servable, b"one")
    (found,) = AnswerLookup(tmp_path).find([("one", 2)])
    assert found is not None
    assert servable.contract is not None
    results = servable.run([servable.contract.outputs.label], servable.to_feeds(ROWS))
    assert found.answer == pytest.approx(float(results[0].ravel()[2]), rel=1e-6)


def test_a_folder_that_does_not_exist_has_no_answers(tmp_path: Path) -> None:
    assert AnswerLookup(tmp_path / "none").find([("one", 0)]) == [None]
