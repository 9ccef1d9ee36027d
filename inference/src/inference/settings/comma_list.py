"""Lists in one variable, separated by commas."""

from __future__ import annotations

from inference.settings.declaration import Before


def split(value: object) -> object:
    """Split a string at commas; return any other value unchanged.

    >>> split("Models.example.com, *.example.com,")
    ('models.example.com', '*.example.com')
    """
    if isinstance(value, str):
        return tuple(part.strip() for part in value.lower().split(",") if part.strip())
    return value


COMMA_LIST = Before(split)
