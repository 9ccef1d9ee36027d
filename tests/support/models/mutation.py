"""Inputs made out of good ones by chance, the same ones for the same seed.

An input that is answered in a way not seen before becomes one to go on from, so that chance finds
its way past the first check of a decoder, and the second.
"""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_KEPT = 2000
_LONGEST = 64 * 1024
_TRUE, _BY_VALUE = 0.6, 0.4  # how often we begin with a good input, how often we keep it JSON
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")

NUMBERS: tuple[bytes, ...] = (
    b"0", b"-0", b"-1", b"1", b"1.5", b"127", b"256", b"2147483648", b"-9223372036854775808",
    b"9223372036854775808", b"18446744073709551616", b"1e38", b"3.5e38", b"1e308", b"1e309",
    b"-1e999", b"1e-400", b"NaN", b"Infinity", b"-Infinity", b"00", b"1.", b"9" * 40, b"9" * 5000,
)  # fmt: skip
WORDS: tuple[bytes, ...] = (
    b"null", b"true", b"false", b'""', b"[]", b"{}", b"[[]]", b'"\\ud800"', b'"\\u0000"',
    b'"\xff"', b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b'"a":1,', b",", b":", b"]", b"}", b"{",
    b"[" * 500, b'{"a":' * 500, b"\x80" * 10, b"\xff" * 9 + b"\x01", b"\xff\xff\xff\xff", b"/*",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**63, -(2**63) - 1, 2**64, 1e308, 10**30, "", "a", "1",
    "\x00", "\u00e9" * 300, "\U0001f427", [], {}, [[]], [None], [1, "a"], {"a": 1}, {"": None},
)  # fmt: skip


class Mutator:
    """Makes inputs.

    Args:
        corpus: Good inputs, or nearly good ones.
        words: What such inputs are made of, to be put in here and there.
        seed: Another one makes others.
    """

    def __init__(self, corpus: Sequence[bytes], words: Sequence[bytes] = (), seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._good = list(corpus)
        self._corpus = list(corpus)
        self._words = [*WORDS, *words]
        self._seen: set[str] = set()

    def make(self) -> bytes:
        """Make one more input: one to five changes to one of the corpus."""
        chance = self._chance
        data = chance.choice(self._good if chance.random() < _TRUE else self._corpus)
        if chance.random() < _BY_VALUE:
            data = self._change_document(data)
            if chance.random() < _TRUE:
                return data[:_LONGEST]
        for _ in range(chance.choice((1, 1, 1, 2, 2, 5))):
            data = chance.choice(_CHANGES)(self, data)
        return data[:_LONGEST]

    def learn(self, data: bytes, outcome: str) -> None:
        """Go on from an input whose outcome is new."""
        if outcome not in self._seen:
            self._seen.add(outcome)
            if len(self._corpus) < _MOST_KEPT:
                self._corpus.append(data)

    @property
    def outcomes(self) -> int:
        """How many outcomes were seen."""
        return len(self._seen)

    def place(self, data: bytes) -> int:
        """Choose a place between two bytes, or at an end."""
        return self._chance.randint(0, len(data))

    def span(self, data: bytes) -> tuple[int, int]:
        """Choose a piece, most often a short one."""
        begin = self.place(data)
        longest = self._chance.choice((1, 4, 32, len(data)))
        return begin, min(len(data), begin + self._chance.randint(0, longest))

    def flip(self, data: bytes) -> bytes:
        """Flip one bit."""
        if not data:
            return b"\x00"
        changed = bytearray(data)
        changed[self._chance.randrange(len(data))] ^= 1 << self._chance.randrange(8)
        return bytes(changed)

    def replace(self, data: bytes) -> bytes:
        """Put other bytes in a piece's place."""
        begin, end = self.span(data)
        return data[:begin] + self._chance.randbytes(end - begin) + data[end:]

    def cut(self, data: bytes) -> bytes:
        """Leave a piece out."""
        begin, end = self.span(data)
        return data[:begin] + data[end:]

    def truncate(self, data: bytes) -> bytes:
        """Leave the end out."""
        return data[: self.place(data)]

    def repeat(self, data: bytes) -> bytes:
        """Give a piece several times."""
        begin, end = self.span(data)
        return data[:begin] + data[begin:end] * self._chance.choice((2, 3, 50)) + data[end:]

    def insert(self, data: bytes) -> bytes:
        """Put a word in."""
        begin = self.place(data)
        return data[:begin] + self._chance.choice(self._words) + data[begin:]

    def splice(self, data: bytes) -> bytes:
        """Go on with another input's end."""
        other = self._chance.choice(self._corpus)
        return data[: self.place(data)] + other[self.place(other) :]

    def renumber(self, data: bytes) -> bytes:
        """Put another number in a number's place."""
        found = list(_NUMBER.finditer(data[:_LONGEST]))
        if not found:
            return self.insert(data)
        chosen = self._chance.choice(found)
        return data[: chosen.start()] + self._chance.choice(NUMBERS) + data[chosen.end() :]

    def _change_document(self, data: bytes) -> bytes:
        """Change one value of a JSON document; what is none is changed as bytes."""
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            return self.flip(data)
        holders = list(_holders(document))
        if not holders:
            return json.dumps(self._chance.choice(_VALUES)).encode()
        holder = self._chance.choice(holders)
        keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = self._chance.choice(keys)
        match self._chance.randrange(6):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case 2 if isinstance(holder, list):
                holder.extend([holder[key]] * self._chance.choice((1, 2, 300)))
            case 3 if isinstance(holder, dict):
                holder[self._chance.choice(("", "a", "\x00", key + " "))] = holder.pop(key)
            case _:
                holder[key] = self._chance.choice(_VALUES)
        return json.dumps(document).encode()


_CHANGES = (
    Mutator.flip, Mutator.replace, Mutator.cut, Mutator.truncate, Mutator.repeat, Mutator.insert,
    Mutator.splice, Mutator.renumber, Mutator.renumber,
)  # fmt: skip


def _holders(document: Any) -> list[Any]:
    """Find every list and object that holds something."""
    found, stack = [], [document]
    while stack:
        current = stack.pop()
        if isinstance(current, dict | list) and current:
            found.append(current)
            stack.extend(current.values() if isinstance(current, dict) else current[:20])
    return found
