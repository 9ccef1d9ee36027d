"""Shortens names that callers send, and suggests the known name that is closest.

Callers can send any number of wrong names. All searches of a process together therefore have a
small time budget. When it is used up, messages contain no suggestion.
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

_SHOWN = 80  # characters of a caller's name that a message shows
_COMPARED = 64  # characters of a name that a search compares
_SEARCHED = 2000  # names that one search reads
_CLOSEST = 8  # the names with the most common letters are compared, for up to 0.4 ms each
_SHARE = 0.05  # of a process's time that all searches together may take
_SAVED_SECONDS = 0.03  # the part of this time that may be used at once


def shorten(name: str) -> str:
    """Shorten a caller's name for a message."""
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Suggest the closest name, within a few milliseconds.

    Returns:
        ``" Did you mean 'x'?"``, or an empty string if no name is close, or if searches have
        recently taken too much time.

    >>> nearest("bil_length_mm", ["bill_length_mm", "body_mass_g"])
    " Did you mean 'bill_length_mm'?"
    """
    if len(wrong) > _SHOWN or not _budget.allows():
        return ""
    begun = time.thread_time()
    try:
        return closest(wrong, right)
    finally:
        _budget.spend(time.thread_time() - begun)


def closest(wrong: str, right: Iterable[str], likeness: float = 0.6) -> str:
    """Suggest the closest name, as :func:`nearest` does, however much time others have taken.

    For names of the operator, not of callers.

    Args:
        wrong: A name.
        right: The names that are known.
        likeness: From 0 to 1, how similar the names must be; see :mod:`difflib`.
    """
    start = wrong[:_COMPARED]
    letters = _letters(start)
    candidates = heapq.nsmallest(
        _CLOSEST,
        itertools.islice(right, _SEARCHED),
        key=lambda name: (
            (letters ^ _letters(name[:_COMPARED])).bit_count() + abs(len(name) - len(wrong))
        ),
    )
    by_start = {name[:_COMPARED]: name for name in reversed(candidates)}
    match = difflib.get_close_matches(start, by_start, n=1, cutoff=likeness)
    return f" Did you mean '{shorten(by_start[match[0]])}'?" if match else ""


@functools.lru_cache(maxsize=16_384)
def _letters(start: str) -> int:
    """Return the set of letters as bits."""
    letters = 0
    for letter in start:
        letters |= 1 << (ord(letter) & 63)
    return letters


class _Budget:
    """Processor seconds that searches may still use; they grow with time."""

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
