"""How much the tests that fuzz and endure do: little in every run, all of it by ``make endure``."""

from __future__ import annotations

import os


def amount(name: str, short: int) -> int:
    """Read how many of something are wanted, such as ``FUZZ_INPUTS``.

    Args:
        name: The environment variable.
        short: What is enough where it is not set.
    """
    wanted = int(os.environ.get(name) or short)
    assert wanted > 0, f"{name} is {wanted}: nothing would be tested"
    return wanted
