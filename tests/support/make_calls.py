"""Calls of make out of tests, which make itself may have begun."""

from __future__ import annotations

import os


def without_make() -> dict[str, str]:
    """Give the environment without what a make above says to a make below, such as directories."""
    return {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
