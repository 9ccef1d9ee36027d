"""What the OpenAPI document says of a route's answers."""

from __future__ import annotations

import re
from typing import Any


def statuses(operation: dict[str, Any]) -> set[int]:
    """List the statuses that a route may answer with, those in ``4XX`` and ``5XX`` included."""
    found: set[int] = set()
    for status, response in operation["responses"].items():
        listed = re.findall(r"^- (\d{3}): ", response["description"], re.MULTILINE)
        found |= set(map(int, listed)) if status.endswith("XX") else {int(status)}
    return found
