"""How settings are declared and read: a type, limits, checks, a default and a description.

pydantic would do, but to import it and to build its models takes a fourth of the time from the
start to the first answer. FastAPI needs it, and imports it later, in a thread.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable  # noqa: TC003 - read at run time
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

PREFIX = "INFERENCE_"
_WORDS = {
    **dict.fromkeys(("true", "1", "yes", "y", "on", "t"), True),
    **dict.fromkeys(("false", "0", "no", "n", "off", "f"), False),
}
_INTEGER = re.compile(r"[+-]?[0-9]+(_[0-9]+)*(\.0+)?")
_LIMITS = ("ge", "gt", "le")
# Sizes and numbers are passed on as signed integers of 64 bits.
LARGEST_INTEGER = 2**63 - 1


class Field(NamedTuple):
    """What is declared about a setting beside its type and its default.

    Attributes:
        description: For the reference page and the command's help.
        ge: The smallest number.
        gt: The number that every value is above.
        le: The largest number.
        is_secret: Whether no message may show the value.
    """

    description: str = ""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    is_secret: bool = False


class Before(NamedTuple):
    """Converts a value before its type is checked; :data:`UNSET` stands for the default."""

    convert: Callable[[Any], Any]


class Check(NamedTuple):
    """Returns a value of the right type, changed or not; raises ``ValueError`` if it is wrong."""

    check: Callable[[Any], Any]


UNSET: Any = object()


class PartError(ValueError):
    """A part of a value is wrong; the message says which."""


class Fault(NamedTuple):
    """A setting with an invalid value.

    Attributes:
        setting: The setting; ``None`` if several do not fit together.
        value: The value.
        error: What is wrong; without a message where the value has the wrong type or is too large
            or too small.
    """

    setting: Setting | None
    value: Any
    error: ValueError


class InvalidSettingsError(ValueError):
    """Settings have invalid values, see :func:`inference.settings.explanation.explain`.

    Args:
        faults: All of them.
    """

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault.error) for fault in faults))
        self.faults = faults


class Setting:
    """One setting.

    Args:
        name: Its name in lower case.
        declared: Its annotation.
        default: Its default.

    Attributes:
        name, default: The same.
        kind: Its type without ``None``.
        description: See :class:`Field`.
        limits: Its limits by their names in :class:`Field`.
        is_secret: See :class:`Field`.
    """

    def __init__(self, name: str, declared: Any, default: Any) -> None:
        self.name, self.default = name, default
        kind, *metadata = get_args(declared) if get_origin(declared) is Annotated else (declared,)
        options = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
        self._may_be_none = NoneType in options
        (self.kind,) = (option for option in options if option is not NoneType)
        field = next((each for each in metadata if isinstance(each, Field)), Field())
        self.description, self.is_secret = field.description, field.is_secret
        limits = {name: getattr(field, name) for name in _LIMITS}
        self.limits: dict[str, float] = {n: v for n, v in limits.items() if v is not None}
        self._before = [each.convert for each in metadata if isinstance(each, Before)]
        self._checks = [each.check for each in metadata if isinstance(each, Check)]

    def read(self, value: Any) -> Any:
        """Return a value in the setting's type.

        Raises:
            ValueError: It is invalid.
        """
        for convert in self._before:
            value = convert(value)
            if value is UNSET:
                return self.default
        if value is not None or not self._may_be_none:
            try:
                value = _convert(value, self.kind)
            except (ValueError, TypeError, OverflowError):
                raise ValueError from None  # its message is Python's, and not about the setting
            self._check_limits(value)
            if isinstance(value, int) and value > LARGEST_INTEGER:
                raise ValueError(f"it must be at most {LARGEST_INTEGER}")
        for check in self._checks:
            value = check(value)
        return value

    def _check_limits(self, value: Any) -> None:
        limits = self.limits
        if "ge" in limits and not value >= limits["ge"]:
            raise ValueError
        if "gt" in limits and not value > limits["gt"]:
            raise ValueError
        if "le" in limits and not value <= limits["le"]:
            raise ValueError


class Declared:
    """Settings that are declared as ``Annotated[TYPE, Field(...)] = default``; immutable.

    Args:
        given: Values by name. Others are ignored.

    Attributes:
        fields: The declared settings by name.

    Raises:
        InvalidSettingsError: Values are invalid.
    """

    fields: ClassVar[dict[str, Setting]] = {}

    def __init_subclass__(cls) -> None:
        """Read the declarations."""
        fields: dict[str, Setting] = {}
        for base in cls.__bases__:
            fields |= getattr(base, "fields", {})
        if own := inspect.get_annotations(cls):
            hints = get_type_hints(cls, include_extras=True)
            fields |= {name: Setting(name, hints[name], getattr(cls, name)) for name in own}
        cls.fields = fields

    def __init__(self, **given: Any) -> None:
        faults: list[Fault] = []
        for name, setting in self.fields.items():
            value = given.get(name, setting.default)
            try:
                self.__dict__[name] = setting.read(value)
            except ValueError as error:
                faults.append(Fault(setting, value, error))
        if not faults:
            try:
                self.check()
            except ValueError as error:
                faults.append(Fault(None, None, error))
        if faults:
            raise InvalidSettingsError(faults)

    def check(self) -> None:
        """Check whether the values fit together.

        Raises:
            ValueError: They do not.
        """

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings are frozen: '{name}' cannot be changed")


def _convert(value: Any, kind: Any) -> Any:
    """Return a value in a type; text is converted as pydantic does.

    Raises:
        ValueError, TypeError, OverflowError: It cannot be converted.
    """
    origin = get_origin(kind) or kind
    if origin in _CONVERTERS:
        return _CONVERTERS[origin](value)
    if origin is Literal:
        is_right = value in get_args(kind)
    elif origin is tuple:
        is_right = isinstance(value, tuple | list) and all(isinstance(v, str) for v in value)
    else:
        is_right = isinstance(value, origin)
    if not is_right:
        raise ValueError
    return tuple(value) if origin is tuple else value


def _to_bool(value: Any) -> bool:
    known = value if isinstance(value, bool) else _WORDS.get(str(value).lower())
    if known is None:
        raise ValueError
    return known


def _to_int(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if not isinstance(value, int | float) or isinstance(value, bool) or value != int(value):
        raise ValueError
    return int(value)


def _to_float(value: Any) -> float:
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        raise TypeError
    if isinstance(value, str) and not value.isascii():
        raise ValueError
    return float(value)


def _to_path(value: Any) -> Path:
    if not isinstance(value, str | Path):
        raise TypeError
    if isinstance(value, str) and not value.strip():
        raise ValueError  # Path("") would be the working folder
    return Path(value)


_CONVERTERS: dict[Any, Callable[[Any], Any]] = {
    bool: _to_bool,
    int: _to_int,
    float: _to_float,
    Path: _to_path,
}


def split(value: object) -> object:
    """Split a string at commas; return any other value unchanged.

    >>> split("Models.example.com, *.example.com,")
    ('models.example.com', '*.example.com')
    """
    if isinstance(value, str):
        return tuple(part.strip() for part in value.lower().split(",") if part.strip())
    return value


COMMA_LIST = Before(split)
