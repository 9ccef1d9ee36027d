"""Explain what is wrong with the value of a setting, and what would be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from inference.settings.declaration import PREFIX, PartError
from inference.settings.storage import shown_url

if TYPE_CHECKING:
    from inference.settings.declaration import Fault, InvalidSettingsError, Setting

PLANS_EXAMPLE = '{"penguins": {"mode": "thread", "max_batch_rows": 64}}'
_SHOWN = 60  # characters of a value


def explain(error: InvalidSettingsError) -> list[str]:
    """Return one sentence for each invalid setting, sorted by name; none contains a secret."""
    return sorted(map(_sentence, error.faults))


def _sentence(fault: Fault) -> str:
    setting, reason = fault.setting, str(fault.error)
    if setting is None:
        return reason
    variable = f"{PREFIX}{setting.name}".upper()
    if isinstance(fault.error, PartError):
        return f"{variable}: {reason}"
    if setting.is_secret:
        return f"{variable} is wrong: {reason or 'it must be text'}"
    value = fault.value
    if setting.kind is str and isinstance(value, str) and "://" in value:
        value = shown_url(value)  # it may hold a password or a signature
    return f"{variable}={show(value)} is wrong: {reason or right_values(setting)}"


def right_values(setting: Setting) -> str:
    """Describe the values of a setting, with an example.

    >>> from inference.settings import Settings
    >>> right_values(Settings.fields["port"])
    'it must be a whole number from 0 to 65535, such as 8000'
    """
    kind = setting.kind
    if kind is bool:
        return "it must be true or false"
    if get_origin(kind) is Literal:
        *most, last = get_args(kind)
        return f"it must be {', '.join(most)} or {last}"
    if get_origin(kind) is dict:
        return f"it must be a JSON object such as {PLANS_EXAMPLE}"
    example = "" if setting.default is None else f", such as {setting.default}"
    if kind in (int, float):
        what = "a whole number" if kind is int else "a number"
        return f"it must be {what}{_limits(setting)}{example}"
    return f"it must be {'a path' if kind is Path else 'text'}{example}"


def _limits(setting: Setting) -> str:
    match setting.limits:
        case {"ge": least, "le": most}:
            return f" from {least} to {most}"
        case {"gt": least, "le": most}:
            return f" above {least} and at most {most}"
        case {"ge": least}:
            return f" of at least {least}"
        case {"gt": least}:
            return f" above {least}"
    return ""


def show(value: Any) -> str:
    """Format a value as in a shell, shortened and without control characters."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = "".join(c if c.isprintable() else "?" for c in text)
    if len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}..."
    return text if text and " " not in text else f"'{text}'"
