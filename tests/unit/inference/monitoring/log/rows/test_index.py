"""A row is found by the id of its request, and no other."""

from __future__ import annotations

import os

import numpy as np
import pytest

from inference.monitoring.log.rows.index import Index, hash_ids, join


def index(ids: list[bytes], rows: list[int] | None = None) -> Index:
    count = len(ids)
    return Index(
        hash_ids(ids),
        np.array(rows or [0] * count, np.uint32),
        np.arange(count, dtype=np.float64),
        np.arange(count, dtype=np.float64)[:, None],
    ).sorted()


def test_hash_of_an_id_is_the_same_beside_ids_of_any_length() -> None:
    ids = [b"a" * length for length in range(1, 129)]

    assert hash_ids(ids).tolist() == [int(hash_ids([one])[0]) for one in ids]


def test_ids_that_differ_little_have_different_hashes() -> None:
    """Ids of a process differ in a counter; others differ in the order of their words."""
    counted = [b"a1b2c3d4e5f6-%x" % number for number in range(200_000)]
    swapped = [b"12345678abcdefgh", b"abcdefgh12345678"]
    bits = [bytes([1 + (place == at) for place in range(128)]) for at in range(128)]

    for ids in (counted, swapped, bits, [os.urandom(8).hex().encode() for _ in range(10_000)]):
        assert len(set(hash_ids(ids).tolist())) == len(set(ids))


def test_finds_each_row_of_a_request_and_nothing_else() -> None:
    found = index([b"a", b"b", b"b", b"c"], [0, 0, 1, 0])
    asked = [b"b", b"a", b"b", b"d", b"c", b"b"]
    rows = np.array([1, 0, 0, 0, 1, 2])

    pairs = {(at, found.answers[place, 0]) for at, place in found.find(hash_ids(asked), rows)}
    assert pairs == {(0, 2.0), (1, 0.0), (2, 1.0)}


def test_of_requests_with_the_same_id_the_latest_is_found() -> None:
    """A caller may give all its requests the same id, so a search through them has to be fast."""
    count = 300_000
    found = index([b"a"] * count + [b"b"], [at % 2 for at in range(count + 1)])
    found = found._replace(times=found.times[::-1].copy())

    pairs = list(found.find(hash_ids([b"a", b"a", b"b"]), np.array([0, 1, 0])))
    times = {asked: found.times[place] for asked, place in pairs}
    for asked in (0, 1):
        same = (found.ids == hash_ids([b"a"])[0]) & (found.rows == asked)
        assert times[asked] == found.times[same].max()
    assert len(pairs) == 3


def test_an_index_without_rows_finds_nothing() -> None:
    assert not list(index([]).find(hash_ids([b"a"]), np.array([0])))
    assert not list(index([b"a"]).find(hash_ids([]), np.array([], np.int64)))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_an_index_comes_back_from_its_bytes(count: int) -> None:
    whole = join([index([b"%d" % number]) for number in range(count)] or [index([])])
    again = Index.of_buffers([memoryview(array.tobytes()) for array in whole], count)

    assert [np.asarray(array).tolist() for array in again] == [
        np.asarray(array).tolist() for array in whole
    ]
