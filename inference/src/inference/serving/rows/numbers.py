"""Numbers as messages, documents and forms have them."""

from __future__ import annotations

import math

_LARGEST_WHOLE = 1e15  # a larger float is written with an exponent
_LONGEST_INTEGER = 10**21


def write_exactly(value: float) -> str:
    """Write a number so that it is the same number again; from 10^21 on an integer is rounded.

    >>> write_exactly(181.0), write_exactly(0.1), write_exactly(1e-7), write_exactly(2**53 + 1)
    ('181', '0.1', '1e-07', '9007199254740993')
    """
    if isinstance(value, int):
        return str(value) if abs(value) < _LONGEST_INTEGER else repr(float(value))
    is_whole = math.isfinite(value) and value == int(value) and abs(value) < _LARGEST_WHOLE
    return str(int(value)) if is_whole else repr(float(value))
