"""Explain what is wrong with the value of a setting, and what would be right."""

from __future__ import annotations

import json
import types
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from inference.settings import PREFIX, PlanSetting, Settings
from inference.settings.runs import PLANS_EXAMPLE

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_SHOWN = 60  # characters of a value


def explain(error: ValidationError) -> list[str]:
    """Return one sentence for each invalid setting, sorted by name; none contains a secret."""
    return sorted(_sentence(wrong) for wrong in error.errors())


def _sentence(wrong: ErrorDetails) -> str:
    reason = str(wrong["ctx"]["error"]) if wrong["type"] == "value_error" else ""
    if not wrong["loc"]:
        return reason or wrong["msg"]
    name, *inner = wrong["loc"]
    field = Settings.model_fields[str(name)]
    setting = f"{PREFIX}{name}".upper()
    if inner:
        return f"{setting}: {_within_plans([str(part) for part in inner], wrong)}"
    if _kind(field) is SecretStr:
        return f"{setting} is wrong: {reason or 'it must be text'}"
    return f"{setting}={_shown(wrong['input'])} is wrong: {reason or right_values(field)}"


def right_values(field: FieldInfo) -> str:
    """Describe the values of a setting, with an example.

    >>> right_values(Settings.model_fields["port"])
    'it must be a whole number from 0 to 65535, such as 8000'
    """
    kind = _kind(field)
    if kind is bool:
        return "it must be true or false"
    if get_origin(kind) is Literal:
        *most, last = get_args(kind)
        return f"it must be {', '.join(most)} or {last}"
    if get_origin(kind) is dict:
        return f"it must be a JSON object such as {PLANS_EXAMPLE}"
    example = "" if field.default is None else f", such as {field.default}"
    if kind in (int, float):
        what = "a whole number" if kind is int else "a number"
        return f"it must be {what}{_limits(field)}{example}"
    return f"it must be text{example}"


def _kind(field: FieldInfo) -> Any:
    """Return the type of a field without ``None``."""
    kind = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = [one for one in get_args(kind) if one is not type(None)]
    return kind


def _limits(field: FieldInfo) -> str:
    limits: dict[str, Any] = {}
    for limit in field.metadata:
        limits |= {s: getattr(limit, s) for s in ("ge", "gt", "le", "lt") if hasattr(limit, s)}
    match limits:
        case {"ge": least, "le": most}:
            return f" from {least} to {most}"
        case {"gt": least, "le": most}:
            return f" above {least} and at most {most}"
        case {"ge": least}:
            return f" of at least {least}"
        case {"gt": least}:
            return f" above {least}"
    return ""


def _within_plans(inner: list[str], wrong: ErrorDetails) -> str:
    """Explain what is wrong within INFERENCE_PLANS."""
    model, *keys = inner
    value = _shown(wrong["input"])
    if not keys:
        example = json.dumps({model: {"mode": "thread"}}, ensure_ascii=False)
        return f"the plan of '{model}' is {value}: it must be an object, as in {example}"
    known: dict[str, FieldInfo] = PlanSetting.model_fields
    field = known.get(keys[0])
    if field is None:
        *most, last = known
        return f"the plan of '{model}' has no '{keys[0]}', only {', '.join(most)} and {last}"
    return f"{keys[0]} of '{model}' is {value}: {right_values(field)}"


def _shown(value: Any) -> str:
    """Format a value as in a shell, shortened and without control characters."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = "".join(c if c.isprintable() else "?" for c in text)
    if len(text) > _SHOWN:
        text = f"{text[:_SHOWN]}..."
    return text if text and " " not in text else f"'{text}'"
