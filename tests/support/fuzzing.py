"""Mutated inputs, and what a decoder may do with them."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

import msgspec

from support.amount import amount
from support.models.mutation import Mutator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


INPUTS = amount("FUZZ_INPUTS", 10_000)
SLOWEST_SECONDS = 5.0
_PARTICULARS = re.compile(r"'[^']*'|[\d.]+|\[[^]]*\]")


def fuzz(
    decode: Callable[[bytes], object],
    corpus: Sequence[bytes],
    refusal: type[Exception],
    words: Sequence[bytes] = (),
) -> str:
    """Try so many inputs, and tell how they were answered.

    Args:
        decode: Raises nothing but the refusal; asserts what it has to.
        corpus: What it takes.
        refusal: The branch of the tree that it may raise.
        words: What its inputs are made of.
    """
    mutator, taken, slowest = Mutator(corpus, words), 0, 0.0
    for data in corpus:
        decode(data)
    for _ in range(INPUTS):
        data = mutator.make()
        references = sys.getrefcount(data)
        begin = time.process_time()  # whatever else the machine does
        try:
            reported = f"taken, {type(decode(data)).__name__}"
            taken += 1
        except refusal as error:
            reported = _told(error)
        except Exception as error:
            error.add_note(f"the input: {data[:2000]!r}")
            raise
        slowest = max(slowest, time.process_time() - begin)
        assert slowest < SLOWEST_SECONDS, data[:2000]
        # An error that is part of a cycle would hold the input until the collector runs.
        assert sys.getrefcount(data) == references, (reported, data[:2000])
        mutator.learn(data, reported)
    return (
        f"{INPUTS} inputs, {taken} taken, {mutator.outcomes} outcomes, "
        f"slowest {slowest * 1e3:.0f} ms\n"
    )


def _told(error: Exception) -> str:
    """Give what a refusal says, without the particulars; it has to be short, and JSON."""
    text = str(error)
    msgspec.json.encode(text)
    assert len(text) < 10_000, text
    return f"{type(error).__name__} {_PARTICULARS.sub('', text)[:80]}"
