"""The index of logged rows: which version answered a request, and with what.

Feedback names a request and a row. The index holds a hash of the request's id, the row, the time
and the answer, in arrays that are sorted by the hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Array = np.ndarray[Any, Any]

_WORDS = 16  # of 8 bytes: the longest id has 128
_FIRST, _SECOND, _STEP = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x9E3779B97F4A7C15
# One odd number for each word, so that words which change places change the sum.
_FACTORS = [(place + 1) * _STEP % 2**64 | 1 for place in range(_WORDS)]


def hash_ids(ids: Sequence[bytes]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return a 64-bit hash of each id; ids have at most 128 bytes and contain no NUL.

    The words of an id are mixed as in SplitMix64 and added up, so that all ids are hashed at once.

    Source: https://prng.di.unimi.it/splitmix64.c
    """
    if not ids:
        return np.zeros(0, np.uint64)
    texts = np.array(ids, dtype=np.bytes_)
    words = -(-texts.itemsize // 8)
    table = texts.astype(f"S{8 * words}").view("<u8").reshape(len(ids), words)
    total = np.zeros(len(ids), np.uint64)
    for place in range(words):
        mixed = table[:, place] * np.uint64(_FACTORS[place])
        for factor, shift in ((_FIRST, 30), (_SECOND, 27)):
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
        total += mixed
    return total


class Index(NamedTuple):
    """Rows and their answers.

    Attributes:
        ids: Hashes of the request's ids.
        rows: The row in its request.
        times: When it was answered, in seconds since the epoch.
        answers: Shape ``[rows, answers]``: values, or the places of labels in their classes; NaN
            for what is none of these.
    """

    ids: np.ndarray[tuple[int], np.dtype[np.uint64]]
    rows: np.ndarray[tuple[int], np.dtype[np.uint32]]
    times: np.ndarray[tuple[int], np.dtype[np.float64]]
    answers: np.ndarray[tuple[int, int], np.dtype[np.float64]]

    def sorted(self) -> Index:
        """Return the same rows, sorted by the hash."""
        return self.choose(np.argsort(self.ids, kind="stable"))

    def choose(self, places: Array) -> Index:
        """Return the rows in these places."""
        return Index(self.ids[places], self.rows[places], self.times[places], self.answers[places])

    @classmethod
    def of_buffers(cls, buffers: Sequence[memoryview], rows: int) -> Index:
        """Return the index whose arrays these are the bytes of, without copying.

        Args:
            buffers: The bytes of each array.
            rows: How many rows there are.
        """
        ids, numbers, times, answers = buffers
        return cls(
            np.frombuffer(ids, np.uint64),
            np.frombuffer(numbers, np.uint32),
            np.frombuffer(times, np.float64),
            np.frombuffer(answers, np.float64).reshape(rows, -1 if rows else 0),
        )

    def find(self, hashed: Array, rows: Array) -> Iterator[tuple[int, int]]:
        """Return where rows are in a sorted index: the place in the arguments, and the place here.

        If several requests had the same id, the latest one is found.

        Args:
            hashed: Hashes of the requests' ids.
            rows: The row in each request.
        """
        begins = np.searchsorted(self.ids, hashed, "left")
        ends = np.searchsorted(self.ids, hashed, "right")
        for asked in np.nonzero(ends > begins)[0].tolist():
            begin = int(begins[asked])
            places = begin + np.flatnonzero(self.rows[begin : ends[asked]] == rows[asked])
            if len(places):
                yield asked, int(places[np.argmax(self.times[places])])


def join(parts: Sequence[Index]) -> Index:
    """Return one index of all rows."""
    return Index(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.answers for part in parts]),
    )
