"""Names that callers send: shortened for messages, and the known name that was probably meant.

Anyone may send wrong names without end, so the searches of a process together get a small share of
its time. While that is used up, messages suggest nothing.
"""

from __future__ import annotations

import difflib
import functools
import heapq
import itertools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 80  # characters of a name that a caller sent
_COMPARED = 64  # characters of a name that a search compares
_SEARCHED = 2000  # names that one search looks at
_CLOSEST = 8  # of these, those with the most alike letters are compared, for up to 0.4 ms each
_SHARE = 0.05  # of a process's time that all searches together may take
_SAVED_SECONDS = 0.03  # of that time, what may be used at once


def shorten(name: str) -> str:
    """Cut a caller's name down to what a message shows of it."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Suggest the name that was probably meant; takes some milliseconds at most.

    Returns:
        ``" Did you mean 'x'?"``, or an empty string when nothing is near, or when searches have
        taken too much time lately.

    >>> nearest("bil_length_mm", ["bill_length_mm", "body_mass_g"])
    " Did you mean 'bill_length_mm'?"
    """
    if len(wrong) > _SHOWN or not _budget.allows():
        return ""
    begun = time.thread_time()
    try:
        return _search(wrong, right)
    finally:
        _budget.spend(time.thread_time() - begun)


def _search(wrong: str, right: Iterable[str]) -> str:
    start = wrong[:_COMPARED]
    letters = _letters(start)
    closest = heapq.nsmallest(
        _CLOSEST,
        itertools.islice(right, _SEARCHED),
        key=lambda name: (
            (letters ^ _letters(name[:_COMPARED])).bit_count() + abs(len(name) - len(wrong))
        ),
    )
    by_start = {name[:_COMPARED]: name for name in reversed(closest)}
    match = difflib.get_close_matches(start, by_start, n=1)
    return f" Did you mean '{shorten(by_start[match[0]])}'?" if match else ""


@functools.lru_cache(maxsize=16_384)
def _letters(start: str) -> int:
    """Give the set of letters as bits."""
    letters = 0
    for letter in start:
        letters |= 1 << (ord(letter) & 63)
    return letters


class _Budget:
    """Seconds of the processor that searches may still take; grows with time."""

    def __init__(self) -> None:
        self._saved = _SAVED_SECONDS
        self._since = time.monotonic()

    def allows(self) -> bool:
        now = time.monotonic()
        self._saved = min(_SAVED_SECONDS, self._saved + _SHARE * (now - self._since))
        self._since = now
        return self._saved > 0

    def spend(self, seconds: float) -> None:
        self._saved = max(self._saved - seconds, -_SAVED_SECONDS)


_budget = _Budget()
